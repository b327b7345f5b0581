"""What Keras 2 wrote into a file and Keras 3 reads otherwise: the pictures must be those of Keras 2, in numbers."""

import json
import math

import numpy as np
import pytest
from keras import layers

from made_models import changed, drawn_by, old_file, outputs, saved, small_generator, with_weights
from support.models.opening import open_generator

RANDOM = np.random.default_rng(0)
KERNEL, BIAS = RANDOM.normal(0, 0.5, (4, 192)), RANDOM.normal(0, 0.2, 192)
NOISE = RANDOM.normal(size=(3, 4)).astype("float32")
START = NOISE @ KERNEL + BIAS  # what the Dense layer at the start of each model makes


def entry(kind, name, *nodes, **settings):
    """A layer of a functional model of Keras 2; each node is one call, `[[layer, call, output, keywords], ...]`."""
    return {"class_name": kind, "name": name, "config": {"name": name} | settings, "inbound_nodes": list(nodes)}


def model(entries, output, start=(8, 8, 3)):
    """The configuration of a functional model: noise (4), Dense "d", Reshape "r" to `start`, then the entries."""
    first = [
        entry("InputLayer", "z", batch_input_shape=[None, 4]),
        entry("Dense", "d", [["z", 0, 0, {}]], units=192),
        entry("Reshape", "r", [["d", 0, 0, {}]], target_shape=list(start)),
    ]
    ends = {"input_layers": [["z", 0, 0]], "output_layers": output}
    return {"class_name": "Functional", "config": {"name": "model", "layers": first + entries} | ends}


def opened(path, config, *weights):
    """Open a file with this configuration; `weights` are the arrays of each layer after the Dense one."""
    old_file(path, [("Dense", {}, [KERNEL, BIAS]), *(("Dense", {}, arrays) for arrays in weights)], version="2.15.0")
    return open_generator(changed(path, lambda _: json.dumps(config)))


def hard_sigmoid(x):
    """Keras 2's; Keras 3's has the slope 1/6."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def lstm(x, kernel, recurrent, bias):
    """An LSTM with `hard_sigmoid` at its gates: x (n, steps, c) -> its outputs (n, steps, units)."""
    h = c = np.zeros((len(x), len(recurrent)))
    made = []
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = hard_sigmoid(f) * c + hard_sigmoid(i) * np.tanh(g)
        h = hard_sigmoid(o) * np.tanh(c)
        made.append(h)
    return np.stack(made, axis=1)


def test_hard_sigmoid_wherever_it_stands(tmp_path):
    """Would catch Keras 3's slope in an LSTM's gates, and a wrapper in which Keras 2's cannot be written."""
    weights = [RANDOM.normal(size=shape) for shape in ((24, 48), (12, 48), (48,)) * 2]
    inner = {"name": "l", "units": 12, "return_sequences": True, "recurrent_activation": "hard_sigmoid"}
    inner |= {"implementation": 2, "time_major": False, "unroll": True}
    wrapped = {"class_name": "LSTM", "config": inner}
    backward = {"class_name": "LSTM", "config": inner | {"name": "b", "go_backwards": True}}
    x = START.reshape(3, 8, 24)
    both = np.concatenate([lstm(x, *weights[:3]), lstm(x[:, ::-1], *weights[3:])[:, ::-1]], axis=2)
    for number, others in enumerate(({}, {"backward_layer": backward})):
        entries = [
            entry("Bidirectional", "b", [["r", 0, 0, {}]], layer=wrapped, merge_mode="concat", **others),
            entry("Reshape", "s", [["b", 0, 0, {}]], target_shape=[8, 8, 3]),
        ]
        generator = opened(tmp_path / f"{number}.h5", model(entries, [["s", 0, 0]], (8, 24)), weights)
        np.testing.assert_allclose(outputs(generator.model, NOISE), both.reshape(3, 8, 8, 3), atol=1e-5)


