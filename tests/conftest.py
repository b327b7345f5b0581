"""Tests run on the CPU, quietly, and start Keras as the suite does."""

import contextlib

# Before TensorFlow, where torch brought it: after it, starting triton crashes Python (tensorflow/tensorflow#124205).
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

import support.system.silent_start  # noqa: F401
