"""Data files from strangers: bombs, lies about sizes and damaged files are refused in one line, with bounded memory."""

import io
import pathlib
import random
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image

from defDATA import load_pictures
from made_pictures import encoded, everything, levels_of, plain, refused, save_npz, write_files, write_zip
from support.data import decoding, kinds, npz
from support.system.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parent.parent
GIGABYTE = 10**9
ZEROS = bytes(2**20)


def zip_of_zeros(path, name, megabytes, start=b""):
    """Write a .zip with one entry of so many megabytes of zeros, a thousandth of it when packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w") as file:
        file.write(start)
        for _ in range(megabytes):
            file.write(ZEROS)
    return path


def npy_header(shape, descr="|u1"):
    """Give the header of a .npy file that declares this shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def declare_size(path, size):
    """Let the directory of a .zip say that its first entry unpacks to so many bytes."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


# Arrays


def test_an_npz_of_zeros(tmp_path):
    """Would catch 600 MB (or 8 GB) of zeros unpacked from a file a thousand times smaller."""
    path = zip_of_zeros(tmp_path / "a.npz", "x_train.npy", 600, npy_header((600 * 2**20 // 3072, 32, 32, 3)))
    refused(path, "x_train.npy unpacks to 0.6 GB from", "these are no pictures")
    labels = save_npz(tmp_path / "b.npz", x_train=np.zeros((2, 8, 8), "uint8"))
    with zipfile.ZipFile(labels, "a") as archive:
        archive.write(zip_of_zeros(tmp_path / "c.zip", "a", 1), "y_train.npy")
    refused(labels, "cannot be read as an .npz of plain arrays")


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (npy_header((10**9, 32, 32, 3)), "should have 3,072,000,000,000 bytes"),
        (npy_header((2, 8, 8), "<U1000000000"), "cannot be read"),
        (npy_header((2, 8, 8), "|O"), "could run any code"),
        (npy_header((-1, 8, 8)), "should have"),
        (npy_header((2**70, 8, 8)), "should have"),
        (b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 65_534, "cannot be read"),
        (b"\x93NUMPY\x03\x00\x10\x00\x00\x00" + b" " * 16, "version (3, 0)"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 16, "cannot be read"),
        (b"PK", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_arrays_that_lie_about_themselves(tmp_path, header, word):
    """Would catch memory reserved for what a header declares, before anyone looks whether it is there."""
    refused(write_zip(tmp_path / "a.npz", {"x_train.npy": header + bytes(128)}), word)
    refused(write_zip(tmp_path / "b.npz", {"arr_0.npy": header + bytes(128)}), word)


@pytest.mark.parametrize("size", [1000, 2**32 - 2])
def test_an_entry_whose_size_is_a_lie(tmp_path, size):
    """Would catch a check of the declared size that is not kept while the entry is unpacked."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", npy_header((100, 8, 8)) + bytes(6400))
    refused(declare_size(tmp_path / "a.npz", size), "cannot be read")


def test_large_arrays_of_pictures_are_no_bomb(tmp_path, monkeypatch):
    """Would catch a limit that real pictures meet: what packs to a tenth is fine at any size."""
    monkeypatch.setattr(npz, "MOST_UNPACKED", 1000)
    np.savez_compressed(tmp_path / "a.npz", x_train=np.tile(np.arange(256, dtype="uint8"), 10).reshape(10, 16, 16))
    assert len(load_pictures(str(tmp_path / "a.npz"))) == 10
    np.savez_compressed(tmp_path / "b.npz", x_train=np.zeros((10_000, 16, 16), "uint8"))
    refused(tmp_path / "b.npz", "these are no pictures")


# Pictures


