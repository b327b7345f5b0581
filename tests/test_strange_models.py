"""Models that cannot draw, are no generators, have values of no known range or take too much: one line for each."""

import json
import time
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from drawing_runs import names_in, run
from drawing_runs import refused as refused_by_samples
from made_models import changed, drawn_by, functional, old_file, saved, small_generator
from support.models import building, describing
from support.models.generator import as_told
from support.models.opening import open_generator
from support.system.errors import InputError

RANDOM = np.random.default_rng(0)
START = ("Dense", {"units": 192, "batch_input_shape": [None, 4]}, [RANDOM.normal(size=(4, 192)), np.zeros(192)])
MAP = ("Reshape", {"target_shape": [8, 8, 3]}, [])


def refused(path):
    """The line with which a file is refused, soon."""
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        open_generator(path)
    line = str(caught.value)
    assert line.isprintable() and len(line) < 600 and time.monotonic() - start < 60
    return line


# ---- The range of values ----


def linear(low, high, *last):
    """A generator whose values go from low to high, through a layer that does not tell it."""
    model = small_generator(layers.Activation("sigmoid"), layers.Conv2D(3, 1), *last)
    kernel = np.eye(3)[None, None] * (high - low)
    model.layers[4].set_weights([kernel, np.full(3, low)])
    kernel, bias = model.get_layer("start").get_weights()
    model.get_layer("start").set_weights([kernel * 20, bias])  # most values near an end
    return model


def folded():
    """A tanh that is put together with itself 60 times over, in 2 to the power of 60 ways."""
    model = small_generator(layers.Activation("tanh"))
    x = model.output
    for _ in range(60):
        x = layers.Maximum()([x, layers.Minimum()([x, layers.Permute((1, 2, 3))(x)])])
    return keras.Model(model.input, x)


def test_ranges_of_a_folded_model(tmp_path):
    """Would catch a walk back through a model that takes every way through it, and so never ends."""
    assert open_generator(saved(folded(), tmp_path / "g.keras")).value_range == (-1, 1)


@pytest.mark.parametrize(
    ("make", "expected", "note"),
    [
        (lambda: linear(0, 1), (0, 1), "a range as drawn"),
        (lambda: linear(0.3, 0.7), (0, 1), "a range as drawn"),
        (lambda: linear(-0.05, 1.05), (0, 1), "a range as drawn"),
        (lambda: linear(-1, 1), (-1, 1), "a range as drawn"),
        (lambda: linear(-0.3, 0.9), (-1, 1), "a range as drawn"),
        (lambda: linear(0, 255), (0, 255), "a range as drawn"),
        (lambda: linear(-12.5, 9.5), (-13, 10), "perhaps logits (for example --range -4:4)"),
        (lambda: linear(-1, 1, layers.Rescaling([0.5] * 3, [0.5] * 3)), (0, 1), "a range as drawn"),
    ],
)
def test_ranges_that_only_the_pictures_tell(make, expected, note, tmp_path):
    """Would catch pictures from 0 to 1 that are washed out, and logits that are almost black."""
    generator = open_generator(saved(make(), tmp_path / "g.keras"))
    assert generator.value_range == expected
    assert any(note in said for said in generator.notes)
    assert as_told(generator, value_range=(-3.0, 3.0)).notes == []


# ---- Layers within layers ----


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_a_layer_with_weights_as_an_activation(ending, tmp_path):
    """Would catch a PReLU inside a convolution that draws with zeros, or is refused."""
    model = small_generator(layers.Conv2D(3, 3, activation=layers.PReLU()))
    model(np.zeros((1, 4)))
    convolution = model.layers[-1]
    convolution.activation.alpha.assign(RANDOM.normal(size=(6, 6, 3)))
    expected, drawn = drawn_by(model, open_generator(saved(model, tmp_path / f"g{ending}")))
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


# ---- Settings with which nothing can be drawn ----


