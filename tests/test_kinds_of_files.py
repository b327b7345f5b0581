"""Model files as people have them: each kind opens, and draws what the model that it was made from draws."""

import json
import zipfile
from statistics import NormalDist

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from drawing_runs import refused as refused_by_samples
from drawing_runs import run
from made_models import changed, drawn_by, functional, old_file, outputs, saved, small_generator, with_weights, zipped
from support.models import allowed, building, tensorflow_functions
from support.models.generator import as_told
from support.models.opening import open_generator
from support.models.recognising import is_model
from support.system.errors import InputError

RANDOM = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("error:The structure of `inputs`")  # Keras would print it between our lines


def same_pictures(model, path, note=None):
    """Open a file, and compare what it draws with what the model draws. Returns the generator."""
    generator = open_generator(path)
    expected, drawn = drawn_by(model, generator)
    np.testing.assert_allclose(drawn, expected.reshape(drawn.shape), rtol=0, atol=1e-5)
    assert drawn.std() > 0.01
    if note is not None:
        assert any(note in said for said in generator.notes), generator.notes
    return generator


def refused(path):
    """The line with which a file is refused."""
    with pytest.raises(InputError) as caught:
        open_generator(path)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable()
    return line


# ---- Ways to write a configuration ----


def test_numbers_as_arrays(tmp_path):
    """Catches `{"type": "ndarray"}` that is no number, and NaN that is taken for a limit instead of none."""
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)

    def array(value):
        return {"type": "ndarray", "value": value}

    path = old_file(
        tmp_path / "old.h5",
        [
            ("Dense", {"units": 192, "batch_input_shape": [None, 4], "activation": "linear"}, [kernel, bias]),
            ("LeakyReLU", {"alpha": array(0.2)}, []),
            ("ReLU", {"max_value": array(float("nan")), "negative_slope": array(0.5), "threshold": array(0.0)}, []),
            ("Reshape", {"target_shape": [8, 8, 3]}, []),
        ],
    )
    generator = open_generator(path)
    noise = RANDOM.normal(size=(3, 4)).astype("float32")
    x = noise @ kernel + bias
    expected = np.where(x > 0, x, 0.1 * x)  # 0.2 and then 0.5 of what is below 0
    drawn = outputs(generator.model, noise)
    np.testing.assert_allclose(drawn.reshape(3, 192), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["BatchNormalizationV1", "BatchNormalizationV2"])
def test_names_of_batch_normalization(name, tmp_path):
    """Catches a refused old name, and statistics of the batch in place of stored ones."""
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)
    gamma, beta, mean, variance = (RANDOM.uniform(0.5, 2, 3) for _ in range(4))
    settings = {"axis": [3], "momentum": 0.8, "epsilon": 0.001, "fused": True, "renorm": False, "renorm_momentum": 0.9}
    path = old_file(
        tmp_path / "v1.h5",
        [
            ("Dense", {"units": 192, "batch_input_shape": [None, 4]}, [kernel, bias]),
            ("Reshape", {"target_shape": [8, 8, 3]}, []),
            (name, settings, [gamma, beta, mean, variance]),
        ],
        version="2.2.4-tf",
    )
    noise = RANDOM.normal(size=(3, 4)).astype("float32")
    x = (noise @ kernel + bias).reshape(3, 8, 8, 3)
    expected = (x - mean) / np.sqrt(variance + 0.001) * gamma + beta
    np.testing.assert_allclose(outputs(open_generator(path).model, noise), expected, atol=1e-4)


