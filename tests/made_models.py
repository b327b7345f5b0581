"""Small model files, made by hand as older programs wrote them, and changed as a stranger would."""

import json
import zipfile

import h5py
import keras
import numpy as np
from keras import layers

from benchmarks.damage import changed_hdf5, unzipped
from support.system.quiet import quiet


def functional(*steps, inputs=(4,), dtype="float32"):
    """A functional model of layers one behind the other."""
    start = keras.Input(inputs, dtype=dtype)
    x = start
    for step in steps:
        x = step(x)
    return keras.Model(start, x)


def small_generator(*last):
    """Noise (4) to a picture (8, 8, 3), with `last` as its last layers."""
    keras.utils.set_random_seed(1)
    return functional(layers.Dense(192, name="start"), layers.Reshape((8, 8, 3), name="map"), *last)


def saved(model, path):
    """Save a model without Keras' remark that HDF5 is legacy."""
    with quiet():
        model.save(path)
    return path


def drawn_by(model, generator, count=5):
    """What a model itself draws from the noise that the opened generator gets; and what that one draws."""
    noise = np.random.default_rng(3).standard_normal((count, generator.noise_size), dtype="float32")
    return outputs(model, noise), outputs(generator.model, generator.inputs(noise))


def outputs(model, inputs):
    """What a model makes of inputs, as an array."""
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def old_file(path, layers_and_weights, version="2.0.5", backend="tensorflow", top="Sequential"):
    """Write a `.h5` file as Keras 1 and 2 did.

    Args:
        path: Where it goes.
        layers_and_weights: List of `(class name, settings, arrays)`.
        version: The Keras that is said to have written it; None leaves it out.
        backend: Its backend; None leaves it out.
        top: Class of the model.
    """
    config, names = [], []
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        for number, (kind, settings, arrays) in enumerate(layers_and_weights):
            name = f"layer_{number}"
            config.append({"class_name": kind, "config": {"name": name} | settings})
            inside = group.create_group(name)
            for index, array in enumerate(arrays):
                inside[f"{name}_{index}:0"] = array
            inside.attrs["weight_names"] = [f"{name}_{index}:0".encode() for index in range(len(arrays))]
            names.append(name.encode())
        group.attrs["layer_names"] = names
        if version:
            file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps({"class_name": top, "config": config}).encode()
    return path


def changed(path, change):
    """Change the configuration in a model file: `change` gets it as text and returns it changed."""
    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = change(file.attrs["model_config"])
        return path
    members = unzipped(path)
    members["config.json"] = change(members["config.json"].decode()).encode()
    return zipped(path, members)


def zipped(path, members, compression=zipfile.ZIP_STORED):
    """Write a zip of these members, a dictionary from a name to bytes."""
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_weights(path, change):
    """Change the weights file in a `.keras`: `change` gets it as an open HDF5 file."""
    members = unzipped(path)
    members["model.weights.h5"] = changed_hdf5(members["model.weights.h5"], lambda file, _: change(file), None)
    return zipped(path, members)
