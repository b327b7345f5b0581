"""Folders and archives of pictures: classes, files that do not open or go away, what cannot be read."""

import os
import zipfile

import numpy as np
import pytest
from PIL import Image

import defDATA
from defDATA import load_pictures
from made_pictures import (
    classes_by_level,
    encoded,
    levels_of,
    lock,
    noise_jpeg,
    plain,
    refused,
    write_files,
    write_zip,
)
from support.data import picture_files
from support.system.errors import InputError

LAYOUTS = {
    "flat": ({"b.png": 1, "a.png": 2, "c.png": 3}, None),
    "a folder a class": ({"cat/a.png": 1, "cat/b.png": 2, "ant/a.png": 3}, {"ant": {3}, "cat": {1, 2}}),
    "below a shared folder": (
        {"download/train/cat/1.png": 1, "download/train/ant/1.png": 2},
        {"ant": {2}, "cat": {1}},
    ),
    "deeper inside a class": (
        {"cat/young/1.png": 1, "cat/old/x/2.png": 2, "cat/3.png": 3, "dog/young/1.png": 4},
        {"cat": {1, 2, 3}, "dog": {4}},
    ),
    "some in the root": ({"cat/1.png": 1, "dog/1.png": 2, "3.png": 3}, None),
    "some in the shared folder": ({"all/cat/1.png": 1, "all/dog/1.png": 2, "all/3.png": 3}, None),
    "one folder only": ({"cat/1.png": 1, "cat/2.png": 2}, None),
    "unlike depths": ({"cat/1.png": 1, "more/dog/1.png": 2}, {"cat": {1}, "more": {2}}),
    "spaces and letters of all kinds": ({"élan vital/1 a.png": 1, "猫/ü.png": 2}, {"élan vital": {1}, "猫": {2}}),
    "prefix of another": (
        {"cat/1.png": 1, "cat-2/1.png": 2, "cat 3/1.png": 3},
        {"cat": {1}, "cat 3": {3}, "cat-2": {2}},
    ),
    "one picture": ({"cat/1.png": 7}, None),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_by_folder(tmp_path, layout, zipped):
    """Would catch classes by the wrong level of folders, labels in another order than the pictures, and a .zip that
    differs from its folder; files that are no pictures, or hidden, must not count."""
    levels, expected = LAYOUTS[layout]
    files = {name: plain(level) for name, level in levels.items()}
    files |= {".hidden.png": b"", "cat/._1.png": b"", ".git/deep/1.png": b"", "readme.txt": b"text", "cat/x.json": b""}
    if zipped:
        files |= {"__MACOSX/cat/._1.png": b"", "__MACOSX/1.png": b"", "cat/": b"", "empty/": b""}
        path = write_zip(tmp_path / "pictures.ZIP", files)
    else:
        (tmp_path / "empty").mkdir()
        path = write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == [] and pictures.source == str(path)
    assert levels_of(pictures) == [levels[name] for name in sorted(levels)]
    assert (
        "no classes" in pictures.describe() if expected is None else f"{len(expected)} classes" in pictures.describe()
    )
    if expected is None:
        assert pictures.class_names is None and pictures.labels is None
    else:
        assert pictures.labels.dtype == np.int32
        assert pictures.class_names == sorted(expected)
        assert classes_by_level(pictures) == expected


@pytest.mark.parametrize("pattern", ["./{}/{}", "photos\\{}\\{}", ".\\{}\\{}"])
def test_zip_names_of_other_packers(tmp_path, pattern):
    """Would catch `./cat/1.png` (bsdtar) taken for hidden, and backslashes (PowerShell 5) that hide the classes."""
    names = [("cat", "1.png", 1), ("dog", "1.png", 2), ("dog", ".2.png", 3)]
    files = {pattern.format(folder, name): plain(level) for folder, name, level in names}
    pictures = load_pictures(str(write_zip(tmp_path / "a.zip", files)), 8, 8, 1)
    assert classes_by_level(pictures) == {"cat": {1}, "dog": {2}}


def test_a_folder_may_be_named_like_an_archive(tmp_path):
    """Would catch a choice by the ending alone: `pictures.zip` can be the folder that a .zip was unpacked to."""
    folder = write_files(tmp_path / "pictures.zip", {"1.png": plain(5)})
    assert levels_of(load_pictures(str(folder), 8, 8, 1)) == [5]


def test_folder_below_a_hidden_one(tmp_path):
    """Would catch hidden names looked for above the given folder too: `.cache/pictures` was asked for."""
    folder = write_files(tmp_path / ".cache" / "pictures", {"1.png": plain(5)})
    assert len(load_pictures(str(folder))) == 1


# Files that do not open, and files that do and turn out to be cut short


def half_jpeg():
    """Give the first half of a JPEG: it opens, and does not decode."""
    whole = noise_jpeg()
    return whole[: len(whole) // 2]


def flipped_png():
    """Give a PNG with a wrong bit in the middle: it opens, and its check sum is wrong."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype="uint8"))
    data = bytearray(encoded(noise))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


NO_PICTURES = {"cat/3-empty.png": b"", "dog/1-text.png": b"this is no picture", "dog/3-head.jpg": noise_jpeg()[:20]}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_what_does_not_open_is_named_at_once_and_the_rest_kept(tmp_path, zipped):
    """Would catch one bad file that ends the run, bad files dropped in silence, and labels that slip by one after
    each."""
    good = {"cat/2.png": 20, "cat/4.png": 40, "dog/2.png": 120, "eel/1.png": 200}
    files = NO_PICTURES | {name: plain(level) for name, level in good.items()} | {"eel/2.PNG": b"no"}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == ["cat/3-empty.png", "dog/1-text.png", "dog/3-head.jpg", "eel/2.PNG"]
    assert pictures.class_names == ["cat", "dog", "eel"]
    assert pictures.labels.tolist() == [0, 0, 1, 2]
    assert levels_of(pictures) == [20, 40, 120, 200]
    assert len(pictures) == 4
    line = pictures.describe()
    assert line.startswith("4 pictures at 8x8 (height x width), grey, 3 classes, from ")
    assert line.endswith("; 4 more do not open and are skipped: cat/3-empty.png, dog/1-text.png, dog/3-head.jpg, ...")


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_the_next_of_the_class_stands_in_for_a_cut_one(tmp_path, capsys, zipped):
    """Would catch a cut picture that ends the run after hours, one of another class in its place, and a line for every
    time that it is asked for."""
    files = {"cat/1.png": half_jpeg(), "cat/2.png": half_jpeg(), "cat/3.png": plain(30), "dog/1.png": plain(100)}
    files |= {"dog/2.png": plain(110), "dog/3.jpg": flipped_png()}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path, files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == [] and len(pictures) == 6
    assert levels_of(pictures) == [30, 30, 30, 100, 110, 100]  # after the last dog comes the first
    assert levels_of(pictures) == [30, 30, 30, 100, 110, 100]
    printed = "".join(capsys.readouterr())
    assert printed.splitlines() == [
        f"{name} does not decode; the next picture stands in for it" for name in ("cat/1.png", "cat/2.png", "dog/3.jpg")
    ]


def test_who_stands_in_does_not_hang_on_the_order(tmp_path):
    """Would catch a stand-in that is whatever was decoded before: a resumed run reads in another order."""
    files = {f"{number}.png": half_jpeg() if number in (2, 3, 5) else plain(10 * number) for number in range(1, 6)}
    folder = write_files(tmp_path, files)
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 1, 0, 3]):
        images = load_pictures(str(folder), 8, 8, 1).images
        found = {place: int(images[[place]][0, 0, 0, 0]) for place in order}
        assert found == {0: 10, 1: 40, 2: 40, 3: 40, 4: 10}  # without classes, the next of all


def test_many_cut_pictures_are_not_all_printed(tmp_path, capsys):
    """Would catch a terminal flooded by a bad disk, and one that does not say who names the rest."""
    files = {f"{number}.jpg": half_jpeg() for number in range(6)} | {"9.png": plain(7)}
    assert levels_of(load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)) == [7] * 7
    lines = "".join(capsys.readouterr()).splitlines()
    assert [line.split()[0] for line in lines] == ["0.jpg", "1.jpg", "2.jpg", "more"]
    assert lines[-1].endswith(f"python defDATA.py {tmp_path} names them all")


def test_a_class_without_one_whole_picture(tmp_path):
    """Would catch an endless search for a stand-in, and a picture of another class in its place."""
    files = {"cat/1.png": plain(1), "dog/1.jpg": half_jpeg(), "dog/2.jpg": half_jpeg()}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert pictures.images[[0]][0, 0, 0, 0] == 1
    with pytest.raises(InputError, match=r"none of the 2 pictures beside dog/2\.jpg in .* decodes"):
        pictures.images[[2]]


def test_description_names_up_to_three():
    """Would catch dots where nothing was left out, and a line that grows with thousands of bad files."""
    images = np.zeros((1234, 8, 12, 4), "uint8")
    plain_line = "1,234 pictures at 8x12 (height x width), colour and alpha, no classes, from here"
    assert defDATA.Pictures(images, None, None, "here").describe() == plain_line
    three = defDATA.Pictures(images, None, None, "here", ["a", "b", "c"]).describe()
    assert three == plain_line + "; 3 more do not open and are skipped: a, b, c"


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_none_opens(tmp_path, zipped):
    """Would catch a data set of no pictures that fails later, far from its cause."""
    path = write_zip(tmp_path / "a.zip", NO_PICTURES) if zipped else write_files(tmp_path, NO_PICTURES)
    with pytest.raises(InputError, match=r"none of the 3 pictures .* cat/3-empty\.png"):
        load_pictures(str(path))


@pytest.mark.parametrize("early", [True, False], ids=["first bytes", "last bytes"])
def test_damaged_entry_of_a_zip(tmp_path, early):
    """Would catch a .zip with one damaged entry that is given up as a whole."""
    noise = noise_jpeg(512)
    assert len(noise) > picture_files.SMALL_FILE, "long enough that looking at its beginning does not read its end"
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.jpg": noise, "c.png": plain(3)})
    data = bytearray(path.read_bytes())
    data[data.index(noise) + (1 if early else len(noise) - 50)] ^= 0xFF
    path.write_bytes(data)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == (["b.jpg"] if early else [])
    assert levels_of(pictures) == ([1, 3] if early else [1, 3, 3])
    assert pictures.images.broken == (set() if early else {"b.jpg"})


def test_small_damaged_entry_of_a_zip_is_found_before_the_run(tmp_path):
    """Would catch a small entry whose checksum is wrong and that is only found out in the middle of a run."""
    noise = noise_jpeg(64)
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.jpg": noise})
    data = bytearray(path.read_bytes())
    data[data.index(noise) + len(noise) - 50] ^= 0xFF
    path.write_bytes(data)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == ["b.jpg"] and levels_of(pictures) == [1]


def test_a_folder_whose_files_all_fail_to_open_is_no_class(tmp_path):
    """Would catch a class that no picture belongs to: a conditional run would be asked for it and never see it."""
    files = {"cat/1.png": plain(10), "dog/1.png": plain(200), "bird/1.png": b"no picture"}
    pictures = load_pictures(str(write_files(tmp_path, files)), 8, 8, 1)
    assert pictures.class_names == ["cat", "dog"] and pictures.labels.tolist() == [0, 1]
    assert levels_of(pictures) == [10, 200]


@pytest.mark.parametrize("gone", ["one file", "the folder"])
def test_pictures_that_vanish_while_running(tmp_path, gone):
    """Would catch a drive that went away taken for pictures cut short, for which others stand in as long as there are
    any."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1), "b.png": plain(2)})
    pictures = load_pictures(str(folder), 8, 8, 1)
    assert pictures.images[[0]][0, 0, 0, 0] == 1
    (folder / "b.png").unlink()
    if gone == "the folder":
        (folder / "a.png").unlink()
        folder.rmdir()
    with pytest.raises(InputError, match=r"^[^\n]*b\.png was there and cannot be read any more \(.*\); put [^\n]*$"):
        pictures.images[[1]]
    assert pictures.images[[0]][0, 0, 0, 0] == 1 and not pictures.images.broken


# Fingerprints


def fingerprint(path):
    """Give the fingerprint of the pictures at a path, at a size of no importance."""
    return load_pictures(str(path), 8, 8, 1).fingerprint()


def test_fingerprint_of_a_folder(tmp_path):
    """Would catch a resumed run that does not notice a picture taken out, put in, renamed or replaced, and one that is
    refused because its folder was moved."""
    files = {"cat/a.png": plain(1), "dog/b.png": plain(2)}
    first = fingerprint(write_files(tmp_path / "first", files))
    assert fingerprint(write_files(tmp_path / "elsewhere", files | {"notes.txt": b"no picture"})) == first
    changes = {
        "size": {"cat/a.png": plain(1, size=100)},
        "another": {"dog/c.png": plain(3)},
        "another that does not open": {"dog/c.png": b""},
    }
    found = {fingerprint(write_files(tmp_path / name, files | change)) for name, change in changes.items()}
    found.add(fingerprint(write_files(tmp_path / "name", {"cat/a2.png": plain(1), "dog/b.png": plain(2)})))
    found.add(fingerprint(write_files(tmp_path / "class", {"cat/a.png": plain(1), "cow/b.png": plain(2)})))
    found.add(fingerprint(write_files(tmp_path / "fewer", {"cat/a.png": plain(1)})))
    assert len(found) == 6 and first not in found


def test_fingerprint_of_a_zip_and_an_array(tmp_path):
    """Would catch sizes as they are packed, which hang on who packed them, and arrays told apart by their shape
    alone."""
    files = {"a.png": plain(1), "b.png": plain(2)}
    stored = fingerprint(write_zip(tmp_path / "a.zip", files))
    assert fingerprint(write_zip(tmp_path / "b.zip", files, compression=zipfile.ZIP_DEFLATED)) == stored
    assert fingerprint(write_zip(tmp_path / "c.zip", files | {"b.png": plain(2, size=100)})) != stored
    zeros = np.zeros((3, 8, 8), "uint8")
    np.savez(tmp_path / "a.npz", x_train=zeros)
    np.savez(tmp_path / "b.npz", x_train=zeros)
    zeros[1, 2, 3] = 1
    np.savez(tmp_path / "c.npz", x_train=zeros)
    one, same, other = (fingerprint(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    assert one == same != other


# What cannot be read at all


def test_encrypted_zip(tmp_path):
    """Would catch a locked .zip reported as broken pictures, without the word that helps: password."""
    refused(lock(write_zip(tmp_path / "a.zip", {"cat/1.png": plain(1), "dog/1.png": plain(2)})), "password", "unpack")


def test_cut_zip_and_no_zip(tmp_path):
    """Would catch a traceback for a download that stopped half way, and for another file renamed."""
    path = write_zip(tmp_path / "a.zip", {"a.png": plain(1), "b.png": plain(2)})
    path.write_bytes(path.read_bytes()[:-30])
    refused(path, "not a .zip")
    refused(write_files(tmp_path, {"b.zip": plain(1)}) / "b.zip", "not a .zip")
    refused(write_files(tmp_path, {"c.zip": b""}) / "c.zip", "not a .zip")


@pytest.mark.parametrize(("offset", "value"), [(6, 200), (46, 0xFF)], ids=["version", "name"])
def test_damaged_directory_of_a_zip(tmp_path, offset, value):
    """Would catch a traceback where damage makes Python's zipfile raise something else than BadZipFile."""
    path = write_zip(tmp_path / "a.zip", {"é.png": plain(1)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(data)
    refused(path, "not a .zip")


def test_nothing_there(tmp_path):
    """Would catch an empty data set, a missing path or a text file that gets past the door."""
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "0 files", "no picture", ".jpg")
    refused(write_files(tmp_path / "texts", {"a.txt": b"", ".b.png": plain(1)}), "2 files", "no picture")
    refused(write_zip(tmp_path / "a.zip", {"a.txt": b"text", "__MACOSX/b.png": b""}), "2 files", "no picture")
    refused(write_zip(tmp_path / "b.zip", {}), "0 files", "no picture")
    refused(tmp_path / "missing", "no such file or folder", "--data")
    refused(tmp_path / "missing.zip", "no such file or folder")
    refused(tmp_path / "missing.npz", "no such file or folder")
    refused(tmp_path / "texts" / "a.txt", "neither a folder nor a .zip nor an .npz")


def test_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch a folder without permission that is reported as empty."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1)})
    archive = write_zip(tmp_path / "a.zip", {"a.png": plain(1)})
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(folder, "may not be read", "permissions")
    refused(archive, "may not be read", "permissions")


def test_picture_not_readable_as_the_system_says(tmp_path, monkeypatch):
    """Would catch one picture without permission that ends the run."""
    write_files(tmp_path, {"a.png": plain(1), "b.png": plain(2)})

    def forbidden(path, mode):
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied", str(path))
        return path.open(mode)

    monkeypatch.setattr(picture_files, "open", forbidden, raising=False)
    pictures = load_pictures(str(tmp_path), 8, 8, 1)
    assert pictures.broken == ["a.png"] and levels_of(pictures) == [2]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_not_readable_for_real(tmp_path):
    """Would catch a check of permissions that the system does not share."""
    folder = write_files(tmp_path / "pictures", {"a.png": plain(1), "b.png": plain(2)})
    (folder / "a.png").chmod(0)
    assert load_pictures(str(folder), 8, 8, 1).broken == ["a.png"]
    folder.chmod(0)
    try:
        refused(folder, "may not be read")
    finally:
        folder.chmod(0o700)