def with_operations():
    """A functional model with functions of keras.ops between its layers."""
    keras.utils.set_random_seed(2)
    noise = keras.Input((4,))
    x = layers.Reshape((8, 8, 4))(layers.Dense(256)(noise))
    x = ops.concatenate([ops.tanh(x)[..., :2], ops.leaky_relu(x, 0.1)[:, :, :, 2:3]], axis=-1)
    x = ops.where(x > 0.9, ops.zeros_like(x), x) * np.array([1.0, 0.5, 2.0], "float32")
    x = ops.transpose(ops.reshape(1.0 - x, (-1, 64, 3)), (0, 2, 1)) ** 2
    x = ops.reshape(ops.transpose(x, (0, 2, 1)), (-1, 8, 8, 3)) - ops.mean(x, axis=(1, 2), keepdims=True)[:, None]
    return keras.Model(noise, ops.clip(x, -1.0, 1.0))


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_operations_between_layers(ending, tmp_path):
    """Catches a function of keras.ops that is refused, gets its arguments in another order, or loses its settings."""
    model = with_operations()
    generator = same_pictures(model, saved(model, tmp_path / f"ops{ending}"))
    assert generator.value_range == (-1, 1) and not generator.notes


def test_tensorflow_functions_of_keras_2(tmp_path):
    """Catches `1 - x`, `x[:, 1:]` or tf.concat between the layers of a Keras 2 file that is refused or is wrong.

    Keras 2.15 writes: the first tensor as [layer, call, output, others], a number in its place as _CONSTANT_VALUE.
    """
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)
    path = old_file(tmp_path / "tf.h5", [("Dense", {}, [kernel, bias])], version="2.15.0")

    def entry(kind, name, nodes, **settings):
        return {"class_name": kind, "name": name, "config": {"name": name} | settings, "inbound_nodes": nodes}

    def function(name, *nodes):
        kind = "SlicingOpLambda" if name == "__operators__.getitem" else "TFOpLambda"
        return entry(kind, f"tf.{name}", list(nodes), function=name, trainable=True, dtype="float32")

    part = [{"start": None, "stop": None, "step": None}, {"start": 2, "stop": None, "step": None}]
    config = {
        "name": "model",
        "layers": [
            entry("InputLayer", "z", [], batch_input_shape=[None, 4]),
            entry("Dense", "d", [[["z", 0, 0, {}]]], units=192),
            entry("Reshape", "r", [[["d", 0, 0, {}]]], target_shape=[8, 8, 3]),
            function("math.tanh", ["r", 0, 0, {"name": None}]),
            function("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["tf.math.tanh", 0, 0], "name": None}]),
            function("__operators__.getitem", ["tf.math.subtract", 0, 0, {"slice_spec": part}]),
            function("math.multiply", ["r", 0, 0, {"y": 0.25, "name": None}]),
            function(
                "concat",
                [["tf.__operators__.getitem", 0, 0, {"axis": 1}], ["tf.math.multiply", 0, 0, {"axis": 1}]],
            ),
            function("clip_by_value", ["tf.concat", 0, 0, {"clip_value_min": 0, "clip_value_max": 1, "name": None}]),
        ],
        "input_layers": [["z", 0, 0]],
        "output_layers": [["tf.clip_by_value", 0, 0]],
    }

    changed(path, lambda text: json.dumps({"class_name": "Functional", "config": config}))
    generator = open_generator(path)
    noise = 0.1 * RANDOM.normal(size=(2, 4)).astype("float32")
    x = (noise @ kernel + bias).reshape(2, 8, 8, 3)
    expected = np.clip(np.concatenate([(1 - np.tanh(x))[:, 2:], 0.25 * x], axis=1), 0, 1)
    np.testing.assert_allclose(outputs(generator.model, noise), expected, atol=1e-4)
    assert generator.picture_shape == (14, 8, 3) and generator.value_range == (0, 1)
    config["layers"][3]["config"]["function"] = "io.read_file"
    changed(path, lambda text: json.dumps({"class_name": "Functional", "config": config}))
    assert "is the TensorFlow function io.read_file" in refused(path)


def test_every_name_in_the_tables_is_known():
    """Catches a name in a table that Keras does not have: the file would be refused with a traceback's words."""
    assert all(issubclass(allowed.MADE[f"allowed>{name}"], layers.Layer) for name in allowed.LAYERS)
    assert all(callable(getattr(keras.activations, name)) for name in allowed.FUNCTIONS)
    assert all(callable(allowed.operation(name)) for name in allowed.OPERATIONS)
    assert {kind for kind, _ in tensorflow_functions.FUNCTIONS.values()} <= set(allowed.OPERATIONS)
    assert not set(allowed.CODE_LAYERS) & set(allowed.LAYERS)


def test_what_only_training_reads(tmp_path):
    """Catches a file that is refused for an initializer, a regularizer or a constraint of somebody's own."""
    model = small_generator(layers.Conv2D(3, 3, padding="same", activation="tanh"))
    for ending in (".h5", ".keras"):

        def own(text):
            config = json.loads(text)
            settings = config["config"]["layers"][-1]["config"]
            for key in ("kernel_initializer", "kernel_regularizer", "bias_constraint"):
                settings[key] = {"module": "mine", "class_name": "Mine", "config": {}, "registered_name": "mine>Mine"}
            return json.dumps(config)

        same_pictures(model, changed(saved(model, tmp_path / f"own{ending}"), own))


def test_addons(tmp_path):
    """Catches an instance normalised over the batch or over its channels, and a vector taken for a kernel."""
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)
    gamma, beta = RANDOM.uniform(0.5, 2, 3), RANDOM.normal(size=3)
    second, offset = RANDOM.normal(size=(1, 1, 3, 3)), RANDOM.normal(size=3)
    inner = {"class_name": "Conv2D", "config": {"name": "inner", "filters": 3, "kernel_size": [1, 1]}}
    instance = {"groups": -1, "axis": -1, "epsilon": 0.01, "center": True, "scale": True, "gamma_initializer": {}}
    path = old_file(
        tmp_path / "addons.h5",
        [
            ("Dense", {"units": 192, "batch_input_shape": [None, 4]}, [kernel, bias]),
            ("Reshape", {"target_shape": [8, 8, 3]}, []),
            ("Addons>InstanceNormalization", instance, [gamma, beta]),
            (
                "Addons>SpectralNormalization",
                {"layer": inner, "power_iterations": 1},
                [second, offset, np.ones((1, 3))],
            ),
        ],
        version="2.4.0",
    )
    noise = RANDOM.normal(size=(3, 4)).astype("float32")
    x = (noise @ kernel + bias).reshape(3, 8, 8, 3)
    x = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.01) * gamma + beta
    expected = x @ second[0, 0] + offset
    np.testing.assert_allclose(outputs(open_generator(path).model, noise), expected, atol=1e-3)


