"""Opens generator files: those of train.py, those of other people, and those that Keras 1 and 2 wrote.

The way of a file, one module a step:

    recognising.py      what it is, by its first bytes
    reading.py          another process (reading_child.py) reads it and hands over texts and plain arrays
    keras_1.py, _2.py   the configuration, translated into Keras 3's words
    checking.py         ... checked against the tables of allowed.py; connections.py, plain_values.py: its parts
    building.py         Keras builds the model of it; weights.py gives it the arrays
    describing.py       which input is noise; picture_outputs.py: what are the pictures; value_range.py: their range
    explaining.py       why Keras cannot build a model or draw with it, in one line

Keras never opens the file. The file is not changed, and code in it is never run.
"""

import json
import math
import os
import pathlib

import keras

from support.models.building import build
from support.models.describing import described
from support.models.explaining import reason_in
from support.models.reading import read_model_file
from support.models.recognising import EXPECTED, HALVES, check_that_it_may_be_read, kind_of
from support.system.errors import InputError, is_out_of_memory
from support.system.quiet import quiet

# How people call the two files of a model whose architecture and weights lie apart.
ENDS_OF_WEIGHTS = ("_weights", "-weights", ".weights", "_weight", "")
ENDS_OF_ARCHITECTURES = ("", "_architecture", "_model", "_arch", "_config")
ENDINGS_OF_WEIGHTS = (".h5", ".hdf5")


def open_generator(path):
    """Open a generator that Keras 3, 2 or 1 saved.

    Args:
        path: Path of a `.h5`, `.hdf5` or `.keras` file, or of an architecture `.json` with its weights beside it. What
            the file is decides, not its ending. An unpacked `.keras`, a folder, is opened too.

    Returns:
        A `Generator`.

    Raises:
        InputError: If the file is missing, damaged, has no model, or has a model that is no generator.

    Example:

    ```python
    generator = open_generator("generator_e200.h5")
    noise = np.random.default_rng(0).standard_normal((8, generator.noise_size), dtype="float32")
    pictures = generator.model.predict_on_batch(generator.inputs(noise))
    ```
    """
    path = pathlib.Path(path)
    file, notes = read_with_its_other_half(path)
    settings, note = settings_of(file.gan)
    try:
        with quiet():
            model, most_at_once = build(file)
            generator = described(model, settings, file.keras_version or "2", most_at_once)
    except Exception as error:  # whatever Keras and its backend raise on a configuration that makes no sense
        if is_out_of_memory(error) and not isinstance(error, InputError):
            raise
        reason = reason_in(error, f"Keras {keras.__version__} cannot rebuild this model")
        raise InputError(f"{path}: {reason}") from error
    generator.notes = [*notes, *note, *generator.notes]
    return generator


# ---- One file, or two ----


def read_with_its_other_half(path):
    """Read a model file; where it holds the architecture or the weights alone, read the file beside it too.

    Returns:
        `(file, notes)`: a `ModelFile` with configuration and weights, and in which other file the rest was.

    Raises:
        InputError: If a half is missing.
    """
    # os.path says False where pathlib raises an error: a name that is too long, or has a NUL in it.
    folder = path.parent if path.name in HALVES else path
    if all(os.path.isfile(os.path.join(folder, half)) for half in HALVES):
        architecture, weights = (read(folder / half) for half in HALVES)
        return joined(path, architecture, weights), []
    file = read(path)
    if file.config is not None and (file.in_order is not None or file.by_path is not None):
        return file, []
    if file.config is None:
        others = architectures_for(path)
        missing = (
            "holds weights only, without the network they belong to; save the whole model with model.save(...), "
            f"or put the architecture that model.to_json() gives beside it, as {others[0].name}"
        )
    else:
        others = weights_for(path)
        missing = f"holds an architecture without weights; put the file of its weights beside it, as {others[0].name}"
    other = next((other for other in others if other.is_file() and other != path), None)
    if other is None:
        raise InputError(f"{path} {missing}")
    halves = (read(other), file) if file.config is None else (file, read(other))
    return joined(path, *halves), [f"with {other.name}"]


def read(path):
    """Read one file, after a look at what it is."""
    check_that_it_may_be_read(path)
    kind = kind_of(path)
    file = read_model_file(path)
    if file.config is not None and not (isinstance(file.config, dict) and "class_name" in file.config):
        what = "is JSON, but no architecture that model.to_json() gave" if kind == "json" else "holds no Keras model"
        if isinstance(file.config, dict) and "modelTopology" in file.config:
            raise InputError(f"{path} is a TensorFlow.js model; give the Keras file it was made from")
        raise InputError(f"{path} {what}; {EXPECTED}")
    return file


def joined(path, architecture, weights):
    """Put an architecture and weights together."""
    if architecture.config is None or (weights.in_order is None and weights.by_path is None):
        raise InputError(f"{path}: the file beside it is not its other half; {EXPECTED}")
    weights.config = architecture.config
    said = weights.config.get("keras_version")
    # A configuration of Keras 3 says in which module each class is.
    weights.keras_version = str(said) if said else "3" if "module" in weights.config else "2"
    return weights


def weights_for(path):
    """List the names under which people put the weights beside the architecture `path`."""
    bases = [path.stem.removesuffix(end) for end in ENDS_OF_ARCHITECTURES if path.stem.endswith(end)]
    return [
        path.with_name(base + end + ending)
        for base in dict.fromkeys(bases)
        for end in ENDS_OF_WEIGHTS
        for ending in ENDINGS_OF_WEIGHTS
    ]


def architectures_for(path):
    """List the names under which people put the architecture beside the weights `path`."""
    bases = [path.stem.removesuffix(end) for end in ENDS_OF_WEIGHTS if path.stem.endswith(end)]
    return [path.with_name(base + end + ".json") for base in dict.fromkeys(bases) for end in ENDS_OF_ARCHITECTURES]


# ---- What train.py stored ----

SETTINGS = {
    "preset": lambda value: isinstance(value, str) and len(value) <= 100 and value.isprintable(),
    "epoch": lambda value: type(value) is int and 0 <= value < 10**9,
    "noise_size": lambda value: type(value) is int and 0 < value < 10**6,
    "class_names": lambda value: value is None or (isinstance(value, list) and all(map(is_name, value))),
    "seed": lambda value: type(value) is int,
    "data": lambda value: value is None or (isinstance(value, str) and len(value) <= 100 and value.isprintable()),
    "fit": lambda value: value in ("cover", "pad", "stretch"),
}


def is_name(value):
    """Say whether a value can be a class's name."""
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def settings_of(text):
    """Read the attribute `gan` of a `.h5` file, in which train.py stores its settings.

    Returns:
        `(settings, notes)`: those settings that can be right, and a note if there were others.
    """
    if text is None:
        return {}, []
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        stored = None
    if not isinstance(stored, dict) or len(text) > 1_000_000:
        return {}, ["its settings (the attribute gan) are damaged and were ignored"]
    kept = {
        name: value
        for name, value in stored.items()
        if (SETTINGS[name](value) if name in SETTINGS else is_plain(value))
    }
    lost = sorted(set(stored) & set(SETTINGS) - set(kept))
    return kept, [f"its settings {', '.join(lost)} are damaged and were ignored"] if lost else []


def is_plain(value):
    """Say whether a value is one that train.py stores: a number, a word, or a dictionary or list of such."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(is_name(name) and is_plain(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, int) or (isinstance(value, str) and value.isprintable())
