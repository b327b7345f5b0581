"""Gives a model the weights out of a file: matched as Keras matches them, by order or by path.

A `.h5` file lists its layers in order, and the weights of each in order. A `.weights.h5` file, the one inside a
`.keras` too, has a group for each layer, with a path such as `layers/conv2d_1/vars`.
"""

import warnings

import keras
import numpy as np
from keras.src.saving import saving_lib

from support.models.allowed import NotAllowed

UNFIT = "the weights in the file do not fit the layers in it"


def give_weights(model, file):
    """Set all weights of a model.

    Args:
        model: The Keras model, with weights that are all zero.
        file: The `ModelFile`.

    Raises:
        NotAllowed: If the file has other weights than the model needs.
    """
    if file.in_order is not None:
        give_in_order(model, file)
    else:
        give_by_path(model, file.by_path or {})
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights


def give_in_order(model, file):
    """Set the weights of a `.h5` file: the n-th layer with weights gets the n-th group that has some."""
    stored = [(name, weights) for name, weights in file.in_order if name and weights]
    top = [weights for name, weights in file.in_order if not name and weights]
    wanting = [layer for layer in model.layers if layer.weights]
    if len(stored) != len(wanting):
        raise NotAllowed(f"{UNFIT}: {len(stored)} groups of weights for {len(wanting)} layers")
    if top:
        raise NotAllowed(f"{UNFIT}: there are weights that belong to no layer")
    for layer, (_, weights) in zip(wanting, stored, strict=True):
        variables = [*layer.trainable_weights, *layer.non_trainable_weights]
        arrays = [array for _, array in weights]
        if len(variables) != len(arrays):
            raise NotAllowed(f"{UNFIT}: {len(arrays)} arrays for the {len(variables)} of layer {layer.name!r}")
        for variable, array in zip(variables, in_todays_layout(layer, arrays, file), strict=True):
            assign(variable, array, layer)


def assign(variable, array, layer):
    """Set one variable; refuse an array of another shape."""
    if tuple(variable.shape) != tuple(array.shape):
        raise NotAllowed(
            f"{UNFIT}: {variable.name} of layer {layer.name!r} has the shape {tuple(variable.shape)}, "
            f"in the file {tuple(array.shape)}"
        )
    variable.assign(array)


# ---- Older layouts of kernels ----


def in_todays_layout(layer, arrays, file):
    """Turn the kernels of Keras 1 and of Theano into those of today.

    Args:
        layer: The layer that gets them.
        arrays: Its arrays in the file's order.
        file: The `ModelFile`.

    Returns:
        The list of arrays.
    """
    kind = type(layer).__name__
    if kind not in ("Conv1D", "Conv2D", "Conv2DTranspose", "Conv3D"):
        return arrays
    kernel, *others = arrays
    first = getattr(layer, "data_format", None) == "channels_first"
    if file.keras_1:
        # With channels first, Keras 1 stored kernels as (filters, channels, rows, columns).
        order = {
            ("Conv1D", True): (2, 3, 1, 0),
            ("Conv1D", False): (0, 1, 2, 3),
            ("Conv2D", True): (2, 3, 1, 0),
            ("Conv3D", True): (2, 3, 4, 1, 0),
            ("Conv2DTranspose", True): (2, 3, 0, 1),
            ("Conv2DTranspose", False): (0, 1, 3, 2),
        }.get((kind, first))
        if order and kernel.ndim == len(order):
            kernel = kernel.transpose(order)
        if kind == "Conv1D" and kernel.ndim == 4:
            kernel = kernel[:, 0]
    if file.backend == "theano" or (file.keras_1 and first and not file.backend):
        # Theano convolves, the others correlate: the same kernel, turned by half.
        kernel = kernel[(slice(None, None, -1),) * (kernel.ndim - 2)]
    return [np.ascontiguousarray(kernel), *others]


# ---- By path ----


class InMemory(saving_lib.NpzIOStore):
    """A store from which Keras reads weights by path: a dictionary, no file."""

    def __init__(self, groups):
        self.groups = groups

    def get(self, path):
        return self.groups.get(path or "", {})

    def has_path(self, path):
        return any(group == path or group.startswith(path + "/") for group in self.groups)


def give_by_path(model, groups):
    """Set the weights of a `.weights.h5` file, with Keras' own walk through a model."""
    groups = {path.removesuffix("vars").strip("/"): arrays for path, arrays in groups.items()}
    failed, messages = set(), {}
    with warnings.catch_warnings():
        # Keras only warns where the file has no group for the layers of a list, and leaves them without weights.
        warnings.filterwarnings("error", "Skipping nested container")
        try:
            saving_lib._load_state(
                model,
                weights_store=InMemory(groups),
                assets_store=None,
                inner_path="",
                visited_saveables=set(),
                failed_saveables=failed,
                error_msgs=messages,
            )
        except UserWarning as warning:
            raise NotAllowed(f"{UNFIT}: {str(warning)[:150]}") from None
    for saveable, error in messages.values():
        if isinstance(error, NotAllowed):
            raise error
        if getattr(saveable, "weights", None) or getattr(saveable, "variables", None):
            name = getattr(saveable, "name", type(saveable).__name__)
            raise NotAllowed(f"{UNFIT}: layer {name!r}: {' '.join(str(error).split())[:150]}")