# ---- Keras 1 and Theano ----


def correlated(pictures, kernel):
    """What a convolution layer of today does: pictures (n, h, w, c), kernel (3, 3, c, filters), padding "same"."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = pictures.shape[1:3]
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    )


@pytest.mark.parametrize(("backend", "turned"), [("theano", True), ("tensorflow", False), (None, True)])
def test_keras_1(backend, turned, tmp_path):
    """Catches an old word that is not translated, and a kernel of Theano that is not turned by half.

    Keras 1 stored kernels with the channels first as (filters, channels, rows, columns).
    """
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)
    convolution, offset = RANDOM.normal(size=(3, 3, 3, 3)), RANDOM.normal(size=3)
    words = {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "border_mode": "same", "subsample": [1, 1], "dim_ordering": "th"}
    path = old_file(
        tmp_path / "keras1.h5",
        [
            ("Dense", {"output_dim": 192, "input_dim": 4, "init": "glorot_uniform", "bias": True}, [kernel, bias]),
            ("Reshape", {"target_shape": [3, 8, 8]}, []),
            ("Dropout", {"p": 0.5}, []),
            ("Convolution2D", words | {"activation": "tanh", "W_regularizer": None}, [convolution, offset]),
        ],
        version="1.2.2",
        backend=backend,
    )
    generator = open_generator(path)
    noise = 0.1 * RANDOM.normal(size=(2, 4)).astype("float32")
    x = (noise @ kernel + bias).reshape(2, 3, 8, 8).transpose(0, 2, 3, 1)
    today = convolution.transpose(2, 3, 1, 0)
    expected = np.tanh(correlated(x, today[::-1, ::-1] if turned else today) + offset)
    np.testing.assert_allclose(outputs(generator.model, noise), expected, atol=1e-4)
    assert generator.picture_shape == (8, 8, 3) and "channels first" in generator.notes


def test_theano_kernels_of_keras_2(tmp_path):
    """Catches Keras 2 files of Theano that draw with kernels turned the wrong way."""
    kernel, bias = RANDOM.normal(size=(4, 192)), RANDOM.normal(size=192)
    convolution, offset = RANDOM.normal(size=(3, 3, 3, 3)), RANDOM.normal(size=3)
    path = old_file(
        tmp_path / "theano.h5",
        [
            ("Dense", {"units": 192, "batch_input_shape": [None, 4]}, [kernel, bias]),
            ("Reshape", {"target_shape": [8, 8, 3]}, []),
            ("Conv2D", {"filters": 3, "kernel_size": [3, 3], "padding": "same"}, [convolution, offset]),
        ],
        version="2.1.6",
        backend="theano",
    )
    noise = RANDOM.normal(size=(2, 4)).astype("float32")
    expected = correlated((noise @ kernel + bias).reshape(2, 8, 8, 3), convolution[::-1, ::-1]) + offset
    np.testing.assert_allclose(outputs(open_generator(path).model, noise), expected, atol=1e-3)


# ---- Ways to store a model ----


def test_opened_by_content(tmp_path):
    """Catches a file that is refused for its name: HDF5 as .keras, without an ending, a .keras packed by hand."""
    model = small_generator(layers.Activation("tanh"))
    content = saved(model, tmp_path / "g.h5").read_bytes()
    for name in ("named.keras", "without", "old.model"):
        (tmp_path / name).write_bytes(content)
        same_pictures(model, tmp_path / name)
    with zipfile.ZipFile(saved(model, tmp_path / "g.keras")) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        archive.extractall(tmp_path / "unpacked")
    same_pictures(model, zipped(tmp_path / "by_hand.zip", {f"g/{name}": members[name] for name in members}))
    same_pictures(model, tmp_path / "unpacked")


@pytest.mark.parametrize("weights", ["pair_weights.hdf5", "pair_weights.h5", "pair.weights.h5", "pair.h5"])
def test_architecture_and_weights_apart(weights, tmp_path):
    """Catches one half that is not found from the other's name, or weights that are matched in another order."""
    model = small_generator(layers.Conv2D(3, 3, padding="same"), layers.Activation("tanh"))
    (tmp_path / "pair.json").write_text(model.to_json())
    if weights == "pair.weights.h5":
        model.save_weights(tmp_path / weights)
    else:
        with h5py.File(saved(model, tmp_path / "whole.h5")) as whole, h5py.File(tmp_path / weights, "w") as file:
            for name in whole["model_weights"]:
                whole.copy(f"model_weights/{name}", file)
            for name, value in whole["model_weights"].attrs.items():
                file.attrs[name] = value
    same_pictures(model, tmp_path / "pair.json", f"with {weights}")
    same_pictures(model, tmp_path / weights, "with pair.json")
    (tmp_path / "pair.json").unlink()
    assert "pair.json" in refused(tmp_path / weights)
    (tmp_path / weights).unlink()
    (tmp_path / "alone.json").write_text(model.to_json())
    assert "alone_weights.h5" in refused(tmp_path / "alone.json")


