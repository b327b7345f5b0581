"""A generator out of a file: the model, and which of its inputs is noise, which the class; its pictures."""

import dataclasses
import math

import keras
import numpy as np

from support.models.explaining import reason_in
from support.models.precision import compute_in_bfloat16
from support.models.value_range import RANGE
from support.system import machine
from support.system.errors import InputError, is_out_of_memory

ONE_HOT = "--one-hot"  # in a note that proposes this flag


@dataclasses.dataclass
class Generator:
    """An opened generator, and what its file says about it.

    Args:
        model: The Keras model; it has one output, pictures `(b, height, width, channels)`.
        input_shapes: Shape of each of its inputs, without the batch: `(z,)`, `(1, 1, z)`, `(1,)`, `(classes,)` ...
        class_position: Which of the inputs takes the class; None if there is none. All others take noise.
        class_count: How many classes there are; 0 for a model without classes.
        class_names: Their names, or None if the file has none.
        picture_shape: `(height, width, channels)`.
        value_range: The lowest and highest value of the model's pictures.
        settings: What train.py stored: preset, epoch, noise_size, class_names, seed, versions. May be empty.
        keras_version: Version of the Keras that wrote the file.
        notes: What a user should know about how the file was understood, each in a few words.
        most_at_once: How many pictures may be drawn at once with little memory.
        one_hot_tail: How many numbers at the end of the only noise input are a one-hot class; 0 for none.
        uniform_noise: Whether the generator was trained with uniform noise from -1 to 1 in place of normal noise.
    """

    model: keras.Model
    input_shapes: list
    class_position: int | None
    class_count: int
    class_names: list | None
    picture_shape: tuple[int, int, int]
    value_range: tuple
    settings: dict
    keras_version: str
    notes: list = dataclasses.field(default_factory=list)
    most_at_once: int = 1_000_000
    one_hot_tail: int = 0
    uniform_noise: bool = False

    @property
    def noise_position(self):
        """Which of the inputs takes the noise; the first of them, if several do."""
        return next(place for place in range(len(self.input_shapes)) if place != self.class_position)

    @property
    def noise_shape(self):
        """Shape of one noise input, `(z,)` or `(1, 1, z)`; the first of them, if several take noise."""
        return self.input_shapes[self.noise_position]

    @property
    def class_shape(self):
        """Shape of one class input: `(1,)` or `()` for a number, `(classes,)` for one-hot."""
        return () if self.class_position is None else self.input_shapes[self.class_position]

    @property
    def noise_sizes(self):
        """How many numbers of noise each noise input takes, in their order."""
        return [math.prod(shape) for place, shape in enumerate(self.input_shapes) if place != self.class_position]

    @property
    def noise_size(self):
        """The number of noise values for one picture."""
        return sum(self.noise_sizes) - self.one_hot_tail

    def inputs(self, noise, classes=None):
        """Bring noise and classes into the shapes and the order that this model expects.

        Args:
            noise: Array of floats `(b, noise_size)`, normally distributed.
            classes: Array of integers `(b,)`, numbers from 0; only for a model with classes.

        Returns:
            The input for the model: one array, or a list of several.
        """
        if self.uniform_noise:
            # The share of the normal distribution below a value is uniform: so each picture keeps its rank and seed.
            noise = keras.ops.convert_to_numpy(keras.ops.erf(np.asarray(noise, "float32") / math.sqrt(2)))
        if self.one_hot_tail:
            noise = np.concatenate([noise, np.eye(self.one_hot_tail, dtype="float32")[classes]], axis=1)
        parts = iter(np.split(noise, np.cumsum(self.noise_sizes)[:-1], axis=1))
        made = []
        for place, shape in enumerate(self.input_shapes):
            if place != self.class_position:
                made.append(next(parts).reshape((-1, *shape)))
            elif math.prod(shape) > 1:
                made.append(np.eye(self.class_count, dtype="float32")[classes].reshape((-1, *shape)))
            else:
                made.append(classes.astype("int32").reshape((-1, *shape)))
        return made[0] if len(made) == 1 else made

    def draw(self, noise, classes=None):
        """Draw pictures.

        Args:
            noise: Array of floats `(b, noise_size)`, normally distributed.
            classes: Array of integers `(b,)`; only for a model with classes.

        Returns:
            Array of float32 `(b, height, width, channels)`, from about the first to the second of `value_range`.

        Raises:
            InputError: If the model has a layer that cannot compute.
        """
        try:
            # This is model(inputs, training=False), compiled: batch normalisation uses its stored statistics.
            pictures = self.model.predict_on_batch(self.inputs(noise, classes))
        except Exception as error:  # whatever Keras and its backend raise on settings that make no sense
            if is_out_of_memory(error):
                raise
            raise InputError(reason_in(error, "this generator cannot draw", self.model)) from error
        return np.asarray(keras.tree.flatten(pictures)[0], "float32")


