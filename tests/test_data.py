"""The data by name, as numbers, and looked over from the command line."""

import numpy as np
import pytest

import defDATA
from defDATA import load_pictures, to_floats
from made_pictures import (
    write_files,
)
from support.data.class_names import CLASS_NAMES
from support.drawing.grid import to_uint8
from support.system.errors import InputError


def test_scaling_by_hand():
    """Would catch [0, 1] instead of [-1, 1], a shifted middle, and truncation instead of rounding."""
    floats = to_floats(np.array([0, 51, 255], "uint8"))
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, [-1.0, -0.6, 1.0], atol=1e-6)  # 51 / 127.5 = 0.4
    pictures = to_uint8(np.array([-1.0, 0.0, 1.0, -0.6, -3.0, 3.0]))
    assert pictures.dtype == np.uint8
    assert pictures.tolist() == [0, 128, 255, 51, 0, 255]  # 127.5 rounds to the even 128; outside is clipped


def test_every_level_survives_the_round_trip():
    """Would catch a level that comes back as its neighbour, and a uint8 that wraps round on the way."""
    levels = np.arange(256, dtype="uint8")
    assert (to_uint8(to_floats(levels)) == levels).all()


# Downloads


def test_class_names_by_number():
    """Would catch class names out of order, doubled or missing: the numbers are those of the published files."""
    counts = {"cifar10": 10, "cifar100": 100, "mnist": 10, "fashion_mnist": 10}
    assert {name: len(names) for name, names in CLASS_NAMES.items()} == counts
    assert {name: len(set(names)) for name, names in CLASS_NAMES.items()} == counts
    ten, hundred = CLASS_NAMES["cifar10"], CLASS_NAMES["cifar100"]
    assert [ten[number] for number in (0, 1, 3, 5, 9)] == ["airplane", "automobile", "cat", "dog", "truck"]
    known = {0: "apple", 1: "aquarium_fish", 13: "bus", 41: "lawn_mower", 52: "oak_tree", 68: "road", 99: "worm"}
    assert {number: hundred[number] for number in known} == known
    assert hundred == sorted(hundred) and ten[:9] == sorted(ten[:9])
    assert CLASS_NAMES["mnist"] == [str(digit) for digit in range(10)]
    clothes = CLASS_NAMES["fashion_mnist"]
    assert [clothes[number] for number in (0, 1, 7, 9)] == ["T-shirt", "trouser", "sneaker", "ankle_boot"]


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_from_keras(monkeypatch, name):
    """Would catch the test split, labels left as `(n, 1)`, the other set's names, and a size that is not passed on."""
    keras = pytest.importorskip("keras")
    images = np.stack([np.full((32, 32, 3), level, "uint8") for level in (7, 80, 250)])
    labels = np.array([[3], [0], [9]], "uint8")
    test = (np.zeros((1, 32, 32, 3), "uint8"), np.zeros((1, 1), "uint8"))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: ((images, labels), test))
    pictures = load_pictures(name)
    assert (pictures.images == images).all()
    assert pictures.labels.dtype == np.int32 and pictures.labels.tolist() == [3, 0, 9]
    assert pictures.class_names == CLASS_NAMES[name] and name in pictures.source
    small = load_pictures(name, 16, 8, 1).images
    assert small.shape == (3, 16, 8, 1) and small[:, 5, 5, 0].tolist() == [7, 80, 250]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_from_keras(monkeypatch, name):
    """Would catch grey pictures without an axis for their one channel, which no network takes, or the other's names."""
    keras = pytest.importorskip("keras")
    images = np.stack([np.full((28, 28), level, "uint8") for level in (7, 80, 250)])
    labels = np.array([3, 0, 9], "uint8")
    test = (np.zeros((1, 28, 28), "uint8"), np.zeros(1, "uint8"))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: ((images, labels), test))
    pictures = load_pictures(name)
    assert pictures.images.shape == (3, 28, 28, 1) and (pictures.images[..., 0] == images).all()
    assert pictures.labels.dtype == np.int32 and pictures.labels.tolist() == [3, 0, 9]
    assert pictures.class_names == CLASS_NAMES[name] and name in pictures.source


def test_cifar_without_the_net(monkeypatch, capsys):
    """Would catch a traceback where there is no connection; the two ways on must be named."""
    keras = pytest.importorskip("keras")

    def no_net():
        raise Exception("URL fetch failure on https://example.org: None\n -- [Errno -2] Name or service not known")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", no_net)
    with pytest.raises(InputError, match=r"(?s)cifar10 .*URL fetch failure.*--data.*--preset shapes"):
        load_pictures("cifar10")
    assert ends_with_one_line(["cifar10"], capsys).startswith("defDATA.py: cifar10 could not be downloaded")


# python defDATA.py PATH


def ends_with_one_line(arguments, capsys):
    """Check that `defDATA.main` ends with exit code 2 and one line on stderr; return the line."""
    with pytest.raises(SystemExit) as caught:
        defDATA.main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.endswith("\n") and captured.err.count("\n") == 1
    return captured.err


def test_main_ends_in_one_line(tmp_path, capsys):
    """Would catch a traceback, a usage text of several lines, and an exit code that scripts take for success."""
    missing = str(tmp_path / "missing")
    assert ends_with_one_line([missing], capsys).startswith(f"defDATA.py: no such file or folder: {missing};")
    assert "path" in ends_with_one_line([], capsys)
    assert "two\\nlines" not in ends_with_one_line([str(tmp_path / "two\nlines")], capsys)
    ends_with_one_line([str(tmp_path / ("x" * 300))], capsys)  # longer than a file system takes
    ends_with_one_line([str(write_files(tmp_path, {"a.npz": b"no"}) / "a.npz")], capsys)


def test_an_empty_name_is_not_this_folder():
    """Would catch `--data ""` (an unset variable in a script) training on whatever lies around."""
    with pytest.raises(InputError, match="an empty name"):
        load_pictures("")
