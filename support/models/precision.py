"""Builds networks that compute in float32, also in a run with mixed precision."""

import contextlib

import keras


@contextlib.contextmanager
def in_float32():
    """Build the networks of this block in float32; after the block the former policy is active again."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
