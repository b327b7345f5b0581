"""Finds the generator in a model: its pictures, its noise, its class; refuses models that are none."""

import math

import keras
import numpy as np

from support.models.allowed import NotAllowed
from support.models.building import calls_in, nodes_behind
from support.models.generator import Generator
from support.models.picture_outputs import (
    generator_inside,
    largest_picture,
    picture_in_a_row,
    takes_pictures,
    with_plain_pictures,
)
from support.models.recognising import EXPECTED
from support.models.value_range import DRAWN, is_softmax, possible_values, range_of

MOST_INPUTS = 64
CLASS_WORDS = ("class", "label", "cond")
ENCODERS = (keras.layers.Embedding, keras.layers.CategoryEncoding)
OTHERS_IN_TRAINING = (  # layers that do something else then, or may have such layers in them
    keras.layers.AlphaDropout,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.Model,
)
NOISE_SIZES = (8, 10, 16, 20, 30, 32, 50, 62, 64, 96, 100, 120, 128, 140, 150, 200, 256, 300, 400, 500, 512, 1000, 1024)
CLASS_COUNTS = (10, 100, 3, 5, 2)


def described(model, settings, keras_version, most_at_once):
    """Find out which input is noise, which is the class, and what the pictures are like; refuse other models.

    Args:
        model: A Keras model with its weights.
        settings: What train.py stored, a dictionary.
        keras_version: Version of the Keras that wrote the file.
        most_at_once: How many pictures may be drawn at once with little memory.

    Returns:
        A `Generator`.

    Raises:
        NotAllowed: If the model takes pictures, or makes none; the message says what kind of model it is.
    """
    notes = []
    tensor = largest_picture(model)
    if tensor is None:
        inner = generator_inside(model)
        if inner is not None:
            model, tensor = inner
            notes.append("a combined model, of which its generator is drawn")
        elif not takes_pictures(model):
            tensor = picture_in_a_row(model)
    refuse_what_is_no_generator(model, tensor)
    if len(model.outputs) > 1:
        notes.append(f"its largest picture of {len(model.outputs)} outputs")
    model, note = with_plain_pictures(model, tensor)
    notes += note

    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    class_position = position_of_the_class(model, settings)
    class_names = settings.get("class_names") or None
    class_count = 0
    if class_position is not None:
        class_count = number_of_classes(model, shapes[class_position], class_names)
        if not class_count:
            raise NotAllowed(
                f"{in_words(model)}; nothing in it tells how many classes there are (no Embedding layer, not one-hot); "
                'write them into an .h5, in its attribute gan: {"class_names": ["0", "1"]}'
            )
    refuse_words(model, class_position)
    for place, shape in enumerate(shapes):
        if place != class_position and (not shape or None in shape or math.prod(shape) > 2**20):
            raise NotAllowed(f"{in_words(model)}; {EXPECTED}, and noise is (z) or (1, 1, z)")
    generator = Generator(
        model=model,
        input_shapes=shapes,
        class_position=class_position,
        class_count=class_count,
        class_names=class_names if class_names and len(class_names) == class_count else None,
        picture_shape=tuple(model.outputs[0].shape[1:]),
        value_range=(-1.0, 1.0),
        settings=settings,
        keras_version=keras_version,
        notes=notes + doubts(shapes, class_position, settings) + as_in_training(model, keras_version),
        most_at_once=most_at_once,
    )
    if None in generator.picture_shape:
        # A network without a Dense or Reshape layer may only know its size after it has drawn once.
        generator.picture_shape = tuple(some_pictures(generator, 1).shape[1:])
    count = min(DRAWN, most_at_once)
    generator.value_range, note = range_of(possible_values(model.outputs[0]), lambda: some_pictures(generator, count))
    generator.notes += [note] if note else []
    return generator


def some_pictures(generator, count):
    """Draw a few pictures, to look at their values."""
    noise = np.random.default_rng(0).standard_normal((count, generator.noise_size), dtype="float32")
    classes = np.resize(np.arange(generator.class_count or 1), count)
    return generator.draw(noise, classes)


def refuse_what_is_no_generator(model, tensor):
    """Say what kind of model it is, if it does not make pictures from noise."""
    said, outputs = in_words(model), [tuple(end.shape[1:]) for end in model.outputs]
    if takes_pictures(model):
        if tensor is not None and len(tensor.shape) == 4:
            kind = "it turns pictures into pictures"
        elif all(math.prod(side or 0 for side in shape) == 1 for shape in outputs):
            kind = "a discriminator: pictures in, one number out"
        else:
            kind = "a classifier: pictures in, numbers out"
        raise NotAllowed(f"{said} ({kind}); {EXPECTED}")
    if tensor is None and any(map(is_softmax, model.outputs)):
        raise NotAllowed(f"{said} (a classifier: its last layer is a softmax); {EXPECTED}")
    if tensor is None:
        raise NotAllowed(f"{said}, and that is no picture (height, width, 1, 3 or 4 channels); {EXPECTED}")
    inputs = [tuple(start.shape[1:]) for start in model.inputs]
    if len(tensor.shape) == 2 and inputs == [tuple(tensor.shape[1:])]:
        raise NotAllowed(f"{said} (an autoencoder: as many numbers in as out; save its decoder); {EXPECTED}")
    if len(tensor.shape) == 3 and len(inputs) == 1 and len(inputs[0]) == 2 and inputs[0][0] == tensor.shape[1]:
        raise NotAllowed(f"{said} (it turns rows into rows, one by one); {EXPECTED}")
    if len(model.inputs) > MOST_INPUTS:
        raise NotAllowed(f"{said}; {EXPECTED}, with at most {MOST_INPUTS} inputs")