def as_told(generator, noise=None, value_range=None, one_hot=None):
    """Change how a generator is understood, where the user knows more than the file says.

    Args:
        generator: What `open_generator` gave.
        noise: "uniform" for noise from -1 to 1; None or "normal" otherwise.
        value_range: `(lowest, highest)` value of its pictures, or None.
        one_hot: See `with_one_hot`; or None.

    Returns:
        The changed `Generator`.

    Raises:
        InputError: If `one_hot` does not fit.
    """
    if one_hot is not None:
        generator = with_one_hot(generator, one_hot)
    if value_range is not None:
        notes = [note for note in generator.notes if RANGE not in note]
        generator = dataclasses.replace(generator, value_range=value_range, notes=notes)
    return dataclasses.replace(generator, uniform_noise=noise == "uniform")


def in_mixed_precision(generator):
    """Let a generator compute in bfloat16, where this machine is faster in it; a note says whether it does.

    Args:
        generator: What `open_generator` gave; its model is changed in place.

    Returns:
        The changed `Generator`.
    """
    note = "in float32, the faster one on this machine"
    if machine.gains_from_bfloat16():
        compute_in_bfloat16(generator.model)
        note = "in bfloat16"
    return dataclasses.replace(generator, notes=[*generator.notes, note])


def with_one_hot(generator, count):
    """Say that `count` numbers of a generator's input are a one-hot class, which nothing in the file says.

    Args:
        generator: A `Generator` without classes.
        count: How many classes.

    Returns:
        The `Generator` with classes: its input of that size takes them, else the end of its only input.

    Raises:
        InputError: If no input can be that.
    """
    others = [note for note in generator.notes if ONE_HOT not in note]
    if generator.class_position is not None:
        raise InputError(f"--one-hot {count}: this generator has an input for its classes; leave --one-hot out")
    places = [place for place, shape in enumerate(generator.input_shapes) if math.prod(shape) == count]
    if len(generator.input_shapes) > 1 and len(places) == 1:
        return dataclasses.replace(
            generator, class_position=places[0], class_count=count, class_names=None, notes=others
        )
    if len(generator.input_shapes) == 1 and 1 < count < generator.noise_size:
        return dataclasses.replace(generator, one_hot_tail=count, class_count=count, class_names=None, notes=others)
    sizes = " and ".join(map(str, generator.noise_sizes))
    raise InputError(f"--one-hot {count}: the inputs take {sizes} numbers, and {count} cannot be a class among them")


def names_of_classes(generator):
    """List the names of the classes, or their numbers if the file has no names."""
    return generator.class_names or [str(number) for number in range(generator.class_count)]


def class_number(generator, name):
    """Find the number of the class that `--class` names.

    Raises:
        InputError: If the generator has no classes, or none of this name.
    """
    if not generator.class_count:
        raise InputError(f"--class {name}: this generator was trained without classes; leave --class out")
    names = names_of_classes(generator)
    numbers = {str(number): number for number in range(generator.class_count)}
    numbers |= {class_name: number for number, class_name in enumerate(names)}
    alike = [number for class_name, number in numbers.items() if class_name.lower() == name.lower()]
    found = numbers.get(name, alike[0] if len(alike) == 1 else None)
    if found is None:
        or_number = f", or a number from 0 to {len(names) - 1}" if generator.class_names else ""
        raise InputError(f"--class {name!r}: there is no such class; choose one of {', '.join(names)}{or_number}")
    return found