def test_saved_on_windows(tmp_path):
    """Catches groups named with backslashes, as Keras 2.12 and 2.13 wrote them on Windows."""
    model = small_generator(layers.Conv2D(3, 3, padding="same", activation="tanh"))

    def as_on_windows(file):
        for name in list(file["layers"]):
            if "vars" in file[f"layers/{name}"]:
                file.copy(f"layers/{name}", file, name=f"_layer_checkpoint_dependencies\\{name}")
        del file["layers"]

    same_pictures(model, with_weights(saved(model, tmp_path / "windows.keras"), as_on_windows))


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_weights_that_do_not_fit(ending, tmp_path):
    """Catches a layer that keeps zeros because its weights are missing, have another shape or another number."""

    def wrong_shape(group, name):
        group[name][...], values = 0, group[name][()]
        del group[name]
        group[name] = values[:-1]

    def missing(group, name):
        del group[name]

    def moved(group, name):
        group.move(name, name + "1")

    for number, damage in enumerate((wrong_shape, missing, moved)):
        path = saved(small_generator(layers.Conv2D(3, 3, padding="same")), tmp_path / f"{number}{ending}")
        if ending == ".keras":
            with_weights(path, lambda file, damage=damage: damage(file["layers/conv2d/vars"], "0"))
        else:
            with h5py.File(path, "r+") as file:
                name, *_ = file["model_weights/start"].attrs["weight_names"]
                folder, name = name.rsplit("/", 1)
                damage(file["model_weights/start"][folder], name)
        assert "do not fit" in refused(path) or "no weights named" in refused(path)


