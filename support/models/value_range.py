"""Finds the range of values of a generator's pictures: from its last layers, else from what it draws."""

import math

import keras
import numpy as np

# The range of an activation's values, whatever it is given.
RANGES = {
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "keras_2_hard_sigmoid": (0.0, 1.0),
    "sparse_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "relu6": (0.0, 6.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "square": (0.0, math.inf),
    "abs": (0.0, math.inf),
    "absolute": (0.0, math.inf),
}
# These move values or leave some out, but make no new ones.
UNCHANGING = """
    Cropping2D Reshape Permute Flatten Dropout Identity UpSampling2D GetItem Transpose ExpandDims Squeeze Cast Copy
    StopGradient MaxPooling2D AveragePooling2D SpatialDropout2D GaussianNoise GaussianDropout ActivityRegularization
    RepeatVector Resize Resizing Maximum Minimum Concatenate Stack Flip Moveaxis Swapaxes CenterCrop
""".split()
ANY = (-math.inf, math.inf)
USUAL = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))
DRAWN = 16  # pictures to look at
RANGE = "--range"  # in a note that proposes this flag
AS_DRAWN = f"a range as drawn (another: {RANGE} LOW:HIGH)"


def possible_values(tensor, known=None):
    """Go back from a tensor of a model to find the lowest and the highest value that it can have.

    Args:
        tensor: An output of a Keras model.
        known: Dictionary of what was found for other tensors on the way, so that none is looked at twice.

    Returns:
        `(lowest, highest)`, with infinity where nothing limits it.
    """
    known = {} if known is None else known
    place = operation, number, position = tuple(tensor._keras_history)
    if isinstance(operation, keras.layers.InputLayer):
        return ANY
    if place not in known:
        if isinstance(operation, keras.Model):
            known[place] = possible_values(keras.tree.flatten(operation.outputs)[position], known)
        else:
            node = operation._inbound_nodes[number]
            kind, settings = type(operation).__name__, operation
            if kind == "Step":
                kind, settings = operation.function, operation.settings | node.arguments.kwargs
            known[place] = after(kind, settings, node, operation, known)
    return known[place]


def after(kind, settings, node, operation, known):
    """Find the range of what a layer puts out, from the range of what goes in."""

    def setting(name, default=None):
        return settings.get(name, default) if isinstance(settings, dict) else getattr(settings, name, default)

    before = [possible_values(tensor, known) for tensor in node.input_tensors] if kind in NEEDS_BEFORE else []
    activation = setting("activation")
    if activation is not None:
        name = getattr(activation, "__name__", type(activation).__name__)
        if name != "linear":
            return RANGES.get(name.lower(), ANY)
        return before[0] if kind == "Activation" else ANY
    if kind == "ReLU":
        highest = setting("max_value")
        return (0.0, math.inf if highest is None else float(highest)) if not setting("negative_slope") else ANY
    if kind == "Rescaling":
        return scaled(before[0], setting("scale"), setting("offset"))
    if kind == "Clip":
        return tuple(float(value) for value in np.clip(before[0], setting("x_min"), setting("x_max")))
    if kind in ARITHMETIC and isinstance(operation, keras.Operation) and not isinstance(operation, keras.layers.Layer):
        return calculated(kind, node, known)
    if kind in UNCHANGING:
        return min(low for low, _ in before), max(high for _, high in before)
    return RANGES.get(kind.lower(), ANY)


def is_softmax(tensor):
    """Say whether a tensor of a model is a softmax, perhaps in another shape: probabilities."""
    operation, number, position = tensor._keras_history
    if isinstance(operation, keras.layers.InputLayer):
        return False
    if isinstance(operation, keras.Model):
        return is_softmax(keras.tree.flatten(operation.outputs)[position])
    kind = getattr(operation, "function", type(operation).__name__)
    if kind in UNCHANGING:
        return is_softmax(operation._inbound_nodes[number].input_tensors[0])
    activation = getattr(getattr(operation, "layer", operation), "activation", None)
    return "softmax" in (kind.lower(), getattr(activation, "__name__", ""))


def scaled(values, scale, offset):
    """Return a range after `x * scale + offset`."""
    if np.ndim(scale) or np.ndim(offset):
        return ANY
    ends = [value * float(scale) + float(offset) for value in values]
    return min(ends), max(ends)


ARITHMETIC = {
    "Add": lambda a, b: a + b,
    "Subtract": lambda a, b: a - b,
    "Multiply": lambda a, b: a * b,
    "Divide": lambda a, b: a / b if b else math.nan,
    "TrueDivide": lambda a, b: a / b if b else math.nan,
    "Negative": lambda a, b: -a,
}
NEEDS_BEFORE = {"Activation", "Rescaling", "Clip", *UNCHANGING}


def calculated(kind, node, known):
    """Return the range of `a + b` and the like, where one of the two is a number."""
    arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
    ranges = []
    for argument in arguments[:2]:
        if isinstance(argument, keras.KerasTensor):
            ranges.append(possible_values(argument, known))
        elif np.size(argument) == 1 and isinstance(argument, int | float | np.ndarray):
            ranges.append((float(np.reshape(argument, ())),) * 2)
        else:
            return ANY
    ranges = (ranges * 2)[:2] if kind == "Negative" else ranges
    if len(ranges) != 2:
        return ANY
    ends = [ARITHMETIC[kind](a, b) for a in ranges[0] for b in ranges[1]]
    return ANY if any(math.isnan(end) for end in ends) else (min(ends), max(ends))


def range_of(possible, draw):
    """Decide which two values become black and white.

    Args:
        possible: What `possible_values` gave.
        draw: Function without arguments that draws a few pictures, an array of floats.

    Returns:
        `((lowest, highest), note)`: the note proposes `--range` if the last layers do not decide it, else None.
    """
    if all(map(math.isfinite, possible)) and possible[0] < possible[1]:
        return possible, None
    drawn = np.asarray(draw(), "float64")
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return USUAL[0], AS_DRAWN
    low, high = np.quantile(drawn, (0.01, 0.99))
    if low < -3 and low < -high / 4:
        low, high = math.floor(low), math.floor(high) + 1
        return (float(low), float(high)), f"as drawn, perhaps logits (for example {RANGE} -4:4)"
    if high > 8:
        return USUAL[2], AS_DRAWN
    return USUAL[1] if possible[0] >= 0 or -0.1 * high <= low <= high <= 1.1 else USUAL[0], AS_DRAWN