@pytest.mark.parametrize(
    ("kind", "settings", "arrays"),
    [
        ("Resizing", {"height": 16, "width": 16, "interpolation": "gaussian"}, []),
        ("UpSampling2D", {"size": [2, 2], "interpolation": "foo"}, []),
        ("Rescaling", {"scale": [1, 2], "offset": 0}, []),
        ("Softmax", {"axis": 9}, []),
        ("LayerNormalization", {"epsilon": "x"}, [np.ones(3), np.zeros(3)]),
        ("Activation", {"activation": "sigmoid", "dtype": "bool"}, []),
    ],
)
def test_layers_that_cannot_compute(kind, settings, arrays, tmp_path, capsys):
    """Would catch a traceback, or a line that does not name the layer."""
    tanh = ("Activation", {"activation": "tanh"}, [])
    path = old_file(tmp_path / "g.h5", [START, MAP, (kind, settings, arrays), tanh], version="2.15.0")
    line = refused_by_samples(capsys, path, "--n", 2)
    assert ("layer_2" in line or kind in line) and "[1m" not in line and "Traceback" not in line
    assert names_in(tmp_path) == ["g.h5"]


def test_the_model_is_not_overwritten(tmp_path, capsys):
    """Would catch a model of the name m.png that its own grid replaces."""
    path = saved(small_generator(layers.Activation("tanh")), tmp_path / "g.h5").rename(tmp_path / "m.png")
    content = path.read_bytes()
    (tmp_path / "link.png").symlink_to(path)
    for flags in ([], ["--out", path], ["--out", tmp_path / "link.png"]):
        assert "is the model itself" in refused_by_samples(capsys, path, "--n", 2, *flags)
    assert path.read_bytes() == content
    run(path, "--n", 2, "--out", tmp_path / "grid.png")


# ---- Memory and time ----


def test_the_range_is_found_with_little_memory(tmp_path, monkeypatch):
    """Would catch 16 large pictures that are drawn at once, whatever fits."""
    path = saved(linear(0, 255), tmp_path / "g.h5")
    expected = open_generator(path).value_range
    monkeypatch.setattr(building, "MOST_VALUES", 2 * 192)
    lengths = []
    inputs = describing.Generator.inputs

    def noted(generator, noise, classes=None):
        lengths.append(len(noise))
        return inputs(generator, noise, classes)

    monkeypatch.setattr(describing.Generator, "inputs", noted)
    assert open_generator(path).value_range == expected
    assert lengths == [2]


