"""Functions of TensorFlow that keras.ops has not in this form, written with keras.ops."""

import numpy as np
from keras import ops


def tf_add_n(inputs):
    """Add tensors of one shape."""
    return sum(inputs[1:], inputs[0])


def tf_gelu(x, approximate=False):
    """Apply GELU, exact unless told otherwise. (keras.ops approximates it unless told otherwise.)"""
    return ops.gelu(x, approximate)


def tf_l2_normalize(x, axis=None, epsilon=1e-12):
    """Divide by the Euclidean length along an axis."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))


def tf_matmul(x1, x2, transpose_a=False, transpose_b=False):
    """Multiply matrices; each may be transposed before, in its last two axes."""
    first = ops.swapaxes(x1, -1, -2) if transpose_a else x1
    return ops.matmul(first, ops.swapaxes(x2, -1, -2) if transpose_b else x2)


def tf_pad(x, paddings, mode="CONSTANT", constant_values=0):
    """Pad, with `paddings` before and after each axis; the mode is in capitals."""
    mode = mode.lower()
    return ops.pad(x, paddings, mode, constant_values if mode == "constant" else None)


def tf_split(x, num_or_size_splits, axis=0):
    """Split into a number of equal parts, or into parts of these sizes. (keras.ops takes the places of the cuts.)"""
    parts = num_or_size_splits
    return ops.split(x, parts if isinstance(parts, int) else np.cumsum(parts)[:-1].tolist(), axis=axis)


def tf_squared_difference(x1, x2):
    """Return the square of the difference."""
    return ops.square(x1 - x2)
