"""Pictures as people have them: every kind of file, NAS folders, parts of sets, labels, addresses, odd names."""

import argparse
import io
import json
import os
import pathlib
import pickle
import pickletools
import subprocess
import sys
import tarfile
import types

import numpy as np
import pytest
from PIL import Image

import defDATA
from defDATA import load_pictures
from made_pictures import (
    classes_by_level,
    encoded,
    everything,
    levels_of,
    plain,
    refused,
    save_npz,
    write_files,
    write_zip,
)
from support.data import addresses, cifar_files, folder_classes, kinds
from support.data.cifar_files import load_cifar
from support.run.settings import fit_to_classes
from support.scores.generated_files import read_pictures
from support.system import command_line
from support.system.errors import InputError, one_line_errors, printable

ROOT = pathlib.Path(__file__).resolve().parent.parent


# Every kind that Pillow writes and reads


def test_every_kind_that_pillow_writes_is_taken(tmp_path):
    """Would catch an ending that is passed over although Pillow opens it: .jfif, .jpe, .avif, .ppm, .jp2 and more."""
    made, image = {}, Image.new("RGB", (16, 16), (40, 120, 200))
    for number, (ending, kind) in enumerate(sorted(Image.registered_extensions().items())):
        if kind in kinds.NO_PICTURES or kind not in Image.SAVE:
            continue
        for mode in ("RGB", "P", "L", "1"):
            try:
                data = encoded(image.convert(mode), kind)
            except (OSError, KeyError, ValueError):  # this kind has no such pictures, or Pillow does not write them
                continue
            made[f"{number:03d}{ending.upper() if number % 2 else ending}"] = data
            break
    assert {".jpg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".ppm", ".bmp", ".gif", ".tga"} <= {
        pathlib.Path(name).suffix.lower() for name in made
    }
    pictures = load_pictures(str(write_files(tmp_path, made)), 8, 8, 3)
    assert pictures.images.files.names == sorted(made) and pictures.broken == [] and len(made) > 25
    assert everything(pictures).shape == (len(made), 8, 8, 3) and not pictures.images.broken