def test_a_gru_that_does_not_say_when_it_resets(tmp_path):
    """Would catch a GRU of Keras before 2.2 that gets Keras 3's second bias and is refused."""
    kernel, recurrent, bias = (RANDOM.normal(size=shape) for shape in ((24, 72), (24, 72), (72,)))
    entries = [
        entry("GRU", "g", [["r", 0, 0, {}]], units=24, return_sequences=True, recurrent_activation="hard_sigmoid"),
        entry("Reshape", "s", [["g", 0, 0, {}]], target_shape=[8, 8, 3]),
    ]
    generator = opened(tmp_path / "g.h5", model(entries, [["s", 0, 0]], (8, 24)), [kernel, recurrent, bias])
    h, made = np.zeros((3, 24)), []
    for step in START.reshape(3, 8, 24).transpose(1, 0, 2):
        inner = step @ kernel + bias
        z, r = np.split(hard_sigmoid(inner[:, :48] + h @ recurrent[:, :48]), 2, axis=1)
        h = z * h + (1 - z) * np.tanh(inner[:, 48:] + (r * h) @ recurrent[:, 48:])
        made.append(h)
    expected = np.stack(made, axis=1).reshape(3, 8, 8, 3)
    np.testing.assert_allclose(outputs(generator.model, NOISE), expected, atol=1e-5)


def test_an_adapted_normalization(tmp_path):
    """Would catch a Normalization that computes with mean 0 and variance 1 in place of what the file holds."""
    mean, variance = np.array([1.0, -2.0, 3.0]), np.array([4.0, 0.25, 9.0])
    entries = [entry("Normalization", "n", [["r", 0, 0, {}]], axis=[-1], mean=None, variance=None, invert=False)]
    generator = opened(tmp_path / "n.h5", model(entries, [["n", 0, 0]]), [mean, variance, np.array(7)])
    expected = (START.reshape(3, 8, 8, 3) - mean) / np.sqrt(variance)
    np.testing.assert_allclose(outputs(generator.model, NOISE), expected, atol=1e-5)
    adapted = layers.Normalization()
    adapted.adapt(RANDOM.normal(3, 2, (50, 8, 8, 3)).astype("float32"))
    today = small_generator(adapted)
    for ending in (".h5", ".keras"):
        expected, drawn = drawn_by(today, open_generator(saved(today, tmp_path / f"today{ending}")))
        np.testing.assert_allclose(drawn, expected, atol=1e-5)


def test_a_model_that_is_called_twice(tmp_path):
    """Would catch the output of another call: Keras 2 and 3 count the calls of a model in a model differently."""
    kernel, bias = RANDOM.normal(size=(1, 1, 3, 3)), RANDOM.normal(size=3)
    convolution = entry("Conv2D", "c", [["i", 0, 0, {}]], filters=3, kernel_size=[1, 1], activation="tanh")
    inner = [entry("InputLayer", "i", batch_input_shape=[None, 8, 8, 3]), convolution]
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [["c", 0, 0]]}
    nested = entry("Functional", "m", [["r", 0, 0, {}]], [["m", 1, 0, {}]], layers=inner, **ends)
    once = np.tanh(START.reshape(3, 8, 8, 3) @ kernel[0, 0] + bias)
    twice = np.tanh(once @ kernel[0, 0] + bias)
    for number, (output, expected) in enumerate(
        [([["m", 2, 0]], twice), ([["m", 1, 0], ["m", 2, 0]], once), ([["m", 2, 0], ["m", 1, 0]], twice)]
    ):
        generator = opened(tmp_path / f"{number}.h5", model([nested], output), [kernel, bias])
        np.testing.assert_allclose(outputs(generator.model, NOISE), expected, atol=1e-5)


def test_layers_that_were_called_as_in_training(tmp_path):
    """Would catch pictures without the noise that Keras 2 drew into them, and no word about it."""
    entries = [
        entry("Dropout", "o", [["r", 0, 0, {"training": True}]], rate=0.5),
        entry("CenterCrop", "k", [["o", 0, 0, {}]], height=8, width=8),  # has that word by itself, without effect
        entry("Activation", "a", [["k", 0, 0, {}]], activation="tanh"),
    ]
    generator = opened(tmp_path / "t.h5", model(entries, [["a", 0, 0]]))
    np.testing.assert_allclose(outputs(generator.model, NOISE), np.tanh(START).reshape(3, 8, 8, 3), atol=1e-5)
    assert "drawn without the training=True of layer 'o'" in generator.notes