def png(height, width):
    """Give a PNG that declares a size and has one row of zeros."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def with_size(kind, side, **options):
    """Give a small picture of a kind, whose header declares another size."""
    data = bytearray(encoded(Image.new("RGB", (8, 8), 9), kind, **options))
    if kind == "BMP":
        data[18:26] = struct.pack("<II", side, side)
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    elif kind == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 3, 1)) if struct.pack("<HHI", tag, 3, 1) in data else None
            at = at if at is not None else data.index(struct.pack("<HHI", tag, 4, 1))
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, side)
    elif kind == "TGA":
        data[12:16] = struct.pack("<HH", side, side)
    return bytes(data)


HUGE = {"a.png": png(60_000, 60_000), "b.bmp": with_size("BMP", 60_000), "c.jpg": with_size("JPEG", 60_000)}
HUGE |= {
    "d.tif": with_size("TIFF", 60_000),
    "e.tga": with_size("TGA", 60_000),
    "f.ppm": b"P6 60000 60000 255\n" + bytes(9),
}
HUGE |= {"g.png": png(9_000, 9_000), "h.png": png(2**31 - 1, 1), "i.pgm": b"P5 60000 60000 65535\n" + bytes(9)}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_pictures_that_declare_a_huge_size(tmp_path, zipped):
    """Would catch memory for 3,600 million pixels, of any kind of file."""
    files = HUGE | {"z.png": plain(5)}
    path = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path / "a", files)
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == sorted(HUGE) and levels_of(pictures) == [5]
    refused(write_files(tmp_path / "b", HUGE), "none of the 9 pictures", "a.png")


def test_entries_that_unpack_to_too_much(tmp_path, monkeypatch):
    """Would catch an entry of 300 MB read as a whole before anyone looks whether it is a picture."""
    monkeypatch.setattr(kinds, "MOST_BYTES", 2**20)
    path = zip_of_zeros(tmp_path / "a.zip", "a.png", 3, plain(7))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.png", plain(5))
        archive.writestr("c.zip", b"an archive in an archive is not opened")
        archive.writestr("../../d.png", b"an entry never leaves the archive")
    pictures = load_pictures(str(path), 8, 8, 1)
    assert pictures.broken == ["a.png"] and levels_of(pictures) == [5]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip"]  # nothing was unpacked


def test_large_pictures_are_decoded_one_after_another(tmp_path, monkeypatch):
    """Would catch eight threads that decode eight large pictures at once: each may take 250 MB."""
    monkeypatch.setattr(decoding, "LARGE", 100)
    inside, most, turn = [], [], decoding.upright

    def slowly(image):
        inside.append(image)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return turn(image)

    monkeypatch.setattr(decoding, "upright", slowly)
    images = load_pictures(str(write_files(tmp_path, {f"{n}.png": plain(n, 11) for n in range(4)})), 8, 8, 1).images
    with ThreadPoolExecutor(4) as pool:
        assert [int(found[0, 0, 0, 0]) for found in pool.map(lambda place: images[[place]], range(4))] == [0, 1, 2, 3]
    assert most == [1, 1, 1, 1]


MEASURE = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from defDATA import load_pictures
from support.system.errors import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        pictures = load_pictures(path, 8, 8, 3)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda place: pictures.images[[place]], range(len(pictures))))
        print(path[-9:], len(pictures))
    except InputError as error:
        assert "\\n" not in str(error)
        print(path[-9:], "refused")
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted in other units elsewhere")
def test_no_data_file_takes_more_than_a_gigabyte(tmp_path):
    """Would catch any of these that is unpacked first and refused later, and large pictures that are copied several
    times on the way to 8 bits and the right side up."""
    size = (6300, 6300)  # almost as many pixels as are taken
    large = encoded(Image.new("RGB", size, 9), compress_level=1)
    deep = encoded(Image.fromarray(np.full(size, 4000, "uint16")), compress_level=1)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    clear = encoded(Image.new("RGBA", size, (9, 9, 9, 99)), compress_level=1, exif=turned)
    files = {f"{number}.png": large for number in range(3)} | {"3.png": clear, "4.png": deep, "5.png": deep}
    sources = {
        "large": write_files(tmp_path / "large.dir", files),
        "zeros": zip_of_zeros(tmp_path / "zeros.npz", "x_train.npy", 1500, npy_header((1500 * 2**20 // 64, 8, 8))),
        "entry": zip_of_zeros(tmp_path / "entry.zip", "a.png", 1500, png(8, 8)),
        "label": zip_of_zeros(tmp_path / "label.zip", "dataset.json", 1500),
    }
    with zipfile.ZipFile(sources["label"], "a") as archive:
        archive.writestr("a/1.png", plain(1))
        archive.writestr("b/1.png", plain(1))
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = 1500 * 2**20
        archive.addfile(member, _Zeros())
    command = [sys.executable, "-c", MEASURE, *map(str, sources.values()), str(tmp_path / "bomb.tar.gz")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    *lines, memory = done.stdout.splitlines()
    assert lines == [
        "large.dir 6",
        "zeros.npz refused",
        "entry.zip refused",
        "label.zip 2",
        "mb.tar.gz refused",
    ], done.stderr
    assert int(memory) < GIGABYTE


class _Zeros(io.RawIOBase):
    """A file of zeros without an end."""

    def read(self, size=-1):
        return bytes(size)


# Damaged files


def damaged(data, chance):
    """Flip bytes, cut, or swap two blocks of a file, at random places."""
    data = bytearray(data)
    way = chance.choice(["flip", "cut", "swap"])
    if way == "flip":
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif way == "cut":
        del data[chance.randrange(len(data)) :]
    else:
        size = max(1, len(data) // 8)
        one, other = chance.randrange(len(data)), chance.randrange(len(data))
        data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
    return bytes(data)


def test_damaged_files_of_all_kinds(tmp_path):
    """Would catch a traceback from one of Pillow's readers, of NumPy or of zipfile: none checks every number."""
    chance, image, files = random.Random(0), Image.linear_gradient("L").resize((24, 24)).convert("RGB"), {}
    for ending, kind in sorted(Image.registered_extensions().items()):
        if kind in kinds.NO_PICTURES or kind not in Image.SAVE:
            continue
        for mode in ("RGB", "L", "1"):
            try:
                whole = encoded(image.convert(mode), kind)
            except (OSError, KeyError, ValueError):
                continue
            files |= {f"{ending[1:]}-{mode}-{number}{ending}": damaged(whole, chance) for number in range(8)}
            break
    pictures = load_pictures(str(write_files(tmp_path / "set", files | {"good.png": plain(5)})), 8, 8, 3)
    assert everything(pictures).shape[1:] == (8, 8, 3) and len(files) > 200
    zipped = write_zip(
        tmp_path / "a.zip", {f"{folder}/{number}.png": plain(number) for folder in "ab" for number in range(3)}
    )
    arrays = save_npz(tmp_path / "a.npz", x_train=np.zeros((4, 8, 8), "uint8"), y_train=np.arange(4))
    for path in (zipped, arrays):
        whole = path.read_bytes()
        for _ in range(100):
            path.write_bytes(damaged(whole, chance))
            try:
                everything(load_pictures(str(path), 8, 8, 3))
            except InputError as error:
                assert "\n" not in str(error)
