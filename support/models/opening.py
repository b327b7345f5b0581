"""Opens generator files: those of train.py, those of other people, and those that Keras 2 wrote.

A Keras 2 file is opened in three steps: its configuration is read and translated into one of Keras 3 (keras_2.py), a
model is made from it, and the weights are loaded into the model. The file is not changed, and code in it is never run.
"""

import contextlib
import json
import os
import pathlib
import zipfile

import h5py
import keras

from support.models.generator import EXPECTED, described, objects_in
from support.models.keras_2 import KEPT_FUNCTIONS, MODELS, in_keras_3_words
from support.system.errors import InputError
from support.system.quiet import quiet

# These layers contain code, or name a place to load code from.
CODE_LAYERS = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")


def open_generator(path):
    """Open a generator that Keras 3 or Keras 2 saved.

    Args:
        path: Path of a `.h5`, `.hdf5` or `.keras` file.

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
    check_that_it_is_a_model_file(path)
    with plain_words_for_what_goes_wrong(path), quiet():
        config, keras_version, settings = read_hdf5(path) if is_hdf5(path) else read_keras_zip(path)
        refuse_code(path, config)
        if int(keras_version.split(".")[0]) >= 3:
            model = keras.models.load_model(path, compile=False)
        else:
            model = keras.saving.deserialize_keras_object(in_keras_3_words(config), custom_objects=KEPT_FUNCTIONS)
            model.load_weights(path)
        return described(path, model, settings, keras_version)


# ---- The file ----


def is_hdf5(path):
    """Say whether a file begins like an HDF5 file."""
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def check_that_it_is_a_model_file(path):
    """Refuse a wrong path before any library opens it."""
    if path.is_dir():
        kind = "a TensorFlow SavedModel folder" if (path / "saved_model.pb").exists() else "a folder"
        raise InputError(f"{path} is {kind}; {EXPECTED}")
    if not path.exists():
        raise InputError(f"{path}: there is no such file; {EXPECTED}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read by this user; change its permissions, or copy it")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes), perhaps a save that was broken off; take another epoch's file")
    with open(path, "rb") as file:
        beginning = file.read(8)
    if is_hdf5(path):
        endings = (".h5", ".hdf5")
    elif beginning.startswith(b"PK"):
        endings = (".keras",)
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is cut short (a zip without its end); copy it again or take another epoch's file")
    else:
        raise InputError(f"{path} is neither HDF5 nor a Keras zip, whatever its ending says; {EXPECTED}")
    if path.suffix.lower() not in endings:
        raise InputError(f"{path} holds what Keras calls {endings[0]}; rename it to {path.stem}{endings[0]}")


@contextlib.contextmanager
def plain_words_for_what_goes_wrong(path):
    """Turn what h5py, zipfile and Keras raise on a bad file into one line about that file."""
    try:
        yield
    except InputError:
        raise
    except (
        OSError,
        KeyError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename:
            raise
        raise InputError(
            f"{path} is damaged or cut short ({first_words(error)}); copy it again or take another file"
        ) from error
    except (ValueError, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        raise InputError(
            f"{path}: Keras {keras.__version__} cannot rebuild this model: {first_words(error)}"
        ) from error


def first_words(error):
    """Return the important part of an error's text: Keras adds general advice and pages of configuration."""
    text = " ".join(str(error).split("Exception encountered:")[-1].split())
    return text if len(text) <= 200 else text[:200] + "..."


def read_hdf5(path):
    """Read configuration, Keras version and train.py's settings from a `.h5` file."""
    with h5py.File(path) as file:
        attributes = {
            name: text_of(file.attrs[name]) for name in ("model_config", "keras_version", "gan") if name in file.attrs
        }
        if "model_config" not in attributes:
            weights = {"layer_names", "keras_version"} & set(file.attrs) or {
                "layers",
                "_layer_checkpoint_dependencies",
            } & set(file)
            what = (
                "holds weights only, without the network they belong to" if weights else "is HDF5, but no Keras model"
            )
            raise InputError(f"{path} {what}; save the whole model with model.save(...) and open that")
    # Files older than Keras 2.0.1 do not say who wrote them.
    return (
        json.loads(attributes["model_config"]),
        attributes.get("keras_version", "2"),
        json.loads(attributes.get("gan", "{}")),
    )


def read_keras_zip(path):
    """Read configuration and Keras version from a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        if "config.json" not in archive.namelist():
            raise InputError(f"{path} is a zip, but no Keras model (it has no config.json); {EXPECTED}")
        config = json.loads(archive.read("config.json"))
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
    return config, metadata.get("keras_version", "3"), {}


def text_of(attribute):
    """Return an HDF5 attribute as text; Keras 2 with an old h5py stored bytes."""
    return attribute.decode("utf-8") if isinstance(attribute, bytes) else str(attribute)


# ---- The configuration ----


def layers_in(config):
    """Yield the entries of the layer lists in a configuration, also those of nested models and wrappers."""
    for found in objects_in(config):
        inner = found["config"]
        if found["class_name"] in MODELS:
            # Before Keras 2.2.3 a Sequential's configuration was the list itself.
            yield from inner if isinstance(inner, list) else inner.get("layers", [])
        elif isinstance(inner, dict) and isinstance(inner.get("layer"), dict):
            yield inner["layer"]


def refuse_code(path, config):
    """Refuse layers that contain code, and layers that Keras 3 does not have. The message names the layer."""
    if config.get("class_name") not in MODELS:
        raise InputError(f"{path}: the model is of a class of its own, {config.get('class_name')}; {EXPECTED}")
    for layer in layers_in(config):
        kind = layer["class_name"]
        inner = layer["config"] if isinstance(layer["config"], dict) else {}
        name = inner.get("name", layer.get("name", kind))
        if kind in CODE_LAYERS or any(found["class_name"] == "__lambda__" for found in objects_in(inner)):
            raise InputError(
                f"{path}: layer {name!r} ({kind}) carries program code, and code out of a file is never run; "
                "build that step from plain layers and save again"
            )
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            raise InputError(
                f"{path}: layer {name!r} calls a TensorFlow function, which only Keras 2 can rebuild; "
                "replace it by a layer (Reshape, Activation, Add, ...) and save again"
            )
        if kind not in MODELS and kind != "ThresholdedReLU" and not hasattr(keras.layers, kind):
            raise InputError(
                f"{path}: layer {name!r} is a {kind}, which is no layer of Keras {keras.__version__}; "
                "only models made of Keras' own layers can be opened"
            )
