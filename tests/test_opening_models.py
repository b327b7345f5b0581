"""Model files: Keras 2's pictures out of Keras 2's files, facts about a generator, and one line for every bad file."""

import json
import pathlib
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from made_models import functional, saved
from support.models.keras_2 import in_keras_3_words
from support.models.opening import open_generator
from support.system.errors import InputError

MINUS = keras.initializers.Constant(-1.0)
KERAS_2 = pathlib.Path(__file__).parent / "keras2"
FILES = sorted(
    path.name
    for path in KERAS_2.iterdir()
    if path.suffix in (".h5", ".keras") and path.stem not in ("discriminator", "classifier")
)


def small_generator(*last):
    """Noise (4) to a picture (4, 4, 1), with `last` as its last layers."""
    return functional(layers.Dense(16), layers.Reshape((4, 4, 1)), *last)


def message_of(path):
    """The one line with which a file is refused."""
    with pytest.raises(InputError) as caught:
        open_generator(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@pytest.mark.parametrize("name", FILES)
def test_keras_2_files_give_keras_2_pictures(name):
    """Catches a layer, a statistic or an activation that comes out of the file as something else than Keras 2 meant."""
    generator = open_generator(KERAS_2 / name)
    with np.load(KERAS_2 / "references.npz") as file:
        stem = name.split(".")[0]
        expected = file[f"{stem}.pictures"]
        inputs = [file[key] for key in file.files if key.startswith(f"{stem}.input")]
    noise = inputs[generator.noise_position].reshape(4, generator.noise_size)
    drawn = generator.model.predict_on_batch(generator.inputs(noise, np.array([0, 1, 2, 0])))
    # float16 has 11 bits: two frameworks that round at different places differ in the third digit (seen: 0.0043).
    tolerance = 1e-2 if stem == "mixed_precision" else 1e-5
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=tolerance)
    assert generator.picture_shape == expected.shape[1:]
    assert generator.keras_version == "2.15.0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dcgan.h5", (-1.0, 1.0)),
        ("nested_upsampling.h5", (-1.0, 1.0)),
        ("conditional.h5", (-1.0, 1.0)),
        ("sequential_sigmoid.h5", (0.0, 1.0)),
        ("depthwise.h5", (0.0, 1.0)),
        ("silently_different.h5", (0.0, 1.0)),
    ],
)
def test_value_range_of_keras_2_files(name, expected):
    """Catches a range that is read off the wrong layer: behind cropping, inside a nested model, of hard_sigmoid."""
    assert open_generator(KERAS_2 / name).value_range == expected


def sigmoid_inside():
    """A nested model that ends in a sigmoid, with a layer behind it."""
    return small_generator(keras.Sequential([layers.Conv2D(3, 1, activation="sigmoid")]), layers.Cropping2D(1))


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: small_generator(layers.Activation("tanh")), (-1.0, 1.0)),
        (lambda: small_generator(layers.Activation("sigmoid"), layers.Activation("linear")), (0.0, 1.0)),
        (lambda: small_generator(layers.Activation("sigmoid"), layers.Conv2D(1, 1, kernel_initializer=MINUS)), (-1, 1)),
        (sigmoid_inside, (0.0, 1.0)),
    ],
)
def test_value_range_of_keras_3_files(make, expected, ending, tmp_path):
    """Catches a walk back that stops too early (linear, nested) or too late (past a convolution)."""
    assert open_generator(saved(make(), tmp_path / f"model{ending}")).value_range == expected


@pytest.mark.parametrize(
    ("name", "positions", "count", "class_shape"),
    [("conditional.h5", (0, 1), 3, (1,)), ("conditional_one_hot.h5", (1, 0), 3, (3,))],
)
def test_inputs_of_conditional_models(name, positions, count, class_shape):
    """Catches noise that is fed where the class belongs."""
    generator = open_generator(KERAS_2 / name)
    assert (generator.noise_position, generator.class_position) == positions
    assert (generator.class_count, generator.class_shape, generator.noise_shape) == (count, class_shape, (6,))


def test_our_own_file_keeps_its_settings(tmp_path):
    """Catches settings that are lost, or class names that are not those of train.py."""
    noise, number = keras.Input((4,), name="noise"), keras.Input((1,), dtype="int32", name="class")
    embedded = layers.Flatten()(layers.Embedding(2, 4)(number))
    pictures = layers.Reshape((4, 4, 1))(layers.Dense(16, activation="tanh")(layers.Concatenate()([noise, embedded])))
    path = saved(keras.Model([noise, number], pictures), tmp_path / "generator_e010.h5")
    settings = {"preset": "shapes", "epoch": 10, "noise_size": 4, "class_names": ["ring", "disc"], "seed": 3}
    with h5py.File(path, "r+") as file:
        file.attrs["gan"] = json.dumps(settings)
    generator = open_generator(path)
    assert generator.settings == settings
    assert generator.class_names == ["ring", "disc"]
    assert (generator.noise_position, generator.class_position, generator.class_count) == (0, 1, 2)


