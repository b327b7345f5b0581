"""Pictures in an .npz of plain arrays: what is taken, and what is refused."""

import os
import pathlib

import numpy as np
import pytest

from defDATA import load_pictures
from made_pictures import (
    lock,
    refused,
    save_npz,
    write_zip,
)


def test_npz_like_mnist(tmp_path):
    """Would catch MNIST brought to 32x32 colour unasked, a lost axis, and labels of another kind."""
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype="uint8")
    labels = np.array([5, 0, 4, 1, 9, 2], "uint8")
    path = save_npz(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    pictures = load_pictures(str(path))
    assert pictures.images.shape == (6, 28, 28, 1) and (pictures.images[..., 0] == images).all()
    assert pictures.labels.dtype == np.int32
    assert [pictures.class_names[label] for label in pictures.labels] == ["5", "0", "4", "1", "9", "2"]
    assert pictures.class_names == ["0", "1", "2", "4", "5", "9"]  # a class without a picture would be asked for
    assert pictures.describe().startswith("6 pictures at 28x28 (height x width), grey, 6 classes, from ")


def test_npz_without_labels_and_with_labels_in_a_column(tmp_path):
    """Would catch labels that are demanded, and CIFAR's `(n, 1)` labels that are refused."""
    images = np.zeros((3, 8, 9, 4), "uint8")
    pictures = load_pictures(str(save_npz(tmp_path / "a.NPZ.npz", x_train=images)))
    assert pictures.images.shape == (3, 8, 9, 4) and pictures.labels is None and pictures.class_names is None
    pictures = load_pictures(str(save_npz(tmp_path / "b.npz", x_train=images, y_train=np.array([[2], [0], [1]]))))
    assert pictures.labels.tolist() == [2, 0, 1]


def test_npz_brought_to_another_size_when_asked(tmp_path):
    """Would catch flags that an .npz ignores, pictures in another order, and grey that fills one channel only."""
    images = np.stack([np.full((28, 28), level, "uint8") for level in (10, 200)])
    path = save_npz(tmp_path / "a.npz", x_train=images)
    pictures = load_pictures(str(path), 32, 32, 3).images
    assert pictures.shape == (2, 32, 32, 3)
    assert (pictures[0] == 10).all() and (pictures[1] == 200).all()
    assert load_pictures(str(path), channels=3).images.shape == (2, 28, 28, 3)
    assert load_pictures(str(path), height=14).images.shape == (2, 14, 28, 1)


class Trap:
    """An object whose unpickling runs code: it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("key", ["x_train", "y_train"])
def test_npz_pickles_are_refused_and_not_run(tmp_path, key):
    """Would catch allow_pickle: a data set from the net could run any code."""
    arrays = {"x_train": np.zeros((1, 8, 8), "uint8"), key: np.array([Trap(tmp_path / "sprung")], dtype=object)}
    refused(save_npz(tmp_path / "a.npz", **arrays), "plain arrays")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 8, 8)), ["float64 (2, 8, 8)", "uint8"]),
        (np.zeros((2, 8, 8), "int64"), ["int64"]),
        (np.zeros((8, 8), "uint8"), ["(8, 8)"]),
        (np.zeros((2, 3, 8, 8), "uint8"), ["(2, 3, 8, 8)", "channels"]),  # channels first
        (np.zeros((0, 8, 8), "uint8"), ["(0, 8, 8)"]),
        (np.uint8(3), ["uint8 ()"]),
    ],
    ids=["floats", "whole numbers", "one picture", "channels first", "empty", "a number"],
)
def test_npz_of_another_kind(tmp_path, images, words):
    """Would catch floats cut to 0 and 1, or axes read in the wrong order, without a word."""
    refused(save_npz(tmp_path / "a.npz", x_train=images), "x_train", *words)


@pytest.mark.parametrize(
    ("images", "way_out"),
    [
        (np.zeros((2, 3, 8, 8), "uint8"), "(x.transpose(0, 2, 3, 1)).astype('uint8')"),
        (np.zeros((2, 3072), "uint8"), "(x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)).astype('uint8')"),
        (np.full((2, 784), 0.5), "(x.reshape(-1, 28, 28) * 255).astype('uint8')"),
        (np.full((2, 8, 8, 3), -0.5), "(x * 127.5 + 127.5).astype('uint8')"),
        (np.full((2, 8, 8, 3), 200.0), "(x * 1).astype('uint8')"),
        (np.zeros((32, 32, 3), "uint8"), "one picture is too few"),
    ],
)
def test_npz_says_how_to_turn_an_array_into_pictures(tmp_path, images, way_out):
    """Would catch a refusal without a way out, and one colour picture taken for 32 grey ones of 32x3."""
    refused(save_npz(tmp_path / "a.npz", arr_0=images), way_out)


@pytest.mark.parametrize("name", ["labels", "y", "target", "targets"])
def test_npz_labels_of_another_name(tmp_path, name):
    """Would catch classes lost because their array is not called as the pictures' partner usually is."""
    images = np.arange(2, dtype="uint8")[:, None, None, None] * np.ones((1, 8, 8, 3), "uint8")
    for of_pictures in ("images", "x", "data"):
        path = save_npz(tmp_path / f"{of_pictures}.npz", **{of_pictures: images, name: np.array([1, 0])})
        assert load_pictures(str(path)).labels.tolist() == [1, 0]


def test_npz_classes_are_those_that_occur(tmp_path):
    """Would catch 60,001 classes for the labels 0 and 60000, and words that are refused."""
    images = np.zeros((3, 8, 8), "uint8")
    sparse = load_pictures(str(save_npz(tmp_path / "a.npz", x_train=images, y_train=np.array([60_000, 0, 60_000]))))
    assert sparse.labels.tolist() == [1, 0, 1] and sparse.class_names == ["0", "60000"]
    words = load_pictures(str(save_npz(tmp_path / "b.npz", x_train=images, y_train=np.array(["dog", "cat", "dog"]))))
    assert words.labels.tolist() == [1, 0, 1] and words.class_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.array([0, 1]), "(2,)"),
        (np.array([0.0, 1.0, 2.0]), "float64"),
        (np.array([0, -1, 2]), "-1"),
        (np.eye(3, dtype="uint8")[:, :2], "(3, 2)"),  # one-hot, but for one row that is all 0
        (np.full((3, 2), 0.5), "(3, 2)"),
        (np.array([0, 1, 2**32]), str(2**32)),  # int32 would make a 0 of it
        (np.array([], "int64"), "(0,)"),
    ],
    ids=["too few", "floats", "negative", "a row of zeros", "shares", "too large", "none"],
)
def test_npz_with_wrong_labels(tmp_path, labels, word):
    """Would catch labels that do not belong to the pictures, and a message that hides what was received."""
    images = np.zeros((3, 8, 8), "uint8")
    refused(save_npz(tmp_path / "a.npz", x_train=images, y_train=labels), "y_train", "3 class numbers", word)