@pytest.mark.parametrize("ending", [".eps", ".ps", ".pdf", ".wmf", ".emf", ".h5", ".mpg", ".iim"])
def test_kinds_that_start_a_program_are_none(tmp_path, ending):
    """Would catch an EPS that Ghostscript is started for, also if it is named like a PNG: the contents decide."""
    eps = encoded(Image.new("L", (16, 16), 7), "EPS")
    folder = write_files(tmp_path, {f"a{ending}": eps, "b.png": eps, "c.png": plain(5)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.broken == ["b.png"] and levels_of(pictures) == [5]
    assert pictures.notes == [f"passed over: 1 {ending}"]


def test_what_is_passed_over_is_counted(tmp_path):
    """Would catch 300 photos of a phone that are left out without a word, and without the way to read them."""
    files = {f"{number}.HEIC": b"x" for number in range(3)} | {"a.jxl": b"x", "b.txt": b"", "notes": b""}
    with pytest.raises(InputError) as caught:
        load_pictures(str(write_files(tmp_path, files)))
    assert (
        "holds 6 files and no picture (3 .heic (pip install pillow-heif reads them), 1 .jxl, 1 .txt, 1 without"
        in str(caught.value)
    )
    write_files(tmp_path, {"good.png": plain(5)})
    pictures = load_pictures(str(tmp_path), 8, 8, 1)
    words = "passed over: 3 .heic (pip install pillow-heif reads them), 1 .jxl, 1 .txt, 1 without an ending"
    assert pictures.notes == [words] and levels_of(pictures) == [5]


def test_pillow_heif_is_used_where_it_is_installed(tmp_path):
    """Would catch advice that does not help: after the installation the files would still be passed over."""
    (tmp_path / "pillow_heif.py").write_text(
        "from PIL import Image\n"
        "def register_heif_opener():\n"
        "    Image.init()\n"
        "    Image.register_open('HEIF', Image.OPEN['PNG'][0], lambda prefix: False)\n"
        "    Image.register_extensions('HEIF', ['.heic', '.heif'])\n"
    )
    code = "from support.data import kinds; print('.heic' in kinds.ENDINGS, 'HEIF' in kinds.FORMATS)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr


# What systems leave behind


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(
    "left",
    "@eaDir/1.jpg/SYNOFILE_THUMB_M.png #recycle/1.png $RECYCLE.BIN/1.png "
    ".Trash-1000/files/1.png __MACOSX/._1.png "
    "lost+found/1.png Thumbs.db System~Volume~Information/1.png @Recycle/1.png #snapshot/a/1.png "
    ".ipynb_checkpoints/1.png "
    "RECYCLER/1.png cat/@EADIR/1.png .thumbnails/1.png".split(),
)
def test_recycle_bins_and_thumbnails_are_no_pictures(tmp_path, left, zipped):
    """Would catch deleted pictures and thumbnails that are trained on, and a recycle bin that becomes a class."""
    files = {"cat/1.png": plain(10), "dog/1.png": plain(20), left.replace("~", " "): plain(99)}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path / "a", files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert classes_by_level(pictures) == {"cat": {10}, "dog": {20}} and pictures.notes == []


# Folders that are no classes


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ("train test", True),
        ("Train Val Test", True),
        ("training validation", True),
        ("train cat", False),
        ("00000 01000 02000", True),
        ("000 001", True),
        ("part-1 part-2", True),
        ("shard_0 shard_1 shard_10", True),
        ("images1 images2", True),
        ("0 1 2 3 4 5 6 7 8 9", False),
        ("1 2 102", False),
        ("n01440764 n01443537", False),
        ("cat1 cat2", False),
        ("2019 2020", False),
        (" ".join(f"{number:02x}" for number in range(256)), True),
        ("ab cd", False),
        ("test_set training_set", True),
        ("seg_pred seg_test seg_train", True),
        ("Meta Test Train", True),
        ("train2017 val2017", True),
        ("Test Training test-multiple_fruits", True),
        ("trainA trainB testA testB", True),
        ("TrainingSet TestSet", True),
        ("DIV2K_train_HR DIV2K_valid_HR", True),
        ("chest_xray test train val", True),
        ("train bus car", False),  # vehicles
        ("100APPLE 101APPLE", True),
        ("fold1 fold2", True),
        ("images masks", True),
        ("JPEGImages SegmentationClass", True),
        ("images annotations", True),
        ("full thumbs", True),
        ("original augmented", True),
        ("raw cooked", False),
        ("images cats", False),
        ("masks hats", False),
        ("label_0 label_1", False),
    ],
)
def test_parts_of_a_set_by_name(names, parts):
    """Would catch shards taken for classes, and MNIST's ten folders or ImageNet's numbers taken for shards."""
    assert folder_classes.are_parts(names.split()) is parts


