"""Hides remarks of Keras that do not matter to the user, while a file is saved or opened."""

import contextlib
import logging
import warnings


@contextlib.contextmanager
def quiet():
    """Hide the remarks of Keras ("HDF5 is legacy", "compiled metrics have yet to be built") during the block."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        absl.setLevel(level)
