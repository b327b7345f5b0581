"""Finds out about a model: which input is the noise, which the class; the size and value range of its pictures."""

import dataclasses

import keras
import numpy as np

from support.system.errors import InputError

EXPECTED = (
    "expected is a generator, which makes pictures from noise: generator_eXXX.h5 of train.py, or another .h5/.keras"
)


@dataclasses.dataclass
class Generator:
    """An opened generator, and what its file says about it.

    Args:
        model: The Keras model.
        noise_position: Which of the model's inputs takes the noise.
        noise_shape: Shape of one noise input, `(z,)` or `(1, 1, z)`.
        class_position: Which of the model's inputs takes the class; None if there is none.
        class_shape: Shape of one class input: `(1,)` or `()` for a number, `(classes,)` for one-hot.
        class_count: How many classes there are; 0 for a model without classes.
        class_names: Their names, or None if the file has none.
        picture_shape: `(height, width, channels)`.
        value_range: The lowest and highest value of the model's pictures.
        settings: What train.py stored: preset, epoch, noise_size, class_names, seed, versions. May be empty.
        keras_version: Version of the Keras that wrote the file.
    """

    model: keras.Model
    noise_position: int
    noise_shape: tuple
    class_position: int | None
    class_shape: tuple
    class_count: int
    class_names: list | None
    picture_shape: tuple
    value_range: tuple
    settings: dict
    keras_version: str

    @property
    def noise_size(self):
        """The number of noise values for one picture."""
        return self.noise_shape[-1]

    def inputs(self, noise, classes=None):
        """Bring noise and classes into the shapes and the order that this model expects.

        Args:
            noise: Array of floats `(b, noise_size)`.
            classes: Array of integers `(b,)`, numbers from 0; only for a model with classes.

        Returns:
            The input for the model: one array, or a list of two.
        """
        noise = noise.reshape((-1, *self.noise_shape))
        if self.class_position is None:
            return noise
        if self.class_shape and self.class_shape[-1] > 1:
            classes = np.eye(self.class_count, dtype="float32")[classes]
        else:
            classes = classes.astype("int32").reshape((-1, *self.class_shape))
        return [classes, noise] if self.class_position == 0 else [noise, classes]


def names_of_classes(generator):
    """List the names of the classes, or their numbers if the file has no names."""
    return generator.class_names or [str(number) for number in range(generator.class_count)]


def class_number(generator, name):
    """Find the number of the class that `--class` names.

    Raises:
        InputError: If the generator has no classes, or none of this name.
    """
    if generator.class_position is None:
        raise InputError(f"--class {name}: this generator was trained without classes; leave --class out")
    names = names_of_classes(generator)
    numbers = {str(number): number for number in range(generator.class_count)}
    numbers |= {class_name: number for number, class_name in enumerate(names)}
    if name not in numbers:
        raise InputError(
            f"--class {name}: there is no such class; choose one of {', '.join(names)}, "
            f"or a number from 0 to {len(names) - 1}"
        )
    return numbers[name]


def described(path, model, settings, keras_version):
    """Find out which input is noise, which is the class, and what the pictures are like; refuse other models.

    Returns:
        A `Generator`.

    Raises:
        InputError: If the model takes pictures, or makes none; the message says what kind of model it is.
    """
    inputs = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    outputs = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    said = (
        f"{path} holds a model from {' and '.join(map(shape_text, inputs))} to {' and '.join(map(shape_text, outputs))}"
    )
    makes_pictures = len(outputs) == 1 and len(outputs[0]) == 3 and outputs[0][-1] in (1, 3, 4)
    if any(len(shape) == 3 and shape[:2] != (1, 1) for shape in inputs):
        if makes_pictures:
            kind = "it turns pictures into pictures"
        elif all(shape == (1,) or shape == (1, 1, 1) for shape in outputs):
            kind = "a discriminator: pictures in, one number out"
        else:
            kind = "a classifier: pictures in, numbers out"
        raise InputError(f"{said} ({kind}); {EXPECTED}")
    if not makes_pictures:
        raise InputError(f"{said}, and that is no picture (height, width, 1, 3 or 4 channels); {EXPECTED}")
    if len(inputs) > 2:
        raise InputError(f"{said}; {EXPECTED}, with one input for the noise and at most one for the class")

    class_position = None if len(inputs) == 1 else position_of_the_class(model)
    noise_position = 1 if class_position == 0 else 0
    noise_shape = inputs[noise_position]
    if not noise_shape or None in noise_shape or any(side != 1 for side in noise_shape[:-1]):
        raise InputError(f"{said}; {EXPECTED}, and noise is (z) or (1, 1, z)")
    class_shape = () if class_position is None else inputs[class_position]
    class_names = settings.get("class_names") or None
    class_count = 0 if class_position is None else number_of_classes(model, class_shape, class_names)
    if class_position is not None and not class_count:
        raise InputError(f"{said}; nothing in it tells how many classes there are (no Embedding layer, not one-hot)")
    if class_names is not None and len(class_names) != class_count:
        class_names = None

    generator = Generator(
        model=model,
        noise_position=noise_position,
        noise_shape=noise_shape,
        class_position=class_position,
        class_shape=class_shape,
        class_count=class_count,
        class_names=class_names,
        picture_shape=outputs[0],
        value_range=value_range(model),
        settings=settings,
        keras_version=keras_version,
    )
    if None in generator.picture_shape:
        # A network without a Dense or Reshape layer may only know its size after it has drawn once.
        noise, classes = np.zeros((1, generator.noise_size), "float32"), np.zeros(1, "int32")
        drawn = first_output(model.predict_on_batch(generator.inputs(noise, classes)))
        generator.picture_shape = tuple(drawn.shape[1:])
    return generator