# ---- Pictures and inputs ----


def test_a_generator_in_a_combined_model(tmp_path):
    """Catches a combined model (noise to one number) whose generator is not found, or another model's pictures."""
    generator = small_generator(layers.Activation("tanh"))
    judge = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(1)])
    both = functional(generator, judge)
    same_pictures(generator, saved(both, tmp_path / "combined.h5"), "a combined model")
    same_pictures(generator, saved(both, tmp_path / "combined.keras"), "a combined model")
    real = keras.Input((8, 8, 3))  # as in a BiGAN: noise and pictures in, two numbers out
    bigan = keras.Model([both.input, real], [both.output, judge(real)])
    same_pictures(generator, saved(bigan, tmp_path / "bigan.keras"), "a combined model")
    flat = keras.Sequential([keras.Input((4,)), *generator.layers[1:], *judge.layers])
    same_pictures(generator, saved(flat, tmp_path / "flat.keras"), "a combined model")


@pytest.mark.parametrize(
    ("shape", "expected", "note"),
    [
        ((3, 16, 12), (16, 12, 3), "channels first"),
        ((1, 28, 28), (28, 28, 1), "channels first"),
        ((784,), (28, 28, 1), "784 numbers in a row, taken as 28x28x1"),
        ((3072,), (32, 32, 3), "3072 numbers in a row, taken as 32x32x3"),
        ((12, 10), (12, 10, 1), None),
    ],
)
def test_shapes_of_pictures(shape, expected, note, tmp_path):
    """Catches pictures in another layout that are refused, or whose pixels are mixed up."""
    keras.utils.set_random_seed(1)
    model = functional(layers.Dense(int(np.prod(shape)), activation="tanh"), layers.Reshape(shape))
    generator = open_generator(saved(model, tmp_path / "g.h5"))
    by_hand, drawn = drawn_by(model, generator)
    by_hand = by_hand.transpose(0, 2, 3, 1) if note == "channels first" else by_hand.reshape(5, *expected)
    np.testing.assert_allclose(drawn, by_hand, atol=1e-6)
    assert generator.picture_shape == expected and generator.notes == ([note] if note else [])


def test_several_outputs(tmp_path):
    """Catches the small picture, or the number, in place of the largest picture."""
    noise = keras.Input((4,))
    small = layers.Reshape((8, 8, 3))(layers.Dense(192, activation="tanh")(noise))
    large = layers.Conv2D(3, 3, padding="same", activation="tanh")(layers.UpSampling2D(2)(small))
    model = keras.Model(noise, [layers.Dense(1)(noise), small, large])
    same_pictures(keras.Model(noise, large), saved(model, tmp_path / "g.keras"), "its largest picture of 3 outputs")


def test_three_inputs(tmp_path):
    """Catches noise that goes into the wrong one of three inputs, and a class among them that is not seen."""
    first, number, second = keras.Input((4,)), keras.Input((1,), dtype="int32"), keras.Input((1, 1, 6))
    embedded = layers.Flatten()(layers.Embedding(5, 3)(number))
    x = layers.Concatenate()([first, embedded, layers.Flatten()(second)])
    model = keras.Model([first, number, second], layers.Reshape((8, 8, 3))(layers.Dense(192, activation="tanh")(x)))
    generator = open_generator(saved(model, tmp_path / "g.h5"))
    assert (generator.noise_size, generator.class_count, generator.class_position) == (10, 5, 1)
    noise, classes = RANDOM.normal(size=(3, 10)).astype("float32"), np.array([4, 0, 2])
    drawn = outputs(generator.model, generator.inputs(noise, classes))
    expected = outputs(model, [noise[:, :4], classes[:, None], noise[:, 4:].reshape(3, 1, 1, 6)])
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