def test_parts_are_no_classes_unless_asked_for(tmp_path, capsys, monkeypatch):
    """Would catch a GAN that learns to draw "train" and "test"; the doctor and train.py must say so."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")
    files = {
        f"{part}/{number}.png": encoded(Image.fromarray(noise[2 * at + number]))
        for at, part in enumerate(("train", "test"))
        for number in range(2)
    }
    folder = write_files(tmp_path / "set", files)
    pictures = load_pictures(str(folder), 8, 8, 3)
    assert "the folders test, train look like parts, not classes" in pictures.doubt
    assert fit_to_classes(None, pictures) == (
        False,
        ["classes   none: the folders test, train look like parts, not classes (--conditional: they are classes)"],
    )
    assert fit_to_classes(True, pictures) == (True, [])
    defDATA.main([str(folder), "--image-size", "16"])
    printed = capsys.readouterr().out
    assert "! the folders test, train look like parts, not classes; only --conditional takes them" in printed
    assert "--conditional" not in printed.splitlines()[-1]


@pytest.mark.parametrize("shared", ["", "download/"])
def test_classes_inside_parts(tmp_path, shared):
    """Would catch classes called train and test where each of these holds a folder for each class."""
    files = {"train/cat/1.png": 1, "train/dog/2.png": 2, "test/cat/3.png": 3, "test/dog/4.png": 4}
    folder = write_files(tmp_path, {shared + name: plain(level) for name, level in files.items()})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert classes_by_level(pictures) == {"cat": {1, 3}, "dog": {2, 4}} and pictures.doubt is None


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        # Parts inside parts: Kaggle's cats and dogs, and a set that holds itself once more.
        ("training_set/training_set/cats/1 training_set/training_set/dogs/2 test_set/test_set/cats/3", "cats dogs"),
        ("x_ray/train/ill/1 train/ill/2 train/well/3 test/well/4 x_ray/test/well/5 val/ill/6", "ill well"),
        # One part without classes: none of the names would be right.
        ("train/n01/images/1 train/n02/images/2 val/images/3 test/images/4", None),
        ("seg_train/seg_train/sea/1 seg_test/seg_test/sea/2 seg_train/seg_train/wood/3 seg_pred/seg_pred/4", None),
        ("train/1 test1/2", None),
    ],
)
def test_classes_are_looked_for_below_the_parts(names, classes):
    """Would catch a class called `images` or `test_set`, and a doubt where each part has its classes."""
    found, _, doubt = folder_classes.classes_by_folder(names.split())
    assert (doubt is None) == (classes is not None)
    assert classes is None or found == classes.split()


def test_masks_beside_pictures(tmp_path):
    """Would catch masks trained on without a word."""
    folder = write_files(tmp_path, {"images/1.png": plain(1), "masks/1.png": plain(2)})
    assert "the folders images, masks look like parts, not classes; all of them are trained on" in (
        load_pictures(str(folder), 8, 8, 1).doubt
    )


def test_a_loose_picture_that_takes_the_classes_away_is_named(tmp_path):
    """Would catch "has no classes" where there are folders for them and one file beside them."""
    files = {f"{kind}/{number}.png": plain(number) for kind in ("cat", "dog") for number in range(3)}
    folder = write_files(tmp_path, files | {"cover.jpg": plain(9)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.class_names is None
    with pytest.raises(InputError, match=r"cover\.jpg lies beside the folders cat, dog, in none of them"):
        fit_to_classes(True, pictures)


# dataset.json


STYLEGAN = {f"0000{number // 2}/img{number}.png": number for number in range(4)}


@pytest.mark.parametrize("labels", [[3, 0, 3, 7], [[0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]])
@pytest.mark.parametrize("below", ["", "set/"])
def test_labels_of_a_stylegan_zip(tmp_path, labels, below):
    """Would catch labels in the order of the file instead of by name, the folders 00000 and 00001 taken for classes,
    and one-hot rows."""
    rows = [[name, label] for name, label in zip(STYLEGAN, labels, strict=True)][::-1]
    files = {below + name: plain(10 * level) for name, level in STYLEGAN.items()}
    files[below + "dataset.json"] = json.dumps({"labels": rows}).encode()
    pictures = load_pictures(str(write_zip(tmp_path / "a.zip", files)), 8, 8, 1)
    numbers = [int(np.argmax(label)) if isinstance(label, list) else label for label in labels]
    assert [int(pictures.class_names[label]) for label in pictures.labels] == numbers and pictures.doubt is None
    assert pictures.notes == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('{"labels": null}', None),
        ("{}", None),
        ("[]", None),
        ("{", "dataset.json gives no classes"),
        ('{"labels": [["00000/img0.png", 1]]}', "it has no label for '00000/img1.png'"),
        ('{"labels": 7}', "its labels are no list"),
        ('{"labels": [["00000/img0.png", [0.5, 0.5]]]}', "gives no classes"),
        ("[" * 20_000, "nested too deeply"),
        (b"\xff\xfe\xff", "gives no classes"),
    ],
)
def test_a_dataset_json_without_labels(tmp_path, text, note):
    """Would catch a traceback for a file of this name that says something else, and silence about labels not used."""
    files = {name: plain(level) for name, level in STYLEGAN.items()}
    files["dataset.json"] = text if isinstance(text, bytes) else text.encode()
    pictures = load_pictures(str(write_zip(tmp_path / "a.zip", files)), 8, 8, 1)
    assert levels_of(pictures) == [0, 1, 2, 3]
    assert "look like parts" in pictures.doubt
    assert pictures.notes == [] if note is None else note in pictures.notes[0]


# Addresses


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("https://example.org/cats.zip", "an address in the web"),
        ("HTTP://example.org/", "an address in the web"),
        ("ftp://example.org/a", "an address in the web"),
        ("file:///home/me/my%20pictures", "give its path: /home/me/my pictures"),
        ("hf://datasets/cats", "begins with hf://"),
    ],
)
def test_addresses_are_named_for_what_they_are(source, words):
    """Would catch "no such file or folder", or DeepLake asked for a web page."""
    refused(source, words)


@pytest.mark.parametrize(("source", "tool"), [("s3://b/cats", "aws s3 cp"), ("gs://b/cats", "gcloud storage cp")])
def test_buckets_say_how_to_copy(source, tool, monkeypatch):
    """Would catch advice to install DeepLake where a bucket holds plain pictures."""
    monkeypatch.setitem(sys.modules, "deeplake", None)
    refused(source, "needs DeepLake 3", tool)
    assert not addresses.is_address("C://pictures") and addresses.scheme_of("C:/pictures") is None


@pytest.mark.parametrize(
    ("typed", "meant"), [("CIFAR10", "cifar10"), ("cifar-10", "cifar10"), ("Fashion-MNIST", "fashion_mnist")]
)
def test_a_data_set_misspelt(typed, meant):
    """Would catch advice about folders for somebody who typed the name of a set in another way."""
    refused(typed, f"did you mean {meant}?")


def test_a_folder_called_like_a_data_set(tmp_path, monkeypatch):
    """Would catch drawn shapes trained on, without a word, in place of somebody's folder."""
    monkeypatch.chdir(tmp_path)
    assert load_pictures("shapes", 8, 8, 1).notes == []
    write_files(tmp_path / "shapes", {"1.png": plain(1), "2.png": plain(2)})
    assert load_pictures("shapes", 8, 8, 1).notes == ["not the shapes in this folder; for that give ./shapes"]
    assert len(load_pictures("./shapes", 8, 8, 1)) == 2