def first_output(outputs):
    """Return the pictures of a model; some files have them as the only entry of a list or a dictionary of outputs."""
    return keras.tree.flatten(outputs)[0]


def shape_text(shape):
    """Return a shape without the batch as text, `(32, 32, 3)`, with `any` for an open side."""
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def position_of_the_class(model):
    """Find which of two inputs is the class: by an integer type, else by its name, else the smaller one."""
    for position, tensor in enumerate(model.inputs):
        if "int" in keras.backend.standardize_dtype(tensor.dtype):
            return position
    for position, tensor in enumerate(model.inputs):
        if any(word in tensor.name.lower() for word in ("class", "label")):
            return position
    sizes = [tensor.shape[-1] if len(tensor.shape) > 1 else 1 for tensor in model.inputs]
    return 0 if sizes[0] < sizes[1] else 1


def number_of_classes(model, class_shape, class_names):
    """Count the classes: the width of a one-hot input, else the size of the Embedding, else the number of names."""
    if class_shape and class_shape[-1] != 1:
        return class_shape[-1]
    counts = {
        getattr(layer, "input_dim", None) or getattr(layer, "num_tokens", None)
        for layer in all_layers(model)
        if isinstance(layer, (keras.layers.Embedding, keras.layers.CategoryEncoding))
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


# Layers that may follow the last activation: they move values or keep them, but make no new values.
UNCHANGING = ("Cropping2D", "Reshape", "Permute", "Flatten", "ZeroPadding2D", "Dropout", "Identity", "UpSampling2D")


def value_range(model):
    """Find the lowest and highest value of a generator's pictures from its last activation.

    Returns:
        `(0.0, 1.0)` after a sigmoid; `(-1.0, 1.0)` after tanh and everything else.
    """
    activation = last_activation(keras.saving.serialize_keras_object(model))
    return (0.0, 1.0) if activation in ("sigmoid", "hard_sigmoid", "keras_2_hard_sigmoid") else (-1.0, 1.0)


def last_activation(model):
    """Go back from the output of a model's configuration to the first activation that is not linear.

    Args:
        model: What `keras.saving.serialize_keras_object` returns for a model.

    Returns:
        The activation's name. None if a layer without activation that makes new values comes first. "" if the model has
        no such layers, because it only moves values.
    """
    layers = model["config"]["layers"]
    backwards = reversed(layers) if model["class_name"] == "Sequential" else way_back(model["config"])
    for layer in backwards:
        config = layer["config"]
        if layer["class_name"] == "InputLayer":
            return ""
        if "layers" in config:
            activation = last_activation(layer)
            if activation != "":
                return activation
            continue
        activation = config.get("activation")
        name = activation.get("config") if isinstance(activation, dict) else activation
        if name not in (None, "linear"):
            return name
        if layer["class_name"] not in (*UNCHANGING, "Activation"):
            return None
    return ""


def way_back(config):
    """Yield a functional model's layers from the output backwards, until the way forks."""
    by_name = {layer["name"]: layer for layer in config["layers"]}
    output = config["output_layers"]
    name = first_output(output)
    while name is not None:
        layer = by_name[name]
        yield layer
        before = {found["config"]["keras_history"][0] for found in objects_in(layer["inbound_nodes"])}
        name = before.pop() if len(before) == 1 else None


def objects_in(config):
    """Yield every `{"class_name": ..., "config": ...}` in a configuration, also nested ones."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and "config" in config:
            yield config
        for value in config.values():
            yield from objects_in(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from objects_in(value)