def refuse_words(model, class_position):
    """Refuse inputs of whole numbers that are no class, such as the numbers of words."""
    for place, tensor in enumerate(model.inputs):
        looked_up = any(isinstance(layer, keras.layers.Embedding) for layer in layers_behind(model, tensor))
        whole = looked_up or "int" in keras.backend.standardize_dtype(tensor.dtype)
        is_one = math.prod(side or 0 for side in tensor.shape[1:]) == 1
        if (looked_up and not is_one) if place == class_position else whole:
            kind = "a class, and no noise" if is_one else "words or codes"
            raise NotAllowed(f"{in_words(model)}, of which input {place + 1} takes whole numbers ({kind}); {EXPECTED}")


def in_words(model):
    """Say from what to what a model leads."""
    sides = [
        " and ".join(shape_text(tensor.shape[1:]) for tensor in tensors[:5])
        for tensors in (model.inputs, model.outputs)
    ]
    return f"a model from {sides[0]} to {sides[1]}"


def shape_text(shape):
    """Return a shape without the batch as text, `(32, 32, 3)`, with `any` for an open side."""
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def position_of_the_class(model, settings):
    """Find the input that takes the class.

    An integer type says so, a name with "class", "label" or "cond", an Embedding behind it, or a single number beside
    a vector; or that it is as long as train.py's list of classes.

    Returns:
        Its position, or None.

    Raises:
        NotAllowed: If there are two.
    """
    if len(model.inputs) == 1:
        return None
    sizes = [math.prod(side or 0 for side in tensor.shape[1:]) for tensor in model.inputs]
    signs = (
        lambda tensor, size: "int" in keras.backend.standardize_dtype(tensor.dtype),
        lambda tensor, size: any(isinstance(layer, ENCODERS) for layer in layers_behind(model, tensor)),
        lambda tensor, size: any(word in tensor.name.lower() for word in CLASS_WORDS),
        lambda tensor, size: size == 1 < max(sizes),
        lambda tensor, size: size == len(settings.get("class_names") or ()),
    )
    for sign in signs:
        found = [place for place, tensor in enumerate(model.inputs) if sign(tensor, sizes[place])]
        if len(found) > 1 and len(found) < len(sizes):
            raise NotAllowed(f"{in_words(model)}, with {len(found)} inputs for classes; {EXPECTED}, with one at most")
        if len(found) == 1:
            return found[0]
    return None


def layers_behind(model, tensor):
    """List the layers of a model that take a tensor, and those after ones that only change its shape."""
    found = []
    for operation, node in nodes_behind(keras.tree.flatten(model.outputs)):
        if any(tensor is taken for taken in node.input_tensors):
            found.append(operation)
            if type(operation).__name__ in ("Reshape", "Flatten"):
                found += layers_behind(model, node.output_tensors[0])
    return found


def number_of_classes(model, class_shape, class_names):
    """Count the classes: the width of a one-hot input, else of the Embedding or one_hot, else the number of names."""
    if math.prod(class_shape) != 1:
        return math.prod(side or 0 for side in class_shape)
    counts = {
        getattr(layer, "input_dim", None) or getattr(layer, "num_tokens", None)
        for layer in all_layers(model)
        if isinstance(layer, ENCODERS)
    }
    counts |= {
        (operation.settings | node.arguments.kwargs).get("num_classes")
        for operation, node in calls_in(model)
        if getattr(operation, "function", None) == "OneHot"
    }
    if len(counts) == 1:
        return counts.pop()
    return len(class_names) if class_names else 0


def all_layers(model):
    """Yield a model's layers, also those of nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def as_in_training(model, keras_version):
    """Say which layers Keras 2 let work as in training while it drew, since they were called with training=True."""
    calls = [] if keras_version.startswith("3") else calls_in(model)
    names = [
        operation.name
        for operation, node in calls
        if isinstance(operation, OTHERS_IN_TRAINING) and node.arguments.kwargs.get("training") is True
    ]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"drawn without the training=True of layer {names[0]!r}{more}"] if names else []


def doubts(shapes, class_position, settings):
    """Say what nothing in the file decides: whether a vector beside the noise, or its end, is a one-hot class."""
    if class_position is not None or settings:
        return []
    if len(shapes) > 1:
        sizes = [math.prod(shape) for shape in shapes]
        advice = f"; if one is a one-hot class: --one-hot {min(sizes)}" if min(sizes) != max(sizes) else ""
        return [f"noise in each of {len(shapes)} inputs{advice}"]
    size = math.prod(shapes[0])
    for classes in CLASS_COUNTS:
        if size not in NOISE_SIZES and size - classes in NOISE_SIZES:
            return [f"if the last {classes} are a one-hot class: --one-hot {classes}"]
    return []
