"""Examines every picture of a source: its size, channels and pixels, and whether it decodes."""

import collections
import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from support.data.decoding import DECODING_ERRORS, SIXTEEN_BITS, one_large_at_a_time, to_mode, upright
from support.drawing.grid import to_image
from support.system.errors import InputError

BLANK = 3.0  # standard deviation of the levels 0 to 255; a picture below this shows only noise
IN_A_ROW = 1000  # pictures given to the threads at once, so that the memory does not grow with their number

# The notes on a picture: `(height, width)`, kind, hash of its pixels, whether it is blank; what is wrong, or None.
Look = collections.namedtuple("Look", "size kind pixels blank wrong")


def look_at_all(stored, size):
    """Decode every picture once, in threads, and yield a `Look` for each in order. A terminal shows a bar."""
    with (
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        tqdm(total=len(stored), unit=" pictures", disable=not sys.stderr.isatty(), leave=False) as bar,
    ):
        for start in range(0, len(stored), IN_A_ROW):
            row = range(start, min(start + IN_A_ROW, len(stored)))
            for look in pool.map(lambda position: look_at(stored, position, size), row):
                bar.update()
                yield look


def look_at(stored, position, size):
    """Decode one picture and return its `Look`."""
    try:
        image = open_stored(stored, position)
        height_and_width, kind = image.size[::-1], kind_of(image)
        image.draft(None, (2 * max(size),) * 2)
        with one_large_at_a_time(image):
            turned = upright(image)
            pixels = to_mode(turned, "RGBA", white_of(stored))
    except InputError:
        raise
    except DECODING_ERRORS as error:
        return Look(None, None, None, False, " ".join(str(error).split()) or "damaged")
    if turned.size != image.size:
        height_and_width = height_and_width[::-1]
    digest = hashlib.blake2b(repr(height_and_width).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    sample = pixels.resize([min(64, side) for side in pixels.size], Image.Resampling.NEAREST)
    blank = np.asarray(to_mode(sample, "RGB")).std(axis=(0, 1)).max() < BLANK
    return Look(height_and_width, kind, digest.digest(), bool(blank), None)


def open_stored(stored, position):
    """Return one picture as a Pillow image, in its stored size."""
    images = stored.images
    return to_image(images[position]) if isinstance(images, np.ndarray) else images.files.image(images.chosen[position])


def white_of(stored):
    """Return the level that is white in the pictures of 16 bits."""
    return SIXTEEN_BITS if isinstance(stored.images, np.ndarray) else stored.images.files.white


def name_of(stored, position):
    """Return a picture's name: the file name, or the position in an array."""
    images = stored.images
    return f"picture {position}" if isinstance(images, np.ndarray) else images.files.names[images.chosen[position]]


def kind_of(image):
    """Say in words what channels a Pillow image has."""
    if image.has_transparency_data:
        return "with transparency"
    if image.mode in ("1", "L", "F") or image.mode.startswith("I"):
        return "grey"
    return "colour" if image.mode in ("RGB", "P", "YCbCr") else image.mode
