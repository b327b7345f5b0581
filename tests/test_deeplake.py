"""Pictures from DeepLake datasets: every way of storing them, their classes, threads, and what can go wrong.

The datasets are real ones, written into a folder; where DeepLake 3 is not installed, only the tests that need none run.
"""

import importlib.util
import io
import os
import pathlib
import shutil
import subprocess
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import defDATA
from support.data import deeplake_source
from support.data.decoding import DECODING_ERRORS, fit_image
from support.data.deeplake_source import DeepLakePictures, import_deeplake, is_deeplake
from support.system.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent
WAYS = ["jpeg", "png", "lz4", None]
COLOURS = [(200, 30, 60), (10, 220, 40), (0, 90, 180), (250, 250, 10)]


@pytest.fixture
def lake(monkeypatch):
    """Give DeepLake, able to write: with NumPy 2, its check of types fails on every whole number of Python's."""
    if importlib.util.find_spec("deeplake") is None:  # pytest.importorskip would let it ask PyPI for its latest version
        pytest.skip("DeepLake is not installed")
    module = import_deeplake("a test")
    monkeypatch.setattr("deeplake.util.casting.get_incompatible_dtype", lambda *_: None)
    return module


def colour(value, height=8, width=8):
    """Make an array of one colour, or of one grey level."""
    return np.full((height, width, *np.shape(value)), value, "uint8")


def write(lake, path, pictures, labels=None, names=("a", "b", "c"), htype="image", tensor="images", **storage):
    """Write a dataset with a tensor of pictures and, where labels are given, one of classes; return the dataset."""
    dataset = lake.empty(str(path), overwrite=True, verbose=False)
    if htype.startswith("image") and not storage:
        storage = {"sample_compression": "png"}
    dataset.create_tensor(tensor, htype=htype, **storage)
    with dataset:
        for picture in pictures:
            dataset[tensor].append(picture)
        if labels is not None:
            dataset.create_tensor("car_models", htype="class_label", class_names=list(names))
            dataset.create_tensor("boxes", htype="bbox")  # as Stanford Cars has them
            for label in labels:
                dataset.car_models.append(None if label is None else np.array(label, "uint32").reshape(-1))
                dataset.boxes.append(np.zeros((1, 4), "float32"))
    return dataset


def pixels(image):
    """Decode a Pillow image to an array."""
    return np.asarray(image)


def chunk_files(path, tensor="images"):
    """List the files that hold the pictures' bytes."""
    return sorted((pathlib.Path(path) / tensor / "chunks").iterdir())