@pytest.mark.parametrize("form", [lambda tensor: [tensor], lambda tensor: {tensor.name: tensor}])
def test_one_input_in_a_list_or_a_dictionary(form, tmp_path):
    """Catches a remark of Keras about the structure of the inputs, which would stand between our lines."""
    plain = small_generator(layers.Activation("tanh"))
    same_pictures(plain, saved(keras.Model(form(plain.input), plain.output), tmp_path / "g.keras"))


def test_a_fixed_batch(tmp_path):
    """Catches a file whose input fixes the length of a batch, and that therefore draws that many or none."""
    start = keras.Input(batch_shape=(16, 4))
    model = keras.Model(start, layers.Reshape((8, 8, 3))(layers.Dense(192, activation="tanh")(start)))
    generator = open_generator(saved(model, tmp_path / "g.h5"))
    assert generator.model.inputs[0].shape == (None, 4)
    noise = RANDOM.normal(size=(16, 4)).astype("float32")
    expected = outputs(model, noise)[:5]
    np.testing.assert_allclose(outputs(generator.model, noise[:5]), expected, atol=1e-6)


# ---- Not silently wrong ----


def test_two_vectors_of_which_none_is_a_class(tmp_path):
    """Catches a second vector of noise that is fed with 1, 0, 0, ...; and --one-hot without effect."""
    first, second = keras.Input((10,)), keras.Input((4,))
    x = layers.Dense(192, activation="tanh")(layers.Concatenate()([first, second]))
    model = keras.Model([first, second], layers.Reshape((8, 8, 3))(x))
    generator = open_generator(saved(model, tmp_path / "g.h5"))
    assert generator.noise_size == 14 and not generator.class_count
    assert "noise in each of 2 inputs; if one is a one-hot class: --one-hot 4" in generator.notes
    noise = RANDOM.normal(size=(3, 14)).astype("float32")
    drawn = outputs(generator.model, generator.inputs(noise))
    np.testing.assert_allclose(drawn, outputs(model, [noise[:, :10], noise[:, 10:]]), atol=1e-6)
    told = as_told(generator, one_hot=4)
    assert (told.noise_size, told.class_count, told.notes) == (10, 4, [])
    drawn = outputs(told.model, told.inputs(noise[:, :10], np.array([3, 0, 1])))
    np.testing.assert_allclose(drawn, outputs(model, [noise[:, :10], np.eye(4)[[3, 0, 1]]]), atol=1e-6)


def test_noise_with_a_one_hot_tail(tmp_path):
    """Catches 110 numbers of which nobody says that the last 10 may be a class."""
    model = functional(layers.Dense(192, activation="tanh"), layers.Reshape((8, 8, 3)), inputs=(110,))
    generator = open_generator(saved(model, tmp_path / "g.h5"))
    assert generator.notes == ["if the last 10 are a one-hot class: --one-hot 10"]
    told = as_told(generator, one_hot=10)
    noise = RANDOM.normal(size=(2, 100)).astype("float32")
    inputs = told.inputs(noise, np.array([9, 0]))
    np.testing.assert_array_equal(inputs, np.concatenate([noise, np.eye(10)[[9, 0]]], axis=1).astype("float32"))
    with pytest.raises(InputError, match="--one-hot 110"):
        as_told(generator, one_hot=110)


def test_uniform_noise(tmp_path):
    """Catches noise that stays normal, or another picture for the same seed: 75 % of a normal lie below 0.6745."""
    generator = as_told(open_generator(saved(small_generator(layers.Activation("tanh")), tmp_path / "g.h5")), "uniform")
    made = generator.inputs(np.array([[0.0, 0.67449, -0.67449, 8.0]], "float32"))
    np.testing.assert_allclose(made, [[0.0, 0.5, -0.5, 1.0]], atol=1e-4)


