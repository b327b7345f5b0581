"""Networks that compute in float32, whatever the run computes in."""

import contextlib

import keras


@contextlib.contextmanager
def in_float32():
    """Build the networks of this block in float32; the policy that held before holds again after it."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
