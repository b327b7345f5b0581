"""Tests run on the CPU, quietly, and start Keras as the suite does."""

import contextlib

# Before TensorFlow, where torch brought it: after it, starting triton crashes Python (tensorflow/tensorflow#124205).
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import pytest


@pytest.fixture(autouse=True)
def in_float32():
    """Begin each test in float32: a run of train.py in this process may leave Keras computing in bfloat16."""
    keras.config.set_dtype_policy("float32")
