"""Tests run on the CPU, quietly, and start Keras as the suite does."""

import support.silent_start  # noqa: F401