def scaled_generator(scale, offset, *last):
    """A linear generator of values around `offset`."""
    model = small_generator(*last)
    kernel, _ = model.get_layer("start").get_weights()
    model.get_layer("start").set_weights([kernel * scale, np.full(192, offset)])
    return model


@pytest.mark.parametrize(
    ("make", "expected", "is_drawn"),
    [
        (lambda: small_generator(layers.Activation("tanh"), layers.Rescaling(0.5, 0.5)), (0, 1), False),
        (lambda: small_generator(layers.Activation("tanh"), layers.Rescaling(127.5, 127.5)), (0, 255), False),
        (lambda: small_generator(layers.Activation("sigmoid"), layers.Rescaling(255.0)), (0, 255), False),
        (lambda: small_generator(layers.ReLU(max_value=1.0)), (0, 1), False),
        (lambda: scaled_generator(0.1, 0.5, layers.ReLU()), (0, 1), True),
        (lambda: scaled_generator(50, 120, layers.ReLU()), (0, 255), True),
        (lambda: scaled_generator(50, 120), (0, 255), True),
        (lambda: scaled_generator(0.3, 0), (-1, 1), True),
    ],
)
def test_value_ranges(make, expected, is_drawn, tmp_path):
    """Catches black and white at the wrong values: behind Rescaling or ReLU, or of a linear layer."""
    generator = open_generator(saved(make(), tmp_path / "g.keras"))
    assert generator.value_range == expected
    assert any("as drawn" in note for note in generator.notes) == is_drawn
    told = as_told(generator, value_range=(-3.0, 3.0))
    assert told.value_range == (-3.0, 3.0) and not told.notes


@pytest.mark.parametrize(
    "attribute",
    [
        "[1, 2]",
        "null",
        "{",
        '{"class_names": 7, "epoch": "\\u001b[31m"}',
        '{"preset": ["a"], "noise_size": -1, "fit": "../x", "epoch": 1e400}',
        "[" * 20_000 + "]" * 20_000,
    ],
)
def test_a_damaged_gan_attribute(attribute, tmp_path):
    """Catches a traceback, or a terminal's command that is printed, out of settings that somebody else wrote."""
    model = small_generator(layers.Activation("tanh"))
    with h5py.File(saved(model, tmp_path / "g.h5"), "r+") as file:
        file.attrs["gan"] = attribute
    generator = same_pictures(model, tmp_path / "g.h5", "ignored")
    assert generator.settings == {} and generator.class_names is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 21032\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
        (b"\x80\x02}q\x00.", "a pickle, as PyTorch"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x08\x07\x12\x07pytorch", "ONNX or TensorFlow"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b'{"a": 1}', "JSON, but no architecture"),
        (b"[1, 2]", "neither HDF5 nor"),
    ],
)
def test_other_kinds_by_their_names(content, words, tmp_path):
    """Catches a file of another kind that is only called damaged, or told to be renamed."""
    (tmp_path / "g.h5").write_bytes(content)
    assert words in refused(tmp_path / "g.h5")


def test_zips_by_their_names(tmp_path):
    """Catches a zip of another kind that is only called no Keras model."""
    np.savez(tmp_path / "pictures.npz", x_train=np.zeros((2, 8, 8, 3), "uint8"))
    assert "an .npz of arrays (x_train)" in refused(tmp_path / "pictures.npz")
    assert "PyTorch" in refused(zipped(tmp_path / "g.pt", {"archive/data.pkl": b"", "archive/data/0": b""}))
    assert "unpack it" in refused(zipped(tmp_path / "g.zip", {"models/g.h5": b"\x89HDF"}))
    assert "SavedModel" in refused(zipped(tmp_path / "s.zip", {"m/saved_model.pb": b""}))


# ---- On the command line ----


def pixels(path, *flags):
    """Draw 3 pictures with samples.py, and return them."""
    out = path.with_suffix(".npz")
    run(path, "--n", 3, "--out", out, *flags)
    with np.load(out) as file:
        return file["arr_0"]