def test_a_tilde_that_the_shell_has_left(tmp_path, monkeypatch):
    """Would catch a folder `~` here, and "no such file", for --out=~/run and --data=~/pictures."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write_files(tmp_path / "pictures", {"1.png": plain(1)})
    assert len(load_pictures("~/pictures", 8, 8, 1)) == 1
    assert command_line.place_to_write("~/run") == tmp_path / "run"
    with pytest.raises(argparse.ArgumentTypeError, match="give a path on this computer"):
        command_line.place_to_write("s3://bucket/run")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["a.npz", "a.zip", "a"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    """Would catch a program that waits for ever for somebody to write into a pipe."""
    os.mkfifo(tmp_path / name)
    refused(tmp_path / name, "a pipe or a device")
    with pytest.raises(InputError):
        read_pictures(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits-ubyte.gz", "--data mnist"),
        ("photos.tar.bz2", "unpack it"),
        ("photos.npy", "numpy.savez"),
        ("photos.parquet", "numpy.savez"),
        ("notes.txt", "put pictures into a folder"),
    ],
)
def test_pictures_in_another_form(tmp_path, name, words):
    """Would catch one advice for all of them, which fits none."""
    (tmp_path / name).write_bytes(b"something")
    refused(tmp_path / name, words)


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        (b"", "1 that do not open are empty, b.jpg for instance"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "pip install pillow-heif"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><p>Log in", "download the pictures again"),
    ],
)
def test_what_does_not_open_is_explained(tmp_path, beginning, words):
    """Would catch "does not open" where the first bytes say what to do."""
    folder = write_files(tmp_path, {"a.png": plain(1), "b.jpg": beginning})
    (note,) = load_pictures(str(folder), 8, 8, 1).notes
    assert words in note


def test_pictures_that_are_too_large_are_named(tmp_path, monkeypatch):
    """Would catch a panorama that "does not open", in place of the limit that it is above."""
    monkeypatch.setattr(kinds, "MOST_PIXELS", 100)
    folder = write_files(tmp_path, {"a.png": plain(1), "b.png": encoded(Image.new("L", (11, 10)))})
    (note,) = load_pictures(str(folder), 8, 8, 1).notes
    assert note.startswith("1 that do not open are larger than 100 pixels") and "b.png" in note


def test_a_jpeg_of_a_thousand_scans(tmp_path):
    """Would catch a small file that is decoded for minutes: each scan goes over the whole picture."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), "uint8"))
    data = encoded(noise, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    folder = write_files(tmp_path, {"a.png": plain(1), "b.jpg": data[:last] + data[last:-2] * 1000 + b"\xff\xd9"})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert levels_of(pictures) == [1, 1] and pictures.images.broken == {"b.jpg"}


def test_archives_that_python_cannot_unpack(tmp_path):
    """Would catch "none of the pictures opens" for the Deflate64 of large archives on Windows."""
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1)})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + at] = 9
    path.write_bytes(data)
    refused(path, "Deflate64", "unpack it")


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "café"), ("cp437", "é")])
def test_names_without_a_mark_of_their_encoding(tmp_path, encoding, name):
    """Would catch a class `cafe╠ü` out of the archives of macOS, which write UTF-8 and do not say so."""
    path = write_zip(tmp_path / "a.zip", {"XXXXX/1.png": plain(1), "dog/1.png": plain(2)})
    raw = name.encode(encoding)
    data = path.read_bytes().replace(b"XXXXX", raw + b"x" * (5 - len(raw)))
    path.write_bytes(data)
    assert set(load_pictures(str(path), 8, 8, 1).class_names) == {"dog", name + "x" * (5 - len(raw))}


