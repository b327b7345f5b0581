"""What several tests compare: tensors as NumPy's arrays, weights as bytes."""

import numpy as np
from keras import ops


def values(tensor):
    """Copy a tensor, a variable or a list of these to arrays that later steps cannot change."""
    if isinstance(tensor, list):
        return [np.array(ops.convert_to_numpy(item)) for item in tensor]
    return np.array(ops.convert_to_numpy(tensor))


def weights_of(model):
    """Copy all of a model's weights, as bytes."""
    return [weight.tobytes() for weight in model.get_weights()]