@pytest.mark.parametrize(
    ("made", "kind", "package", "path"),
    [
        (layers.GroupNormalization(groups=-1), "InstanceNormalization", "Addons", "group_normalization"),
        (layers.BatchNormalization(), "SyncBatchNormalization", None, "batch_normalization"),
    ],
)
def test_old_classes_in_a_keras_file(made, kind, package, path, tmp_path):
    """Would catch weights that are looked for under the name of today's class."""
    today = small_generator(made)
    made.set_weights([RANDOM.uniform(0.5, 2, 3) for _ in made.weights])
    file = saved(today, tmp_path / "g.keras")
    old = "".join("_" + letter.lower() if letter.isupper() else letter for letter in kind).strip("_")

    def named(text):
        config = json.loads(text)
        registered = f"{package}>{kind}" if package else kind
        config["config"]["layers"][-1] |= {"class_name": kind, "registered_name": registered, "module": "old"}
        return json.dumps(config)

    with_weights(changed(file, named), lambda weights: weights.move(f"layers/{path}", f"layers/{old}"))
    expected, drawn = drawn_by(today, open_generator(file))
    np.testing.assert_allclose(drawn, expected, atol=1e-5)


def test_attention_with_its_value_as_a_keyword(tmp_path):
    """Would catch a tensor among a call's keywords that stays a list of words, as in every MultiHeadAttention."""
    query, key, value = (RANDOM.normal(size=(3, 1, 3)) for _ in range(3))
    out, zeros = RANDOM.normal(size=(1, 3, 3)), np.zeros((1, 3))
    heads = {"num_heads": 1, "key_dim": 3, "value_dim": 3, "dropout": 0.0, "use_bias": True, "output_shape": None}
    heads |= {"attention_axes": None, "query_shape": [None, 64, 3], "key_shape": [None, 64, 3]}
    entries = [
        entry("MultiHeadAttention", "a", [["r", 0, 0, {"value": ["r", 0, 0]}]], value_shape=[None, 64, 3], **heads),
        entry("Reshape", "s", [["a", 0, 0, {}]], target_shape=[8, 8, 3]),
    ]
    arrays = [query, zeros, key, zeros, value, zeros, out, np.zeros(3)]
    generator = opened(tmp_path / "a.h5", model(entries, [["s", 0, 0]], (64, 3)), arrays)
    x = START.reshape(3, 64, 3)
    scores = np.exp(x @ query[:, 0] @ (x @ key[:, 0]).transpose(0, 2, 1) / np.sqrt(3))
    expected = scores / scores.sum(2, keepdims=True) @ (x @ value[:, 0]) @ out[0]
    np.testing.assert_allclose(outputs(generator.model, NOISE), expected.reshape(3, 8, 8, 3), atol=1e-4)