def test_hidden_pictures_and_folders_that_may_not_be_read(tmp_path, monkeypatch):
    """Would catch "no picture" without the reason, and a class that is gone without a word."""
    refused(write_zip(tmp_path / "a.zip", {".a/1.png": plain(1)}), "1 are hidden", ".a/1.png")
    folder = write_files(tmp_path / "set", {"cat/1.png": plain(1), "dog/1.png": plain(2)})
    walk = os.walk

    def walk_without_dogs(top, onerror=None, **settings):
        error = PermissionError(13, "Permission denied", str(folder / "dog"))
        onerror(error)
        return (step for step in walk(top, **settings) if not step[0].endswith("dog"))

    monkeypatch.setattr(os, "walk", walk_without_dogs)
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.notes == ["dog may not be read by this user, and what is inside is left out"]


def test_names_that_a_terminal_would_obey(tmp_path, capsys):
    """Would catch a file's name that colours the terminal or breaks a line."""
    assert printable("a\x1b[31m\nb é.png") == "a\\x1b[31m\\nb é.png"
    folder = write_files(tmp_path, {"a.png": plain(1), "\x1b[31m\nb.png": b"no picture"})
    assert "\x1b" not in load_pictures(str(folder), 8, 8, 1).describe()
    with pytest.raises(SystemExit), one_line_errors("p"):
        raise InputError("\x1b[31m")
    assert capsys.readouterr().err == "p: \\x1b[31m\n"


def test_folders_nested_too_deeply(tmp_path):
    """Would catch a traceback of Python's own limit."""
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        refused(tmp_path, "folders inside folders")
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_evaluate_names_addresses_too(tmp_path):
    """Would catch an address that a path has shortened to one slash: `https:/example.org`."""
    with pytest.raises(InputError, match="an address in the web"):
        read_pictures("https://example.org/fakes.zip")


# CIFAR's own files


