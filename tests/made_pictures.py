"""Pictures that the tests of the data make: files, folders, archives and arrays; and what is read of them."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from defDATA import load_pictures
from support.data.decoding import fit_image
from support.system.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    """Give the bytes of a Pillow image as a file of that kind."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(value, size=8, mode="L", kind="PNG", **options):
    """Give the bytes of a file of one colour; the size is one side of a square, or `(width, height)`."""
    return encoded(Image.new(mode, size if isinstance(size, tuple) else (size, size), value), kind, **options)


def write_files(folder, files):
    """Write a dictionary from paths to bytes below a folder, and return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path, files, **options):
    """Write a dictionary from paths to bytes into a .zip, and return its path."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def save_npz(path, **arrays):
    """Write an .npz and return its path."""
    np.savez(path, **arrays)
    return path


def lock(path):
    """Set the flag "encrypted" of every entry of a .zip, in both of its headers."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(mark, start + 1)
    path.write_bytes(data)
    return path


def noise_jpeg(side=32):
    """Give the bytes of a square JPEG of noise, which has something to lose in every part."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype="uint8"))
    return encoded(noise, "JPEG")


def one_colour(data, channels=3, size=8):
    """Decode a file of one colour, and return the colour after checking that it is the same everywhere."""
    picture = decode_picture(data, size, size, channels)
    assert picture.dtype == np.uint8 and picture.shape == (size, size, channels)
    assert (picture == picture[0, 0]).all()
    return picture[0, 0].tolist()


def everything(pictures):
    """Give all pictures as one uint8 array, in their order."""
    return pictures.images[np.arange(len(pictures))]


def levels_of(pictures):
    """Give each picture's first level, in their order: for pictures of one colour."""
    return everything(pictures)[:, 0, 0, 0].tolist()


def classes_by_level(pictures):
    """Collect the grey levels of every class: `{class name: {levels}}`."""
    found = {}
    for image, label in zip(everything(pictures), pictures.labels, strict=True):
        found.setdefault(pictures.class_names[label], set()).add(int(image[0, 0, 0]))
    return found


def refused(source, *words):
    """Check that a source is refused in one line that names it and holds these words."""
    with pytest.raises(InputError) as caught:
        load_pictures(str(source), 8, 8, 3)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(source), *words):
        assert word in message


def decode_picture(data, height, width, channels, fit="cover"):
    """Decode the bytes of one picture file and bring it to a size, as the suite does with a file in a folder."""
    with Image.open(io.BytesIO(data)) as image:
        return fit_image(image, height, width, channels, fit)