def error_line(*arguments):
    """Open a dataset that cannot be opened, and return the error's only line."""
    with pytest.raises(InputError) as caught:
        DeepLakePictures(*map(str, arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Without DeepLake


def test_what_is_a_dataset(tmp_path):
    """Would catch a folder of pictures taken for a dataset, an address that is none, and a drive taken for one."""
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "dataset_meta.json").write_text("{}")
    (tmp_path / "pictures").mkdir()
    addresses = ["hub://activeloop/stanford-cars-train", "s3://bucket/cars", "gcs://b/c", "gs://b/c", "azure://a/b/c"]
    assert all(is_deeplake(source) for source in [*addresses, str(tmp_path / "lake")])
    others = [str(tmp_path / "pictures"), str(tmp_path / "nothing"), "cifar10", "", "C://pictures", "x" * 5000]
    assert not any(is_deeplake(source) for source in others)


def test_deeplake_is_missing(monkeypatch):
    """Would catch a traceback, or a message without the command, where DeepLake is not installed."""
    monkeypatch.setitem(sys.modules, "deeplake", None)
    line = error_line("hub://activeloop/stanford-cars-train")
    assert line.startswith("hub://activeloop/stanford-cars-train needs DeepLake 3")
    assert "pip install -r requirements-deeplake.txt" in line


def test_deeplake_4_is_installed(monkeypatch):
    """Would catch an AttributeError from version 4, which reads through other functions."""
    module = types.ModuleType("deeplake")
    module.__version__ = "4.7.4"
    monkeypatch.setitem(sys.modules, "deeplake", module)
    line = error_line("hub://activeloop/stanford-cars-train")
    assert "needs DeepLake 3, and version 4.7.4 is installed" in line
    assert "pip install -r requirements-deeplake.txt" in line


def test_importing_the_module_imports_no_deeplake():
    """Would catch an import at the top: it fails for all who have no DeepLake, and takes a second from the rest."""
    code = "import sys, support.data.deeplake_source as lake; lake.is_deeplake('hub://a/b'); "
    code += "print('deeplake' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"


# Every way of storing pictures


@pytest.mark.parametrize("kind", ["sample_compression", "chunk_compression"])
@pytest.mark.parametrize("way", WAYS)
def test_every_compression_gives_the_pixels(lake, tmp_path, way, kind):
    """Would catch bytes taken for pixels, a swapped height and width, swapped channels, and a neighbour's picture."""
    if kind == "chunk_compression" and way is None:
        pytest.skip("the same as no compression of samples")
    sizes = [(16, 24), (24, 16), (16, 24), (40, 8)]
    arrays = [colour(value, *size) for value, size in zip(COLOURS, sizes, strict=True)]
    write(lake, tmp_path / "lake", arrays, **{kind: way})
    pictures = DeepLakePictures(tmp_path / "lake")
    assert len(pictures) == 4 and pictures.path == str(tmp_path / "lake")
    for index in (3, 0, 2, 1):
        found = pixels(pictures.image(np.int64(index)))
        assert found.shape == (*sizes[index], 3)
        if way == "jpeg":  # in a chunk that is one JPEG, colours bleed over the edges
            found = np.median(found, axis=(0, 1))
        np.testing.assert_allclose(found, np.broadcast_to(COLOURS[index], found.shape), atol=3 if way == "jpeg" else 0)


def test_jpegs_are_not_decoded_too_early(lake, tmp_path):
    """Would catch a JPEG decoded in full before `fit_image` may ask for an eighth of it; and a file's bytes changed."""
    file = io.BytesIO()
    Image.new("RGB", (1600, 1200), COLOURS[0]).save(file, "JPEG")
    (tmp_path / "car.jpg").write_bytes(file.getvalue())
    write(lake, tmp_path / "lake", [lake.read(str(tmp_path / "car.jpg"))], sample_compression="jpeg")
    image = DeepLakePictures(tmp_path / "lake").image(0)
    assert image.format == "JPEG" and image.size == (1600, 1200)
    assert image.fp.getvalue() == file.getvalue()
    image.draft(None, (200, 150))
    assert image.size == (200, 150)


@pytest.mark.parametrize("way", ["png", None])
@pytest.mark.parametrize(
    ("value", "mode"), [(77, "L"), ((77,), "L"), ((9, 99, 199), "RGB"), ((9, 99, 199, 128), "RGBA")]
)
def test_grey_and_alpha(lake, tmp_path, value, mode, way):
    """Would catch a grey picture with an axis too many, and alpha that is lost or taken for a colour."""
    write(lake, tmp_path / "lake", [colour(value, 6, 10)], sample_compression=way)
    image = DeepLakePictures(tmp_path / "lake").image(0)
    assert (image.mode, image.size) == (mode, (10, 6))
    expected = 77 if mode == "L" else value
    assert image.getpixel((9, 5)) == expected
    assert fit_image(image, 6, 10, 4)[0, 0].tolist() == ([77, 77, 77, 255] if mode == "L" else [*value, 255][:4])


@pytest.mark.parametrize("value", [50, (50, 60, 70)])
def test_plain_arrays_are_pictures(lake, tmp_path, value):
    """Would catch arrays that are refused because nobody called them images."""
    write(lake, tmp_path / "lake", [colour(value), colour(value, 4, 12)], htype="generic", tensor="x", dtype="uint8")
    pictures = DeepLakePictures(tmp_path / "lake")
    assert pictures.image(1).size == (12, 4)
    assert pictures.image(1).getpixel((0, 0)) == value


def test_a_picture_in_tiles(lake, tmp_path):
    """Would catch a picture larger than a chunk, which DeepLake cuts up and cannot give as a file."""
    large = np.random.default_rng(0).integers(0, 256, (300, 200, 3), "uint8")
    small = colour(COLOURS[1])
    dataset = lake.empty(str(tmp_path / "lake"), verbose=False)
    options = {"sample_compression": "png", "max_chunk_size": 60_000, "tiling_threshold": 60_000}
    dataset.create_tensor("images", htype="image", **options)
    dataset.images.extend([small, large, small])
    dataset.flush()
    assert len(chunk_files(tmp_path / "lake")) > 2
    pictures = DeepLakePictures(tmp_path / "lake")
    assert (pixels(pictures.image(1)) == large).all()
    assert (pixels(pictures.image(2)) == small).all()


def test_which_tensor_is_taken(lake, tmp_path):
    """Would catch masks and other arrays taken for the pictures, and `aaa` taken before `images` or an empty tensor."""
    dataset = write(lake, tmp_path / "lake", [colour(COLOURS[0])] * 2)
    dataset.create_tensor("aaa", htype="image", sample_compression="png")
    dataset.create_tensor("arrays", dtype="uint8")
    dataset.create_tensor("depth", dtype="float32")
    dataset.create_tensor("a_mask", htype="binary_mask", sample_compression="lz4")
    dataset.aaa.extend([colour(COLOURS[1])] * 3)
    dataset.arrays.extend([colour(COLOURS[2])] * 4)
    dataset.depth.extend([np.zeros((8, 8, 3), "float32")] * 5)
    dataset.a_mask.extend([np.ones((8, 8), bool)] * 6)
    dataset.flush()
    assert DeepLakePictures(tmp_path / "lake").image(0).getpixel((0, 0)) == COLOURS[0]
    dataset.images.clear()
    dataset.flush()
    pictures = DeepLakePictures(tmp_path / "lake")
    assert len(pictures) == 3 and pictures.image(0).getpixel((0, 0)) == COLOURS[1]


def test_images_in_a_group(lake, tmp_path):
    """Would catch a search that looks at the top level only."""
    write(lake, tmp_path / "lake", [colour(COLOURS[2])], tensor="train/images")
    assert DeepLakePictures(tmp_path / "lake").image(0).getpixel((0, 0)) == COLOURS[2]


def test_through_load_pictures(lake, tmp_path):
    """Would catch a dataset that `--data` does not reach, or whose pictures and labels part ways there."""
    write(lake, tmp_path / "lake", [colour(value, 20, 30) for value in COLOURS], [2, 0, 2, 0])
    pictures = defDATA.load_pictures(str(tmp_path / "lake"), 10, 12)
    images = pictures.images[np.array([3, 1])]
    assert images.shape == (2, 10, 12, 3)
    assert [tuple(image[5, 5]) for image in images] == [COLOURS[3], COLOURS[1]]
    assert pictures.class_names == ["a", "c"]
    assert pictures.labels.tolist() == [1, 0, 1, 0]


def test_names_are_cheap_and_count_as_the_dataset_does(lake, tmp_path, monkeypatch):
    """Would catch names that are read from the dataset one by one, and a picture that is called by its neighbour's."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS])
    names = DeepLakePictures(tmp_path / "lake").names
    assert names[3] == f"picture 3 of {tmp_path / 'lake'}" and len(names) == 4
    monkeypatch.setattr("deeplake.core.tensor.Tensor.__len__", lambda tensor: 100_000)
    start = time.process_time()
    assert len(DeepLakePictures(tmp_path / "lake").names) == 100_000
    assert time.process_time() - start < 1.0


# Classes


def test_classes_by_hand(lake, tmp_path):
    """Would catch classes sorted by name instead of number, a class without pictures, and labels of other pictures."""
    labels, names = [3, 0, 3, 1], ["Volvo", "Audi", "Unseen", "BMW"]
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], labels, names)
    pictures = DeepLakePictures(tmp_path / "lake")
    class_names, numbers = pictures.classes()
    assert class_names == ["Volvo", "Audi", "BMW"]
    assert numbers.dtype == np.int32 and numbers.tolist() == [2, 0, 2, 1]
    class_names, numbers = pictures.classes(np.array([2, 1]))
    assert class_names == ["Volvo", "BMW"] and numbers.tolist() == [1, 0]
    assert pictures.classes(np.array([0, 2])) == (None, None)  # one class is none


def test_classes_without_names(lake, tmp_path):
    """Would catch an IndexError where the dataset names fewer classes than it has, or none."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], [7, 0, 7, 12], ["only"])
    class_names, numbers = DeepLakePictures(tmp_path / "lake").classes()
    assert class_names == ["only", "7", "12"] and numbers.tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize("labels", [None, [0, 1, [0, 1], 2], [0, 1, None, 2], [0, 1, 2], [1, 1, 1, 1]])
def test_no_classes(lake, tmp_path, labels):
    """Would catch a first label taken of several, and labels that slide where one is missing."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], labels)
    assert DeepLakePictures(tmp_path / "lake").classes() == (None, None)


# The fingerprint


def test_fingerprint_of_a_copy_and_another_process(lake, tmp_path):
    """Would catch a number that hangs on the path, the clock or Python's own random hashes: no run could go on."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], [0, 1, 2, 0])
    number = DeepLakePictures(tmp_path / "lake").fingerprint()
    assert isinstance(number, int)
    shutil.copytree(tmp_path / "lake", tmp_path / "copy", copy_function=shutil.copyfile)
    code = "import sys; from support.data.deeplake_source import DeepLakePictures as D; "
    code += "print(D(sys.argv[1]).fingerprint())"
    command = [sys.executable, "-c", code, str(tmp_path / "copy")]
    assert int(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout) == number


def test_fingerprint_follows_the_contents(lake, tmp_path):
    """Would catch kept pictures of yesterday's dataset: after each of these changes they are other ones."""

    def number():
        return DeepLakePictures(tmp_path / "lake").fingerprint()

    dataset = write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], [0, 1, 2, 0])
    numbers = [number()]
    dataset.images.append(colour((1, 2, 3)))
    dataset.car_models.append(np.array([1], "uint32"))
    numbers.append(number())
    dataset.images[1] = np.arange(192, dtype="uint8").reshape(8, 8, 3)
    numbers.append(number())
    dataset.car_models[1] = np.array([2], "uint32")
    numbers.append(number())
    dataset.car_models[1] = np.array([0], "uint32")
    numbers.append(number())
    dataset.commit("another version")
    numbers.append(number())
    dataset.images[2] = dataset.images[1].numpy()
    numbers.append(number())
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], [0, 1, 2, 0])  # the same pictures, anew
    numbers.append(number())
    assert len(set(numbers)) == len(numbers)


