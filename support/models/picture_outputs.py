"""Finds the pictures among a model's outputs, the generator in a larger model, and whether pictures go into one."""

import math

import keras

from support.models.building import nodes_behind
from support.models.value_range import is_softmax, possible_values

CHANNELS = (1, 3, 4)
SHORTEST_SIDE = 8  # of a picture that is stored as a row of numbers


def is_picture(shape):
    """Say whether a shape without the batch is that of pictures: channels last, channels first, or grey without any."""
    if len(shape) == 2:
        return None not in shape and min(shape) >= SHORTEST_SIDE
    return len(shape) == 3 and shape[:2] != (1, 1) and (shape[-1] in CHANNELS or has_channels_first(shape))


def has_channels_first(shape):
    """Say whether a shape can only be that of pictures with the channels first, such as (3, 32, 32)."""
    return shape[0] in (1, 3) and all(side is None or side >= SHORTEST_SIDE for side in shape[1:])


def largest_picture(model):
    """Return the output of a model that is its largest picture, or None."""
    pictures = [
        tensor
        for tensor in keras.tree.flatten(model.outputs)
        if is_picture(tuple(tensor.shape[1:])) and not (len(tensor.shape) == 3 and is_softmax(tensor))
    ]
    return max(pictures, key=lambda tensor: math.prod(side or 0 for side in tensor.shape[1:]), default=None)


def picture_in_a_row(model):
    """Return the output that is a picture as a row of numbers, such as 784 or 3072; or None."""
    rows = [
        tensor
        for tensor in keras.tree.flatten(model.outputs)
        if row_shape(tuple(tensor.shape[1:])) and not is_softmax(tensor)
    ]
    return max(rows, key=lambda tensor: tensor.shape[-1], default=None)


def row_shape(shape):
    """Return `(side, side, channels)` of a square picture that is stored as a row of numbers, or None."""
    if len(shape) != 1 or shape[0] is None:
        return None
    for channels in (1, 3):
        side = math.isqrt(shape[0] // channels)
        if side >= SHORTEST_SIDE and side * side * channels == shape[0]:
            return side, side, channels
    return None


def with_plain_pictures(model, tensor):
    """Make a model of one output `(b, height, width, channels)`.

    Args:
        model: The Keras model.
        tensor: Which of its outputs is the picture.

    Returns:
        `(model, notes)`: the same model where it is plain already.
    """
    shape, notes = tuple(tensor.shape[1:]), []
    if len(shape) == 1:
        shape = row_shape(shape)
        notes.append(f"{tensor.shape[-1]} numbers in a row, taken as {'x'.join(map(str, shape))}")
        pictures = keras.layers.Reshape(shape, name="as_pictures")(tensor)
    elif len(shape) == 2:
        pictures = keras.layers.Reshape((*shape, 1), name="as_pictures")(tensor)
    elif shape[-1] not in CHANNELS:
        notes.append("channels first")
        pictures = keras.layers.Permute((2, 3, 1), name="as_pictures")(tensor)
    elif len(model.outputs) == 1 and (isinstance(model, keras.Sequential) or has_plain_inputs(model)):
        return model, []
    else:
        pictures = tensor
    return keras.Model(single(model.inputs), pictures), notes


def has_plain_inputs(model):
    """Say whether a model takes one array, or a list of several; not a list of one, nor a dictionary."""
    return isinstance(model.input, keras.KerasTensor) or (
        isinstance(model.input, list | tuple) and len(model.input) > 1
    )


def single(inputs):
    """Take a single input out of its list: with a list, Keras would expect a list in every call."""
    return inputs[0] if len(inputs) == 1 else inputs


def generator_inside(model):
    """Find the generator in a combined model: a model in it, or else the one place where it makes a picture of noise.

    Returns:
        `(model, tensor)`: the generator and its picture; or None.
    """
    for inner in inner_models(model):
        tensor = largest_picture(inner)
        if tensor is not None and not takes_pictures(inner):
            return inner, tensor
    if takes_pictures(model):
        return None
    tensors = [
        tensor
        for _, node in nodes_behind(keras.tree.flatten(model.outputs))
        for tensor in node.output_tensors
        if len(tensor.shape) == 4 and tensor.shape[-1] in (1, 3) and possible_values(tensor) in ((-1, 1), (0, 1))
    ]
    if len(tensors) != 1:
        return None
    return keras.Model(single(inputs_of(tensors[0], model)), tensors[0]), tensors[0]


def inner_models(model):
    """Yield the models in a model, the outer ones first."""
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    yield from inner
    for layer in inner:
        yield from inner_models(layer)


def inputs_of(tensor, model):
    """List those inputs of a model on which a tensor depends, in the model's order."""
    needed = {operation.name for operation, _ in nodes_behind([tensor])}
    return [start for start in model.inputs if start._keras_history[0].name in needed]


def takes_pictures(model):
    """Say whether a picture goes into a model; three inputs or more may have noise in the shape of pictures."""
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(shapes) == 1 and is_map_of_noise(shapes[0], model):
        return False
    pictures = [
        shape
        for shape, tensor in zip(shapes, model.inputs, strict=True)
        if len(shape) == 3 and shape[:2] != (1, 1) and not ("noise" in tensor.name.lower() and shape[-1] == 1)
    ]
    return bool(pictures) and not (len(shapes) > 2 and all(shape[-1] == 1 for shape in pictures))


def is_map_of_noise(shape, model):
    """Say whether an input is noise in rows and columns, such as (4, 4, 8): no picture, and smaller than the output."""
    tensor = largest_picture(model)
    if len(shape) != 3 or None in shape or is_picture(shape) or tensor is None or None in tensor.shape[1:]:
        return False
    return math.prod(shape[:2]) < math.prod(tensor.shape[1:]) / tensor.shape[-1]