def test_the_line_and_the_flags(tmp_path, capsys):
    """Catches a doubt that is not said, and a flag without effect: pixels are (x - low) / (high - low) x 255."""
    model = scaled_generator(50, 120)
    path = saved(model, tmp_path / "g.keras")
    noise = np.random.default_rng(0).standard_normal((3, 4), dtype="float32")

    def expected(low, high, noise=noise):
        return np.clip(np.rint((outputs(model, noise) - low) / (high - low) * 255), 0, 255)

    assert np.abs(pixels(path) - expected(0, 255)).max() <= 1
    said = capsys.readouterr().out.splitlines()[0]
    assert said.endswith("4 numbers of noise, values 0 to 255, a range as drawn (another: --range LOW:HIGH)")
    assert np.abs(pixels(path, "--range", "-100:300") - expected(-100, 300)).max() <= 1
    assert capsys.readouterr().out.splitlines()[0].endswith("4 numbers of noise, values -100 to 300")
    shares = [[NormalDist().cdf(value) for value in row] for row in noise.tolist()]
    uniform = np.array(shares, "float32") * 2 - 1
    assert np.abs(pixels(path, "--noise", "uniform") - expected(0, 255, uniform)).max() <= 1
    assert "uniform noise" in capsys.readouterr().out
    told = pixels(path, "--one-hot", 2)
    noise = np.random.default_rng(0).standard_normal((3, 2), dtype="float32")
    both = np.concatenate([noise, np.eye(2, dtype="float32")[[0, 1, 0]]], axis=1)
    assert np.abs(told - expected(0, 255, both)).max() <= 1
    assert "2 numbers of noise, 2 classes" in capsys.readouterr().out
    for flags, words in (
        (["--range", "5:5"], "received '5:5'; give two numbers"),
        (["--range", "a"], "received 'a'; give two numbers"),
        (["--one-hot", "4"], "--one-hot 4: the inputs take 4 numbers"),
        (["--noise", "uniform", "--truncation", "1"], "--truncation 1 with --noise uniform"),
    ):
        assert words in refused_by_samples(capsys, path, *flags)


def test_large_pictures_are_drawn_one_after_the_other(tmp_path, monkeypatch):
    """Catches pictures that change, are lost or repeated where fewer than --batch are drawn at once."""
    path = saved(small_generator(layers.Activation("tanh")), tmp_path / "g.h5")
    together = pixels(path)
    monkeypatch.setattr(building, "MOST_VALUES", 192 * 2)
    assert open_generator(path).most_at_once == 2
    assert np.abs(pixels(path).astype(int) - together).max() <= 1


def test_what_is_meant_as_a_model(tmp_path):
    """Would catch pictures taken for a model because a config.json lies beside them, and a damaged zip's traceback."""
    model = saved(small_generator(layers.Activation("tanh")), tmp_path / "model.keras")
    assert is_model(model.rename(tmp_path / "model.zip")) and is_model(tmp_path / "missing.keras")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "config.json").write_text("{}")
    assert not is_model(tmp_path / "pictures") and not is_model(tmp_path / "missing")
    (tmp_path / "pictures" / "model.weights.h5").write_bytes(b"")
    assert is_model(tmp_path / "pictures")
    for name, folder, expected in (("a", "", True), ("b", "inner/", True), ("c", "other/", False)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(("inner/" if name == "c" else folder) + "config.json", "{}")
            archive.writestr(folder + "model.weights.h5", b"")
        assert is_model(tmp_path / name) == expected
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("1.png", b"")
    assert not is_model(tmp_path / "pictures.zip")
    of_the_future = (
        (tmp_path / "pictures.zip").read_bytes().replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xc8")
    )
    (tmp_path / "future.zip").write_bytes(of_the_future)  # it asks for version 20.0 of the format
    assert not is_model(tmp_path / "future.zip")
    (tmp_path / "pictures.zip").rename(tmp_path / "no_config.keras")
    assert is_model(tmp_path / "no_config.keras")  # so that the one who opens it says what it lacks
