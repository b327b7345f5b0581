"""Builds the model of a file: translates its configuration, checks it, lets Keras make it, and gives it its weights."""

import math

import keras

from support.models import keras_1, keras_2
from support.models.allowed import MADE, NotAllowed
from support.models.checking import Allowed
from support.models.weights import give_weights

MOST_VALUES = 2**26  # that a layer puts out for one picture, 268 MB: a map of 1024x1024 with 64 filters
MOST_WORK = 10**12  # multiplications for one picture, half a minute on two cores
WORK_OF_A_VALUE = 100  # multiplications in the time that a value takes on its way through the memory
MOST_STEPS = 10_000  # that layers take one after the other, such as the recurrent ones


def build(file):
    """Build the model of a file.

    Args:
        file: A `ModelFile` with a configuration. Its `keras_1` is set if it has Keras 1's words.

    Returns:
        `(model, most_at_once)`: the model with its weights, and how many pictures of it fit into little memory.

    Raises:
        NotAllowed: If the configuration is refused, or does not fit the weights.
    """
    config = plain(file.config)
    if config["class_name"] not in keras_2.MODELS:
        raise NotAllowed(
            f"the model is of a class of its own, {str(config['class_name'])[:60]}; save its generator, "
            "a Sequential or functional model, with generator.save(...)"
        )
    file.keras_1 = keras_1.has_keras_1_words(config)
    if file.keras_1:
        config = keras_1.in_keras_2_words(config)
    if not file.keras_version.startswith("3") or file.keras_1:
        config = keras_2.in_keras_3_words(config)
    checked = Allowed(file.arrays()).model(config)
    model = keras.saving.deserialize_keras_object(checked, custom_objects=MADE)
    if not model.built:
        raise NotAllowed("the file does not say of which shape the noise is; save the model after it was called once")
    most_at_once = pictures_at_once(model)
    build_activations(model)
    give_weights(model, file)
    return model, most_at_once


def plain(config):
    """Write a configuration in one form: arrays as numbers, and models of own classes that are functional as such.

    Keras up to 2.0.5 and TensorFlow 1.11 wrote numbers as `{"type": "ndarray", "value": 0.2}`; NaN meant none.
    """
    if isinstance(config, list):
        return [plain(inner) for inner in config]
    if not isinstance(config, dict):
        return None if isinstance(config, float) and math.isnan(config) else config
    if config.get("type") == "ndarray":
        return plain(config.get("value"))
    new = {key: plain(value) for key, value in config.items()}
    inner = new.get("config")
    if isinstance(inner, dict) and {"layers", "input_layers", "output_layers"} <= set(inner):
        new["class_name"] = "Functional"
    if str(new.get("registered_name")).startswith("Addons>"):
        new["class_name"] = new["registered_name"]
    return new


def build_activations(model):
    """Build the layers that are used as activations, such as PReLU: Keras does so only when it first draws.

    Raises:
        NotAllowed: If a layer inside another one stays without its weights.
    """
    for operation, node in calls_in(model):
        activation = getattr(operation, "activation", None)
        if isinstance(activation, keras.layers.Layer) and not activation.built:
            activation.build(node.output_tensors[0].shape)
    for layer in model._flatten_layers():
        if not layer.built:
            raise NotAllowed(f"Keras {keras.__version__} makes no weights for layer {layer.name!r} inside another one")


# ---- What drawing costs ----


def pictures_at_once(model):
    """Find out how many pictures a model draws with little memory, and refuse one that takes much for a single one.

    Args:
        model: A built Keras model; nothing was computed with it yet.

    Returns:
        A number from 1 up.

    Raises:
        NotAllowed: If one picture needs more than 1 GB or more than about a minute.
    """
    largest, work, steps = 1, 0, 0
    for operation, node in calls_in(model):
        if isinstance(operation, keras.Model):
            continue
        tensors, taken = node.output_tensors, node.input_tensors
        values = sum(number_of_values(tensor) for tensor in tensors)
        if isinstance(operation, (keras.layers.MultiHeadAttention, keras.layers.Attention)):
            length = max(number_of_values(tensor) // (tensor.shape[-1] or 1) for tensor in taken)
            values += length**2 * getattr(operation, "num_heads", 1)
        steps += steps_of(operation, taken[0].shape) if taken else 0
        if steps > MOST_STEPS:
            raise NotAllowed(
                f"the layers up to {operation.name!r} take more than {MOST_STEPS:,} steps one after the other"
            )
        if values > MOST_VALUES:
            raise NotAllowed(
                f"layer {operation.name!r} puts out {values:,} numbers for one picture; {MOST_VALUES:,} are taken"
            )
        largest, work = max(largest, values), work + work_of(operation, values)
    if work > MOST_WORK:
        raise NotAllowed(f"one picture takes {work:.0e} multiplications; {MOST_WORK:.0e} are taken")
    return max(1, MOST_VALUES // largest)


def nodes_behind(tensors):
    """Go back from tensors through the layers that make them.

    Args:
        tensors: Outputs of a Keras model.

    Yields:
        `(operation, node)`: a layer or function of keras.ops, and one call of it, each once.
    """
    seen, waiting = set(), list(tensors)
    while waiting:
        operation, number, _ = waiting.pop()._keras_history
        if (id(operation), number) not in seen:
            seen.add((id(operation), number))
            node = operation._inbound_nodes[number]
            yield operation, node
            waiting += node.input_tensors


def calls_in(model):
    """Yield each layer of a model, and one call of it, also in models inside it."""
    for operation, node in nodes_behind(keras.tree.flatten(model.outputs)):
        yield operation, node
        if isinstance(operation, keras.Model):
            yield from calls_in(operation)


def steps_of(layer, shape):
    """Count the steps that a layer takes one after the other for an input of this shape."""
    length = shape[1] or 64 if len(shape) > 1 else 1
    if isinstance(layer, keras.layers.RNN):
        return length
    if isinstance(layer, keras.layers.Bidirectional):
        return 2 * steps_of(layer.forward_layer, shape)
    if isinstance(layer, keras.layers.TimeDistributed):
        inside = len(list(layer.layer._flatten_layers()))
        return length * max(inside, steps_of(layer.layer, (shape[0], *shape[2:])))
    return 0


def number_of_values(tensor):
    """Count the values of a tensor for one picture; an open side counts as 64."""
    return math.prod(64 if side is None else side for side in tensor.shape[1:])


def work_of(operation, values):
    """Estimate the multiplications of a layer that puts out so many values."""
    pool = getattr(operation, "pool_size", 1)
    work = values * (WORK_OF_A_VALUE + math.prod(pool if isinstance(pool, tuple | list) else (pool,)))
    for variable in getattr(operation, "variables", []):
        if len(variable.shape) > 1:
            work += values * math.prod(variable.shape) // max(1, min(variable.shape[-2:]))
    return work