class Trap:
    """An object whose unpickling runs code: it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def cifar_10(count=2):
    """Make CIFAR-10's files: five batches of pictures (10,000 in the real ones), as bytes by name."""
    random, files, pictures = np.random.default_rng(0), {}, []
    for number in range(1, 6):
        data = random.integers(0, 256, (count, 3072), "uint8")
        pictures.append(data)
        batch = {
            "data": data,
            "labels": [number - 1] * count,
            "batch_label": f"batch {number} of 5",
            "filenames": ["a"],
        }
        files[f"data_batch_{number}"] = batch
    files["batches.meta"] = {"num_cases_per_batch": count, "label_names": ["plane", "car", "bird", "cat", "deer"]}
    return files, np.concatenate(pictures).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def cifar_100():
    data = np.random.default_rng(1).integers(0, 256, (3, 3072), "uint8")
    files = {"train": {"data": data, "fine_labels": [1, 0, 1], "coarse_labels": [0, 0, 0]}}
    files["meta"] = {"fine_label_names": ["apple", "bee"], "coarse_label_names": ["thing"]}
    return files, data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def as_bytes(files, protocol=2):
    return {name: value if isinstance(value, bytes) else pickle.dumps(value, protocol) for name, value in files.items()}


def pack(path, files, mode="w:gz"):
    """Write a .tar.gz as CIFAR's: all files in one folder."""
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["folder", "tar.gz", "tar"])
@pytest.mark.parametrize("make", [cifar_10, cifar_100])
def test_cifars_own_files(tmp_path, make, form, protocol):
    """Would catch channels in the wrong place, batches in another order, test pictures trained on, and pickles of
    other Pythons that are not read."""
    files, expected = make()
    files = as_bytes(files, protocol) | {"test_batch": b"not read", "test": b"not read", "readme.html": b""}
    if form == "folder":
        path = write_files(tmp_path / "cifar-10-batches-py", files)
    else:
        path = pack(tmp_path / f"cifar-10-python.{form}", files, "w" if form == "tar" else "w:gz")
    pictures = load_pictures(str(path))
    assert (pictures.images == expected).all() and pictures.images.shape[1:] == (32, 32, 3)
    if make is cifar_10:
        assert pictures.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert pictures.class_names == ["plane", "car", "bird", "cat", "deer"]
    else:
        assert pictures.labels.tolist() == [1, 0, 1] and pictures.class_names == ["apple", "bee"]
    assert load_pictures(str(path), 8, 8, 1).images.shape == (len(expected), 8, 8, 1)