def test_the_oldest_sequential_configuration():
    """Catches files of Keras 2.0 to 2.2, where a Sequential was a bare list and its first layer held the shape."""
    old = {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Dense", "config": {"name": "d", "units": 16, "batch_input_shape": [None, 4]}},
            {"class_name": "Reshape", "config": {"name": "r", "target_shape": [4, 4, 1]}},
        ],
    }
    model = keras.saving.deserialize_keras_object(in_keras_3_words(old))
    assert model.count_params() == 4 * 16 + 16
    assert model.outputs[0].shape == (None, 4, 4, 1)
    assert old["config"][0]["config"]["batch_input_shape"] == [None, 4]


def test_groups_are_not_dropped_in_silence():
    """Catches a grouped convolution that is loaded as an ungrouped one."""
    layer = {"class_name": "Conv2DTranspose", "config": {"name": "up", "filters": 4, "kernel_size": 3, "groups": 2}}
    with pytest.raises(ValueError, match="'up'.*groups"):
        in_keras_3_words(layer)


def without_config(path):
    """A whole-model file of which only the weights are left."""
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    return path


def cut(path, part):
    """Keep only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def test_files_that_are_no_models(tmp_path):
    """Catches a traceback, or a message that does not say what the file is."""
    assert "there is no such file" in message_of(tmp_path / "none.h5")
    assert "is a folder" in message_of(tmp_path)
    (tmp_path / "empty.h5").touch()
    assert "empty (0 bytes)" in message_of(tmp_path / "empty.h5")
    (tmp_path / "photo.h5").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    assert "is a JPEG picture" in message_of(tmp_path / "photo.h5")
    (tmp_path / "letters.h5").write_bytes(b"all that letters say")
    assert "neither HDF5 nor" in message_of(tmp_path / "letters.h5")
    np.savez(tmp_path / "array.keras.npz", np.zeros(3))
    shutil.move(tmp_path / "array.keras.npz", tmp_path / "array.keras")
    assert "is an .npz of arrays (arr_0)" in message_of(tmp_path / "array.keras")
    shutil.copy(KERAS_2 / "dcgan.h5", tmp_path / "weights.h5")
    assert "weights only" in message_of(without_config(tmp_path / "weights.h5"))
    small_generator().save_weights(tmp_path / "small.weights.h5")
    assert "weights only" in message_of(tmp_path / "small.weights.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert "no Keras model" in message_of(tmp_path / "other.h5")


@pytest.mark.parametrize("name", ["dcgan.h5", "dcgan.keras"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_files_cut_short(name, part, tmp_path):
    """Catches a broken-off download that ends in a traceback, or worse, in a picture."""
    shutil.copy(KERAS_2 / name, tmp_path / name)
    assert "cut short" in message_of(cut(tmp_path / name, part))


def test_a_keras_file_with_spoilt_weights(tmp_path):
    """Catches a damaged archive whose table of contents is still whole."""
    path = tmp_path / "dcgan.keras"
    content = bytearray((KERAS_2 / "dcgan.keras").read_bytes())
    with zipfile.ZipFile(KERAS_2 / "dcgan.keras") as archive:
        start = archive.getinfo("model.weights.h5").header_offset
    content[start + 200 : start + 400] = b"\xaa" * 200
    path.write_bytes(bytes(content))
    assert "damaged" in message_of(path)


def test_models_that_are_no_generators(tmp_path):
    """Catches a discriminator that is fed with noise; each line says what the model is."""
    assert "a discriminator: pictures in, one number out" in message_of(KERAS_2 / "discriminator.h5")
    assert "a classifier: pictures in, numbers out" in message_of(KERAS_2 / "classifier.keras")
    pictures = functional(layers.Conv2D(3, 3, padding="same"), inputs=(8, 8, 3))
    assert "pictures into pictures" in message_of(saved(pictures, tmp_path / "pix2pix.keras"))
    numbers = functional(layers.Dense(3))
    assert "from (4) to (3), and that is no picture" in message_of(saved(numbers, tmp_path / "numbers.h5"))
    channels = small_generator(layers.Conv2D(5, 1))
    assert "(4, 4, 5)" in message_of(saved(channels, tmp_path / "channels.h5"))


@keras.saving.register_keras_serializable(package="test")
class Twice(layers.Layer):
    """A layer that only this test knows."""

    def call(self, x):
        return 2.0 * x


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_layers_with_code_are_refused(ending, tmp_path):
    """Catches code that is run out of a file, and a custom layer that ends in a traceback."""
    coded = small_generator(layers.Lambda(lambda x: 2.0 * x, name="double", output_shape=(4, 4, 1)))
    message = message_of(saved(coded, tmp_path / f"coded{ending}"))
    assert "'double' (Lambda)" in message and "never run" in message
    message = message_of(saved(small_generator(Twice(name="mine")), tmp_path / f"custom{ending}"))
    assert "'mine' is a" in message and "Keras' own layers" in message
