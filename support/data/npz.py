"""Loads pictures from an .npz of plain arrays; Keras' MNIST file has this form."""

import math
import pathlib
import zipfile

import numpy as np

from support.data.cifar_files import is_cifar
from support.data.decoding import DECODING_ERRORS
from support.data.folder_classes import to_class_numbers
from support.system.errors import InputError

# The names that people give to pictures, in lower case, and to their classes. If an .npz has several, the first counts.
NAMES = ("x_train", "train_images", "images", "x", "arr_0", "data", "pictures")
LABELS = {"x_train": "y_train", "train_images": "train_labels", "images": "labels", "x": "y", "arr_0": "arr_1"}
LABELS |= {"data": "labels", "pictures": "labels"}
OTHER_LABELS = ("labels", "label", "y", "targets", "target", "classes", "class", "y_train")  # where that one is missing
MOST_CLASSES = 65_535  # a larger number is no class, but perhaps a year or an identity
# An archive of zeros unpacks to a thousand times its size. Pictures do not: what unpacks to more than this is refused.
MOST_UNPACKED, MOST_TIMES_PACKED = 500_000_000, 100


def has_own_size(source):
    """Say whether a source is an array of pictures, whose size is kept unless a flag says otherwise."""
    return is_npz(source) or is_cifar(source)


def is_npz(source):
    """Say whether a source is an .npz: by its name, unless a folder has this name."""
    return str(source).lower().endswith(".npz") and not pathlib.Path(source).is_dir()


def load_npz(path):
    """Read pictures and, if there are any, their classes, under one of the names in `NAMES`.

    Returns:
        `(images, labels, class_names)`: uint8 `(n, height, width, channels)`; int32 `(n,)` and a list of text, or None
        and None.

    Raises:
        InputError: If there are no pictures, it holds pickled objects, or it unpacks to much more than it is.
    """
    images, name, labels = read_arrays(path)
    images = as_pictures(images, f"{name} in {path}")
    if labels is None:
        return images, None, None
    labels_name, labels = labels
    try:
        if labels.dtype.kind == "U" and labels.ndim == 1:  # words
            present, numbers = np.unique(labels, return_inverse=True)
        else:
            present, numbers = np.unique(to_class_numbers(labels, MOST_CLASSES), return_inverse=True)
        if len(numbers) != len(images):
            raise ValueError
    except ValueError:
        held = f"{labels.dtype} {labels.shape}"
        if labels.dtype.kind in "iu" and labels.size:
            held += f" from {labels.min()} to {labels.max()}"
        raise InputError(
            f"{labels_name} in {path} must be {len(images)} class numbers 0 to {MOST_CLASSES}, or words, not {held}; "
            "save it without these if they are no classes"
        ) from None
    return images, numbers.reshape(-1).astype("int32"), [str(label) for label in present]


def as_pictures(images, what):
    """Check that an array holds pictures.

    Args:
        images: The array; grey pictures may lack the axis of their one channel.
        what: Its name, for the message.

    Returns:
        uint8 `(n, height, width, channels)`.

    Raises:
        InputError: If it holds something else; the message says how to turn it into pictures, where that is known.
    """
    one_picture = images.ndim == 3 and images.shape[-1] in (3, 4)  # (32, 32, 3): not 32 pictures of 32x3
    fits = images.dtype == np.uint8 and images.size and not one_picture
    if fits and images.ndim == 3:
        return images[..., np.newaxis]
    if fits and images.ndim == 4 and images.shape[-1] in (1, 3, 4):
        return images
    ways = []
    if images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[-1] not in (1, 3, 4):
        ways.append(".transpose(0, 2, 3, 1)")
    elif images.ndim == 2 and images.shape[1] == 3072:
        ways.append(".reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)")
    elif images.ndim == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1]:
        ways.append(".reshape(-1, {0}, {0})".format(math.isqrt(images.shape[1])))
    if images.dtype.kind == "f" and images.size:
        lowest, highest = float(np.nanmin(images)), float(np.nanmax(images))
        scale = "255" if lowest >= 0 and highest <= 1 else "127.5" if lowest >= -1 and highest <= 1 else "1"
        ways.append(f" * {scale}{' + 127.5' if scale == '127.5' else ''}")
    way_out = f"; numpy.savez takes (x{''.join(ways)}).astype('uint8')" if ways else ""
    way_out = "; one picture is too few for a GAN" if one_picture and images.dtype == np.uint8 else way_out
    raise InputError(
        f"{what} is {images.dtype} {images.shape}; expected uint8 (n, height, width) or "
        f"(n, height, width, channels) with 1, 3 or 4 channels, values 0 to 255{way_out}"
    )


def read_arrays(path):
    """Read the pictures of an .npz, and their classes.

    Returns:
        `(images, name, labels)`: an array, its name, and `(name, array)` of the labels or None.

    Raises:
        InputError: If it is no .npz of plain arrays, holds no pictures, or unpacks to much more than it is.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not a zip archive, or was cut short")
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            by_name = {name.lower(): name for name in entries}
            found = [by_name[name] for name in NAMES if name in by_name] or (list(entries) if len(entries) == 1 else [])
            if not found:
                held = ", ".join(list(entries)[:9]) or "nothing"
                raise InputError(
                    f"{path} has no pictures under a usual name, x_train or arr_0 (it holds {held}); "
                    "save it with numpy.savez(path, x_train=...)"
                )
            images = read_array(archive, entries[found[0]])
            usual = LABELS.get(found[0].lower(), "labels")
            labels = next((by_name[name] for name in (usual, *OTHER_LABELS) if name in by_name), None)
            if labels is not None:
                labels = labels, read_array(archive, entries[labels])
            return images, found[0], labels
    except InputError:
        raise
    except (*DECODING_ERRORS, MemoryError) as error:
        reason = "it does not fit in memory" if isinstance(error, MemoryError) else " ".join(str(error).split())[:160]
        raise InputError(
            f"{path} cannot be read as an .npz of plain arrays ({reason}); save it again with numpy.savez"
        ) from None


def read_array(archive, entry):
    """Read one array of an .npz, after a look at its header: it says how large the array is.

    Args:
        archive: A `zipfile.ZipFile`.
        entry: Its `ZipInfo`.

    Returns:
        The array.

    Raises:
        ValueError: If it holds objects, which only a pickle can store and which could run any code; if its size is not
            what the header says; or if it unpacks to far more than it is.
    """
    if entry.file_size > max(MOST_UNPACKED, MOST_TIMES_PACKED * entry.compress_size):
        raise ValueError(
            f"{entry.filename} unpacks to {entry.file_size / 1e9:.1f} GB from {entry.compress_size / 1e6:.1f} MB: "
            "these are no pictures"
        )
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{entry.filename} is of version {version}, which no pictures need")
        shape, column_by_column, dtype = read_header(file)
        if dtype.hasobject:
            raise ValueError(f"{entry.filename} holds objects, which are stored as a pickle and could run any code")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != entry.file_size - file.tell():
            raise ValueError(f"{entry.filename} should have {size:,} bytes, and has {entry.file_size - file.tell():,}")
        array = np.empty(shape, dtype, order="F" if column_by_column else "C")
        target = memoryview(array.reshape(-1, order="A").view("uint8")) if size else memoryview(b"")
        done = 0
        while done < size:
            count = file.readinto(target[done : done + 2**20])
            if not count:
                raise ValueError(f"{entry.filename} ends too early")
            done += count
    return array