# Threads and memory


@pytest.mark.parametrize("way", ["png", None])
def test_each_thread_gets_its_own_picture(lake, tmp_path, monkeypatch, way):
    """Would catch DeepLake's index and cache used by two threads at once: lost chunks, or another's picture."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 256, (20 + k % 7, 30, 3), "uint8") for k in range(150)]
    write(lake, tmp_path / "lake", arrays, sample_compression=way, max_chunk_size=10_000)
    assert len(chunk_files(tmp_path / "lake")) > 30
    monkeypatch.setattr(deeplake_source, "CACHE_OF_FOLDER", 0.05)  # a few chunks: they come and go all the time
    pictures = DeepLakePictures(tmp_path / "lake")
    inside, most, fetch = [0], [0], pictures._fetch

    def counted(index):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        try:
            return fetch(index)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(pictures, "_fetch", counted)
    wanted = random.integers(0, 150, 3000)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(12) as pool:
            right = list(pool.map(lambda k: np.array_equal(pixels(pictures.image(k)), arrays[k]), wanted))
    finally:
        sys.setswitchinterval(interval)
    assert all(right)
    assert most == [1]


@pytest.mark.parametrize("kind", ["sample_compression", "chunk_compression"])
def test_memory_is_bounded(lake, tmp_path, monkeypatch, kind):
    """Would catch a cache that keeps every chunk, and pixels counted as the few bytes they were packed into."""
    arrays = [colour(k % 256, 100, 100) for k in range(100)]  # a megabyte of pixels
    write(
        lake,
        tmp_path / "lake",
        arrays,
        **{kind: None if kind == "sample_compression" else "lz4"},
        max_chunk_size=30_000,
    )
    monkeypatch.setattr(deeplake_source, "CACHE_OF_FOLDER", 0.2)
    monkeypatch.setattr(deeplake_source, "CACHE_DECODED", 0.001)
    pictures = DeepLakePictures(tmp_path / "lake")
    size = 1_000 if kind == "chunk_compression" else 200_000
    used = []
    for index in range(100):
        assert pictures.image(index).getpixel((0, 0)) == index
        used.append(pictures.dataset.storage.cache_used)
    assert pictures.dataset.storage.cache_size == size
    assert max(used[10:]) <= size


# Manners


def test_silent_offline_and_read_only(lake, tmp_path):
    """Would catch banners, progress, reports to the maker, a look for updates, and a lock or a byte left behind."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS], [0, 1, 2, 0])
    folder = tmp_path / "lake"
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    code = """
import socket, sys
def refuse(*arguments, **options):
    sys.__stdout__.write(f"asks the network: {arguments}\\n")
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from support.data.deeplake_source import DeepLakePictures
pictures = DeepLakePictures(sys.argv[1])
for index in [0, 1, 2, 3, *[3] * 20]:
    pictures.image(index).load()
pictures.classes(), pictures.fingerprint()
"""
    command = [sys.executable, "-c", code, str(folder)]
    home = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}  # where it keeps when it last looked
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=home)
    assert done.stdout + done.stderr == ""
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_no_network_is_said_once(lake, monkeypatch, capsys):
    """Would catch DeepLake 3.9.52's endless loop of printing and asking again where there is no network."""
    import requests

    asked = []

    def no_answer(session, method, url, timeout=None, **options):
        asked.append(timeout)
        if len(asked) > 50:
            raise KeyboardInterrupt("it never stops")
        raise requests.exceptions.ConnectionError("name not known")

    monkeypatch.setattr(requests.Session, "request", no_answer)
    line = error_line("hub://activeloop/stanford-cars-train")
    assert "hub://activeloop/stanford-cars-train" in line and "app.activeloop.ai does not answer" in line
    assert "connection" in line and len(asked) <= 3
    assert all(max(timeout) <= 60 for timeout in asked)
    assert capsys.readouterr() == ("", "")