def test_a_pickle_of_python_2(tmp_path):
    """Would catch the real files refused: Python 2 wrote them, with text for bytes."""
    pixels = bytes(range(256)) * 12
    text = b"cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntS'b'\ntR(I1\n(I1\nI3072\nt"
    text += b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\n"
    text += b"T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    batch = b"\x80\x02(dS'data'\n" + text + b"sS'fine_labels'\n(lI1\nas."
    names = b"\x80\x02(dS'fine_label_names'\n(lS'apple'\naS'bee'\nas."
    images, labels, class_names = load_cifar(write_files(tmp_path, {"train": batch, "meta": names}))
    assert images.shape == (1, 32, 32, 3) and labels.tolist() == [1] and class_names == ["apple", "bee"]
    assert images[0, 0, :4, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("place", ["meta", "data", "label"])
def test_a_trap_in_cifars_files_is_not_sprung(tmp_path, place, protocol):
    """Would catch a pickle that is run: anyone may put a file of this name into the net."""
    files, _ = cifar_100()
    trap = Trap(tmp_path / "sprung")
    if place == "meta":
        files["meta"] = trap
    elif place == "data":
        files["train"]["data"] = np.array([trap], object)
    else:
        files["train"]["fine_labels"] = [trap]
    refused(write_files(tmp_path / "set", as_bytes(files, protocol)), "cannot be read as CIFAR's Python files")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"garbage",
        b"\x80\x02r\xff\xff\xff\x7f.",  # the unpickler in C would reserve 16 GB for this
        b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00.",  # an array of a terabyte
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.",  # bytes, a terabyte
        b"(" * 100_000 + b"l" * 100_000 + b".",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        b"(I" + b"9" * 100_000 + b"\nl.",
        b"\x80\x02}X\x04\x00\x00\x00dataK\x07s.",
        b"(ibuiltins\neval\n.",
        b"\x80\x02cnumpy\nndarray\n)\x81}b.",
        b"P1\n.",
        b"\x82\x01.",
    ],
)
def test_damaged_and_hostile_pickles(tmp_path, data):
    """Would catch a traceback, code that runs, or memory that is filled by a few bytes."""
    files = as_bytes(cifar_100()[0])
    for name in ("train", "meta"):
        refused(write_files(tmp_path / name, files | {name: data}), "cannot be read as CIFAR's Python files")


@pytest.mark.parametrize("value", [{1}, frozenset([1]), bytearray(b"x"), 2**5000, types.SimpleNamespace()])
def test_kinds_of_value_that_cifar_has_not(tmp_path, value):
    """Would catch an unpickler that obeys more commands than pictures need: each one is one more to get wrong."""
    files, _ = cifar_100()
    files["train"]["more"] = value
    refused(write_files(tmp_path / "set", as_bytes(files, 5)), "cannot be read as CIFAR's Python files")


REFUSED = [command for command in pickletools.opcodes if command.name not in cifar_files.COMMANDS]


@pytest.mark.parametrize("command", REFUSED, ids=lambda command: command.name)
def test_each_command_of_a_pickle_is_listed_or_refused(command):
    """Would catch a command that is obeyed though no pictures need it, those of later protocols too."""
    data = b"\x80\x02(NN" + command.code.encode("latin1") + b"\x00" * 8 + b"."
    with pytest.raises(KeyError):  # the unpickler's table has no entry for it
        cifar_files.PlainUnpickler(io.BytesIO(data)).load()


def test_a_pickle_changes_nothing_of_this_program():
    """Would catch a pickle that puts values of its own into a function that stands for one of NumPy's."""
    data = b"\x80\x02c_codecs\nencode\nN}X\x07\x00\x00\x00__doc__K\x01s\x86b."
    with pytest.raises(pickle.UnpicklingError, match="changes an object"):
        cifar_files.PlainUnpickler(io.BytesIO(data)).load()
    assert isinstance(cifar_files.text_to_bytes.__doc__, str)


def test_archives_that_are_not_cifars(tmp_path):
    """Would catch a .tar.gz of pictures that ends in a traceback, a cut one, and one that unpacks without an end."""
    refused(pack(tmp_path / "a.tar.gz", {"1.png": plain(1)}), "neither CIFAR-10's nor CIFAR-100's", "unpack it")
    whole = pack(tmp_path / "b.tar.gz", as_bytes(cifar_10()[0])).read_bytes()
    (tmp_path / "c.tar.gz").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "c.tar.gz", "cannot be read as CIFAR's Python files")
    (tmp_path / "d.tar.gz").write_bytes(b"no archive")
    refused(tmp_path / "d.tar.gz", "cannot be read as CIFAR's Python files")


# Arrays


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("images", "labels"),
        ("X", "y"),
        ("arr_0", "arr_1"),
        ("data", "labels"),
        ("faces", None),
    ],
)
def test_the_names_that_arrays_have(tmp_path, images, labels):
    """Would catch arrays refused for their names: numpy.savez(path, a, b) calls them arr_0 and arr_1."""
    arrays = {images: np.arange(2 * 64, dtype="uint8").reshape(2, 8, 8)} | (
        {labels: np.array([1, 0])} if labels else {}
    )
    pictures = load_pictures(str(save_npz(tmp_path / "a.npz", **arrays)))
    assert pictures.images[1, 0, 0, 0] == 64
    assert pictures.labels is None if labels is None else pictures.labels.tolist() == [1, 0]


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "bool"])
def test_one_hot_labels(tmp_path, kind):
    """Would catch one-hot rows refused, or the place of the 1 counted from the wrong side."""
    rows = np.zeros((3, 4), kind)
    rows[[0, 1, 2], [2, 0, 3]] = 1
    pictures = load_pictures(str(save_npz(tmp_path / "a.npz", x_train=np.zeros((3, 8, 8), "uint8"), y_train=rows)))
    assert pictures.labels.dtype == np.int32
    assert [pictures.class_names[label] for label in pictures.labels] == ["2", "0", "3"]