def blocks(x):
    """Put the 2x2 pixels of each block behind each other: (3, 8, 8, 3) -> (3, 4, 4, 12)."""
    return x.reshape(3, 4, 2, 4, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(3, 4, 4, 12)


@pytest.mark.parametrize(
    ("function", "keywords", "by_hand"),
    [
        ("math.squared_difference", {"y": 0.5}, lambda x: (x - 0.5) ** 2),
        ("math.l2_normalize", {"axis": -1}, lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)),
        ("linalg.matmul", {"b": ["r", 0, 0], "transpose_b": True}, lambda x: x @ x.transpose(0, 1, 3, 2)),
        ("compat.v1.pad", {"paddings": [[0, 0], [1, 1], [2, 2], [0, 0]], "mode": "REFLECT"}, None),
        ("pad", {"paddings": [[0, 0], [1, 1], [2, 2], [0, 0]], "constant_values": 2.0}, None),
        ("nn.relu6", {}, lambda x: np.clip(x, 0, 6)),
        ("identity", {}, lambda x: x),
        ("nn.gelu", {}, None),
        ("reverse", {"axis": [1]}, lambda x: x[:, ::-1]),
        ("nn.space_to_depth", {"block_size": 2, "data_format": "NHWC"}, blocks),
    ],
)
def test_more_functions_of_tensorflow(function, keywords, by_hand, tmp_path):
    """Would catch a function of TensorFlow with the arguments, or the defaults, of the one in keras.ops."""
    x = START.reshape(3, 8, 8, 3)
    if function.endswith("pad"):
        widths, mode = keywords["paddings"], keywords.get("mode", "constant").lower()
        expected = np.pad(x, widths, mode, **({"constant_values": 2.0} if mode == "constant" else {}))
    elif by_hand is None:  # GELU, exactly
        expected = x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))
    else:
        expected = by_hand(x)
    last = [] if expected.shape[-1] == 3 else [entry("Conv2D", "c", [["t", 0, 0, {}]], filters=3, kernel_size=[1, 1])]
    kernel = RANDOM.normal(size=(1, 1, expected.shape[-1], 3))
    entries = [entry("TFOpLambda", "t", ["r", 0, 0, keywords], function=function), *last]
    generator = opened(
        tmp_path / "t.h5", model(entries, [["c" if last else "t", 0, 0]]), *([[kernel, np.zeros(3)]] if last else [])
    )
    expected = expected @ kernel[0, 0] if last else expected
    np.testing.assert_allclose(outputs(generator.model, NOISE), expected, atol=1e-4)


def test_a_class_as_one_hot(tmp_path):
    """Would catch tf.one_hot that is refused, and classes that nobody counts."""
    kernel = RANDOM.normal(size=(9, 192))
    entries = [
        entry("InputLayer", "y", batch_input_shape=[None], dtype="int32"),
        entry("TFOpLambda", "h", ["y", 0, 0, {"depth": 5}], function="one_hot"),
        entry("TFOpLambda", "b", [["z", 0, 0, {"axis": 1}], ["h", 0, 0, {"axis": 1}]], function="concat"),
        entry("Dense", "e", [["b", 0, 0, {}]], units=192),
        entry("Reshape", "s", [["e", 0, 0, {}]], target_shape=[8, 8, 3]),
    ]
    config = model(entries, [["s", 0, 0]])
    config["config"]["layers"][1:3] = []
    config["config"]["input_layers"] += [["y", 0, 0]]
    path = old_file(tmp_path / "y.h5", [("Dense", {}, [kernel, BIAS])], version="2.15.0")
    generator = open_generator(changed(path, lambda _: json.dumps(config)))
    assert generator.class_count == 5
    classes = np.array([4, 0, 2])
    expected = np.concatenate([NOISE, np.eye(5)[classes]], axis=1) @ kernel + BIAS
    np.testing.assert_allclose(generator.draw(NOISE, classes), expected.reshape(3, 8, 8, 3), atol=1e-5)


def test_functions_of_several_tensors(tmp_path):
    """Would catch tf.split with sizes read as places, and the first of its parts in place of the second."""
    entries = [
        entry("TFOpLambda", "t", ["r", 0, 0, {"num_or_size_splits": [2, 6], "axis": 2}], function="split"),
        entry("TFOpLambda", "p", ["t", 0, 0, {"paddings": [[0, 0], [0, 0], [0, 4], [0, 0]]}], function="pad"),
        entry("TFOpLambda", "s", [["p", 0, 0, {}], ["t", 0, 1, {}]], function="math.add_n"),
    ]
    generator = opened(tmp_path / "s.h5", model(entries, [["s", 0, 0]]))
    x = START.reshape(3, 8, 8, 3)
    expected = x[:, :, 2:] + np.pad(x[:, :, :2], [(0, 0), (0, 0), (0, 4), (0, 0)])
    np.testing.assert_allclose(outputs(generator.model, NOISE), expected, atol=1e-5)
