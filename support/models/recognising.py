"""Says what a file is by its first bytes, before any library opens it."""

import os
import stat
import struct
import zipfile

from support.system.errors import InputError

EXPECTED = (
    "expected is a generator, which makes pictures from noise: generator_eXXX.h5 of train.py, or another .h5/.keras"
)
MODEL_ENDINGS = (".h5", ".hdf5", ".keras")
HALVES = ("config.json", "model.weights.h5")  # the architecture and the weights in a .keras file
HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_STARTS = (0, 512, 1024, 2048, 4096)  # where HDF5 may begin; before it may stand something of another program

CHECKPOINT = (
    "a part of a TensorFlow checkpoint, weights without their network; load it with its program, and save the "
    "generator with model.save('generator.keras')"
)
YAML = "an architecture as YAML, which Keras reads no more; give one as JSON, from model.to_json()"
GRAPH = "a TensorFlow graph, not a Keras file; give the Keras file it was made from"
# If the first bytes say nothing.
BY_ENDING = {
    ".pb": GRAPH,
    ".pbtxt": GRAPH,
    ".onnx": "an ONNX model, not a Keras file; give the Keras file it was made from",
    ".index": CHECKPOINT,
    ".yaml": YAML,
    ".yml": YAML,
    ".pkl": "a pickle; a pickle can run code and is never opened",
    ".pickle": "a pickle; a pickle can run code and is never opened",
    ".joblib": "a joblib file, which holds pickles; a pickle can run code and is never opened",
}

# What people take for a model: where it stands in the file, these bytes, and the name for what the file is.
OTHER_KINDS = (
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer, a note in place of the file; fetch the file with: git lfs pull",
    ),
    (0, b"<!doctype html", "a web page, not the file behind it; download it again with the page's download button"),
    (0, b"<html", "a web page, not the file behind it; download it again with the page's download button"),
    (0, b"<?xml", "an XML text, perhaps a web server's error; download the file again"),
    (0, b"\x93numpy", "a NumPy array (.npy)"),
    (0, b"\x80\x02", "a pickle, as PyTorch and joblib write it; a pickle can run code and is never opened"),
    (0, b"\x80\x03", "a pickle, as PyTorch and joblib write it; a pickle can run code and is never opened"),
    (0, b"\x80\x04", "a pickle, as PyTorch and joblib write it; a pickle can run code and is never opened"),
    (0, b"\x80\x05", "a pickle, as PyTorch and joblib write it; a pickle can run code and is never opened"),
    (4, b"tfl3", "a TensorFlow Lite model, which has no training framework left; give the Keras file it was made from"),
    (8, b'{"', "a safetensors file, weights without their network; give the Keras file they were taken from"),
    (0, b"\x08", "a protocol buffer (ONNX or TensorFlow), not a Keras file; give the Keras file it was made from"),
    (0, b"(dp", "a pickle of an old kind; a pickle can run code and is never opened"),
    (0, b"(lp", "a pickle of an old kind; a pickle can run code and is never opened"),
    (0, b"ccopy_reg", "a pickle of an old kind; a pickle can run code and is never opened"),
    (0, b"model_checkpoint_path", CHECKPOINT),
    (0, b"backend:", YAML),
    (0, b"class_name:", YAML),
    (0, b"\x89png", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"gif8", "a GIF picture"),
    (0, b"%pdf", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it, and give the file inside"),
    (0, b"bzh", "a bzip2 archive; unpack it, and give the file inside"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive; unpack it, and give the file inside"),
    (0, b"rar!", "a RAR archive; unpack it, and give the file inside"),
    (0, b"\xfd7zxz", "an xz archive; unpack it, and give the file inside"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive (.zst); unpack it, and give the file inside"),
    (0, b"\x04\x22\x6d\x18", "an LZ4 archive; unpack it, and give the file inside"),
    (257, b"ustar", "a tar archive; unpack it, and give the file inside"),
)


def check_that_it_may_be_read(path):
    """Refuse a path that is no ordinary file with something in it.

    Raises:
        InputError: If so.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file; {EXPECTED}") from None
    except (ValueError, OSError) as error:  # a NUL in it, or too long; a disk that fails
        raise InputError(f"{str(path)[:200]!r} cannot be opened ({getattr(error, 'strerror', error)})") from None
    if stat.S_ISDIR(mode):
        if (path / "saved_model.pb").exists():
            way_out = "open it where it was made, and save the model with model.save('generator.keras')"
            raise InputError(f"{path} is a TensorFlow SavedModel folder; {way_out}")
        raise InputError(f"{path} is a folder; {EXPECTED}")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is no ordinary file (a device or a pipe); {EXPECTED}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read by this user; change its permissions, or copy it")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes), perhaps a save that was broken off; take another epoch's file")


def is_model(path):
    """Say whether a path is meant as a model and not as pictures: by its content, or else by its ending.

    Args:
        path: Path of a file or a folder, or of nothing.

    Returns:
        True for HDF5, JSON, and a zip or a folder with the two files that Keras puts into one (`HALVES`).
    """
    if path.is_dir():
        return all((path / half).is_file() for half in HALVES)
    by_ending = path.suffix.lower() in MODEL_ENDINGS
    if not path.is_file():  # missing, or a pipe, whose end would be waited for
        return by_ending
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
            folders = {name.removesuffix(HALVES[0]) for name in names if name.split("/")[-1] == HALVES[0]}
            return by_ending or any(folder + HALVES[1] in names for folder in folders)
        return kind_of(path) in ("hdf5", "json")
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, IndexError, struct.error):
        return by_ending  # it is missing, damaged or something else: whoever opens it will say what


def kind_of(path):
    """Recognise a file by its content.

    Args:
        path: Path of a file that can be read.

    Returns:
        `"hdf5"`, `"zip"` or `"json"`.

    Raises:
        InputError: If it is something else; the message says what.
    """
    with open(path, "rb") as file:
        beginning = file.read(HDF5_STARTS[-1] + len(HDF5))
    if any(beginning[start : start + len(HDF5)] == HDF5 for start in HDF5_STARTS):
        return "hdf5"
    if beginning.startswith(b"PK"):
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path} is cut short (a zip without its end); copy it again or take another epoch's file")
        return "zip"
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, signature, kind in OTHER_KINDS:
        if signature == (text if start == 0 and signature.isascii() else beginning.lower())[start:][: len(signature)]:
            raise InputError(f"{path} is {kind}" + ("" if ";" in kind else f"; {EXPECTED}"))
    if text.startswith(b"{"):
        return "json"
    ending = ".index" if path.suffix.startswith(".data-") else path.suffix.lower()
    if ending in BY_ENDING:
        raise InputError(f"{path} is {BY_ENDING[ending]}")
    raise InputError(f"{path} is neither HDF5 nor a Keras zip, whatever its ending says; {EXPECTED}")