# 16-bit files that use fewer bits


@pytest.mark.parametrize(("most", "white"), [(255, 255), (900, 1023), (4095, 4095), (4000, 4095), (16_000, 16_383)])
def test_twelve_bits_in_sixteen(tmp_path, most, white):
    """Would catch pictures that are nearly black, and each picture scaled by itself: the set decides."""

    def file(level):
        return encoded(Image.fromarray(np.full((8, 8), level, "uint16")), "TIFF")

    folder = write_files(tmp_path, {"a.tif": file(most), "b.tif": file(most // 2), "c.png": plain(77)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert levels_of(pictures) == [round(most * 255 / white), int((most // 2) * 255 / white + 0.5), 77]
    bits = {255: 8, 1023: 10, 4095: 12, 16_383: 14}[white]
    assert pictures.notes == [f"2 files have 16 bits a pixel and use {bits}: level {white} is taken as white"]


def test_all_sixteen_bits(tmp_path):
    """Would catch a set that uses all bits scaled by what its darkest picture uses."""
    files = {f"{level}.png": encoded(Image.fromarray(np.full((8, 8), level, "uint16"))) for level in (100, 60_000)}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert levels_of(pictures) == [0, 233] and pictures.notes == []


# Names that are no text, and terminals with few letters


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_not_text(tmp_path):
    """Would catch a traceback where a name is printed, drawn or stored: old archives bring names in other codes."""
    for folder, seed in ((b"caf\xe9", 1), (b"\xff\xfe", 2), ("猫".encode(), 3)):
        os.makedirs(os.path.join(os.fsencode(tmp_path), b"set", folder))
        for number in range(2):
            noise = np.random.default_rng(10 * seed + number).integers(0, 256, (16, 16, 3), "uint8")
            with open(os.path.join(os.fsencode(tmp_path), b"set", folder, b"\xe4%d.png" % number), "wb") as file:
                file.write(encoded(Image.fromarray(noise)))
    for coding in ("cp1252", "ascii", "utf-8"):
        done = subprocess.run(
            [sys.executable, ROOT / "defDATA.py", "set", "--image-size", "16"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": coding},
            capture_output=True,
        )
        assert done.returncode == 0 and done.stderr == b"", done.stderr[-300:]
        assert b"caf\\udce9 2" in done.stdout


# What evaluate.py reads


def test_evaluate_reads_a_zip_upright_and_no_single_grey_file_decides(tmp_path):
    """Would catch a .zip refused, a photo left on its side, and colour lost because the first file is grey."""
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise: stored 8 wide and 16 high, it is 16 wide and 8 high
    lying = Image.fromarray(np.arange(128, dtype="uint8").reshape(16, 8)).convert("RGB")
    files = {
        "a.png": plain(50, (16, 8)),
        "b.png": encoded(lying, exif=exif),
        "c.png": plain((255, 0, 0), (16, 8), "RGB"),
    }
    for path in (write_zip(tmp_path / "a.zip", files), write_files(tmp_path / "a", files)):
        pictures = read_pictures(path)
        assert pictures.shape == (3, 8, 16, 3)
        assert (pictures[0] == 50).all() and (pictures[2] == (255, 0, 0)).all()
        assert (pictures[1, ..., 0] == np.rot90(np.arange(128).reshape(16, 8), -1)).all()
    grey = read_pictures(write_files(tmp_path / "grey", {"a.png": plain(1), "b.png": plain(1, mode="1")}))
    assert grey.shape == (2, 8, 8, 1) and grey[:, 0, 0, 0].tolist() == [1, 255]
    alpha = {"a.png": plain((9, 9, 9, 0), mode="RGBA")}
    assert read_pictures(write_files(tmp_path / "alpha", alpha)).shape == (1, 8, 8, 4)
    mixed = read_pictures(write_files(tmp_path / "alpha", {"b.png": plain(3)}))
    assert mixed.shape == (2, 8, 8, 3) and (mixed[0] == 255).all()  # laid on white