def test_not_logged_in(lake, monkeypatch):
    """Would catch DeepLake's page of advice in place of one line with the way out."""
    from deeplake.util.exceptions import UserNotLoggedInException

    def refuse(*arguments, **options):
        raise UserNotLoggedInException

    monkeypatch.setattr(lake, "load", refuse)
    line = error_line("hub://someone/private")
    assert "hub://someone/private cannot be opened" in line and "ACTIVELOOP_TOKEN" in line
    assert len(line) < 350


def test_datasets_that_cannot_be_opened(lake, tmp_path):
    """Would catch a traceback for a folder that is not there, one that is damaged, and a dataset without pictures."""
    assert f"{tmp_path / 'nothing'} cannot be opened" in error_line(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()

    write(lake, tmp_path / "damaged", [colour(value) for value in COLOURS])
    (tmp_path / "damaged" / "dataset_meta.json").write_text("{")
    assert f"{tmp_path / 'damaged'} cannot be opened" in error_line(tmp_path / "damaged")

    write(lake, tmp_path / "texts", ["a car"], htype="text", tensor="words")
    assert "holds no pictures (its tensors: words)" in error_line(tmp_path / "texts")

    write(lake, tmp_path / "empty", [])
    assert "is empty: its tensor images has no picture" in error_line(tmp_path / "empty")

    lake.empty(str(tmp_path / "bare"), verbose=False)
    assert "holds no pictures (its tensors: none)" in error_line(tmp_path / "bare")

    write(lake, tmp_path / "moved", [colour(7)])
    (tmp_path / "moved").rename(tmp_path / "me@home")
    assert "has an @" in error_line(tmp_path / "me@home")


def read_or_error(pictures, index):
    """Give a picture's pixels, or the error that a caller may pass over."""
    try:
        return pixels(pictures.image(index))
    except InputError:
        raise
    except DECODING_ERRORS as error:
        return error


@pytest.mark.parametrize("kept", [0, 20])
def test_a_damaged_picture_is_only_one(lake, tmp_path, kept):
    """Would catch a damaged picture that ends the run, is handed on as a black one, or takes its neighbours along."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS])
    data = DeepLakePictures(tmp_path / "lake").image(2).fp.getvalue()
    (chunk,) = chunk_files(tmp_path / "lake")
    chunk.write_bytes(chunk.read_bytes().replace(data, data[:kept] + bytes(len(data) - kept)))
    found = [read_or_error(DeepLakePictures(tmp_path / "lake"), index) for index in range(4)]
    assert isinstance(found[2], DECODING_ERRORS)
    assert all((found[index] == COLOURS[index]).all() for index in (0, 1, 3))


@pytest.mark.parametrize("way", ["png", None])
def test_an_empty_place_is_a_damaged_picture(lake, tmp_path, way):
    """Would catch a sample that was appended as None and comes out as a picture of no size."""
    write(lake, tmp_path / "lake", [colour(COLOURS[0]), None, colour(COLOURS[2])], sample_compression=way)
    pictures = DeepLakePictures(tmp_path / "lake")
    assert isinstance(read_or_error(pictures, 1), DECODING_ERRORS)
    assert (read_or_error(pictures, 2) == COLOURS[2]).all()


def test_other_arrays_are_damaged_pictures(lake, tmp_path):
    """Would catch a TypeError of Pillow's, which no caller passes over, and five channels read as three."""
    arrays = [np.zeros((8, 8, 5), "uint8"), np.zeros((8, 8, 3), "uint8")]
    write(lake, tmp_path / "lake", arrays, sample_compression=None)
    pictures = DeepLakePictures(tmp_path / "lake")
    assert isinstance(read_or_error(pictures, 0), ValueError)
    assert (read_or_error(pictures, 1) == 0).all()


def test_a_lost_chunk_and_a_lost_dataset(lake, tmp_path):
    """Would catch a run that skips every picture of a dataset that went away, and one that ends for a single file."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 256, (20, 30, 3), "uint8") for _ in range(20)]
    write(lake, tmp_path / "lake", arrays, sample_compression=None, max_chunk_size=4_000)
    pictures = DeepLakePictures(tmp_path / "lake")
    chunk_files(tmp_path / "lake")[0].unlink()
    found = [read_or_error(pictures, index) for index in range(20)]
    lost = [index for index in range(20) if isinstance(found[index], OSError)]
    assert 1 <= len(lost) < 10
    assert pictures.names[lost[0]] in str(found[lost[0]])
    assert all((found[index] == arrays[index]).all() for index in range(20) if index not in lost)

    pictures = DeepLakePictures(tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake")
    with pytest.raises(InputError, match="was there and cannot be read any more") as caught:
        pictures.image(19)
    assert str(tmp_path / "lake") in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="any more"):  # where the labels were not read before
        write(lake, tmp_path / "other", [colour(7)] * 3, [0, 1, 2])
        pictures = DeepLakePictures(tmp_path / "other")
        shutil.rmtree(tmp_path / "other")
        pictures.classes()


def test_a_picture_after_a_moment_without_connection(lake, tmp_path, monkeypatch):
    """Would catch a good picture that is counted as damaged because the network was away for a second."""
    write(lake, tmp_path / "lake", [colour(value) for value in COLOURS])
    pictures = DeepLakePictures(tmp_path / "lake")
    fetch, failures = pictures._fetch, [ConnectionError("reset")]
    monkeypatch.setattr(pictures, "_fetch", lambda index: fetch(index) if not failures else throw(failures.pop()))
    assert pictures.image(3).getpixel((0, 0)) == COLOURS[3]


def throw(error):
    """Raise an error, where only an expression may stand."""
    raise error