def test_npz_without_x_train(tmp_path):
    """Would catch a KeyError: the message must tell which names are there."""
    refused(save_npz(tmp_path / "a.npz", faces=np.zeros((1, 8, 8), "uint8"), y=np.zeros(1)), "faces, y", "numpy.savez")
    refused(save_npz(tmp_path / "b.npz"), "nothing")


def test_npz_that_is_none(tmp_path):
    """Would catch a traceback for a cut or damaged download, a plain .npy, a folder, a locked or a foreign archive."""
    path = save_npz(tmp_path / "a.npz", x_train=np.arange(2000, dtype="uint8").reshape(5, 20, 20))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    refused(path, "cut short")
    damaged = bytearray(whole)
    damaged[whole.index(b"\x93NUMPY") + 500] ^= 0xFF
    path.write_bytes(damaged)
    refused(path, "cannot be read")
    path.write_bytes(b"")
    refused(path, "not a zip archive")
    with path.open("wb") as file:
        np.save(file, np.zeros((1, 8, 8), "uint8"))
    refused(path, "not a zip archive")
    refused(write_zip(tmp_path / "b.npz", {"x_train.npy": b"no array"}), "cannot be read")
    np.save(path, np.zeros((1, 8, 8), "uint8"))
    array = pathlib.Path(f"{path}.npy").read_bytes()
    refused(write_zip(tmp_path / "b.npz", {"x_train.npy": array, "y_train.npy": b"no array"}), "cannot be read")
    refused(lock(save_npz(tmp_path / "c.npz", x_train=np.zeros((1, 8, 8), "uint8"))), "encrypted")
    (tmp_path / "folder.npz").mkdir()
    refused(tmp_path / "folder.npz", "holds 0 files and no picture")


def test_npz_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch an .npz without permission that is called damaged."""
    path = tmp_path / "a.npz"
    np.savez(path, x_train=np.zeros((2, 8, 8), "uint8"))

    def forbidden(self, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(pathlib.Path, "open", forbidden)
    refused(path, "Permission denied")