def graph(*entries, output):
    """The configuration of a functional model of Keras 2 with these entries behind a map of (8, 8, 3)."""

    def entry(kind, name, *nodes, **settings):
        return {"class_name": kind, "name": name, "config": {"name": name} | settings, "inbound_nodes": list(nodes)}

    first = [
        entry("InputLayer", "z", batch_input_shape=[None, 4]),
        entry("Dense", "d", [["z", 0, 0, {}]], units=192),
        entry("Reshape", "r", [["d", 0, 0, {}]], target_shape=[8, 8, 3]),
    ]
    made = first + [entry(*others, **settings) for others, settings in entries]
    ends = {"input_layers": [["z", 0, 0]], "output_layers": [[output, 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": made} | ends})


def test_constants_are_not_computed(tmp_path):
    """Would catch memory for a constant, such as 1 repeated 2,000,000,000 times, while the model is built."""
    tile = ["_CONSTANT_VALUE", -1, [1.0], {"multiples": [2_000_000_000]}]
    text = graph(
        (("TFOpLambda", "t", tile), {"function": "tile"}),
        (("TFOpLambda", "a", ["r", 0, 0, {"y": ["t", 0, 0]}]), {"function": "math.add"}),
        output="a",
    )
    path = changed(old_file(tmp_path / "g.h5", [START], version="2.15.0"), lambda _: text)
    assert "layer 't' takes nothing that another layer makes" in refused(path)


def test_too_many_layers(tmp_path):
    """Would catch minutes for 80,000 names that become the same, and for thousands of small layers."""
    names = [((("Activation", f"x{chr(0x4E00 + i % 20000)}{i // 20000}"), {})) for i in range(80_000)]
    path = old_file(tmp_path / "g.h5", [START], version="2.15.0")
    assert "more than 1500 layers" in refused(changed(path, lambda _: graph(*names, output="r")))
    many = [("LayerNormalization", {"center": False, "scale": False}, [])] * 1600
    assert "more than 1500 layers" in refused(old_file(tmp_path / "m.h5", [START, MAP, *many], version="2.15.0"))


def recurrent(units=1, **settings):
    """A SimpleRNN of one unit, with its weights."""
    weights = [np.ones((units, 1)), np.ones((1, 1)), np.zeros(1)]
    return "SimpleRNN", {"units": 1, "return_sequences": True} | settings, weights


def test_too_many_steps(tmp_path):
    """Would catch minutes for steps that are taken one after the other, unrolled, in many layers or within layers."""
    last = ("Reshape", {"target_shape": [8, 16, 1]}, [])
    row = [START, ("RepeatVector", {"n": 128}, [])]
    path = old_file(tmp_path / "g.h5", [*row, recurrent(192, unroll=True), last], version="2.15.0")
    assert not open_generator(path).model.layers[2].unroll
    path = old_file(tmp_path / "m.h5", [*row, recurrent(192), *[recurrent()] * 80, last], version="2.15.0")
    assert "more than 10,000 steps" in refused(path)
    path = old_file(tmp_path / "n.h5", [*row, recurrent(192), *[recurrent()] * 160, last], version="2.15.0")
    assert "more than 1500 layers" in refused(path)
    timed = {"layer": {"class_name": "Dense", "config": {"units": 1, "name": "i"}}}
    long = [START, ("RepeatVector", {"n": 11_000}, []), ("TimeDistributed", timed, [np.ones((192, 1)), np.zeros(1)])]
    path = old_file(tmp_path / "t.h5", [*long, ("Reshape", {"target_shape": [110, 100, 1]}, [])], version="2.15.0")
    assert "more than 10,000 steps" in refused(path)


def test_too_many_values(tmp_path):
    """Would catch an hour for activations of large maps, which have no weights to multiply with."""
    many = [("Activation", {"activation": "gelu"}, [])] * 300
    large = ("UpSampling2D", {"size": [512, 512]}, [])
    small = ("MaxPooling2D", {"pool_size": [512, 512]}, [])
    path = old_file(tmp_path / "g.h5", [START, MAP, large, *many, small], version="2.15.0")
    assert "multiplications" in refused(path)


# ---- No generators ----


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: functional(layers.Dense(100, activation="softmax")), "(a classifier: its last layer is a softmax)"),
        (lambda: functional(layers.Dense(64), layers.Softmax()), "(a classifier: its last layer is a softmax)"),
        (lambda: functional(layers.Dense(3), layers.Dense(784), inputs=(784,)), "(an autoencoder"),
        (lambda: functional(layers.SimpleRNN(20, return_sequences=True), inputs=(24, 6)), "(it turns rows into rows"),
        (
            lambda: functional(
                layers.Embedding(50, 16), layers.Dense(50, activation="softmax"), inputs=(20,), dtype="int32"
            ),
            "a softmax",
        ),
        (
            lambda: functional(layers.Embedding(50, 3), layers.Activation("tanh"), inputs=(8, 8), dtype="int32"),
            "input 1 takes whole numbers (words or codes)",
        ),
        (
            lambda: functional(layers.Embedding(50, 192), layers.Reshape((8, 8, 3)), inputs=(1,)),
            "input 1 takes whole numbers (a class, and no noise)",
        ),
        (
            lambda: functional(layers.Dense(2 * 4 * 4 * 4), layers.Reshape((2, 4, 4, 4)), layers.Conv3DTranspose(3, 1)),
            "is no picture",
        ),
    ],
)
def test_models_that_are_no_generators(make, words, tmp_path):
    """Would catch pictures that are drawn with a classifier, an autoencoder or a model of words."""
    assert words in refused(saved(make(), tmp_path / "g.keras"))


def test_words_beside_noise(tmp_path):
    """Would catch a sentence that is taken for a one-hot class of as many classes as it has words."""
    noise, words = keras.Input((4,)), keras.Input((12,), dtype="int32", name="caption")
    x = layers.Concatenate()([noise, layers.Flatten()(layers.Embedding(100, 4)(words))])
    model = keras.Model([noise, words], layers.Reshape((8, 8, 3))(layers.Dense(192, activation="tanh")(x)))
    assert "input 2 takes whole numbers (words or codes)" in refused(saved(model, tmp_path / "g.keras"))


def test_noise_in_rows_and_columns(tmp_path):
    """Would catch maps of noise, (4, 4, 8), that are taken for pictures; and pictures of 2 channels for noise."""
    up = layers.Conv2DTranspose(3, 4, strides=4, activation="tanh")
    model = functional(up, inputs=(4, 4, 8))
    generator = open_generator(saved(model, tmp_path / "g.keras"))
    expected, drawn = model(RANDOM.normal(size=(1, 4, 4, 8))), generator.draw(RANDOM.normal(size=(1, 128)))
    assert drawn.shape == expected.shape == (1, 16, 16, 3) and drawn.std() > 0.01
    same = functional(layers.Conv2D(3, 3, padding="same"), inputs=(16, 16, 2))
    assert "turns pictures into pictures" in refused(saved(same, tmp_path / "p.keras"))


def test_quantized(tmp_path):
    """Would catch a quantized model that is refused for a layer of the name Int8QuantizationConfig."""
    model = functional(layers.Dense(192, name="start"), layers.Reshape((8, 8, 3)))
    model.quantize("int8")
    assert "layer 'start' is quantized; save the model as it was" in refused(saved(model, tmp_path / "g.keras"))


def test_operations_without_a_layer(tmp_path):
    """Would catch a TensorFlow function that is refused without its name."""
    path = old_file(tmp_path / "g.h5", [START], version="2.15.0")
    text = graph((("TFOpLambda", "t", ["r", 0, 0, {}]), {"function": "signal.fft2d"}), output="t")
    assert "the TensorFlow function signal.fft2d" in refused(changed(path, lambda _: text))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("saved_model.pb", b"\nO\n\x01x", "a TensorFlow graph"),
        ("ckpt.index", b"\x00\x00\x02", "a part of a TensorFlow checkpoint"),
        ("ckpt.data-00000-of-00001", b"\x9a\x99", "a part of a TensorFlow checkpoint"),
        ("checkpoint", b'model_checkpoint_path: "ckpt"', "a part of a TensorFlow checkpoint"),
        ("g.yaml", b"backend: tensorflow\n", "an architecture as YAML"),
        ("g.joblib", b"x\x9c\x01", "a joblib file"),
        ("g.dat", b"(dp0\nVa\n", "a pickle"),
        ("g.h5.zst", b"\x28\xb5\x2f\xfd\x04\x00", "Zstandard"),
        ("model.json", b'{"format": "layers-model", "modelTopology": {}}', "a TensorFlow.js model"),
    ],
)
def test_more_kinds_by_their_names(name, content, words, tmp_path):
    """Would catch a file of another kind that is called neither HDF5 nor a zip."""
    (tmp_path / name).write_bytes(content)
    assert words in refused(tmp_path / name)


def test_folders_by_their_files(tmp_path):
    """Would catch config.json of an unpacked .keras that asks for weights of another name; a SavedModel's way out."""
    model = small_generator(layers.Activation("tanh"))
    path = saved(model, tmp_path / "g.keras")
    zipfile.ZipFile(path).extractall(tmp_path / "u")
    for name in ("config.json", "model.weights.h5"):
        expected, drawn = drawn_by(model, open_generator(tmp_path / "u" / name))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "saved_model.pb").write_bytes(b"\x08\x01")
    assert "model.save('generator.keras')" in refused(tmp_path / "s")
