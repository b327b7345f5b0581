"""Turns Pillow images of any kind and size into arrays of one size."""

import contextlib
import struct
import threading
import tokenize
import warnings
import zipfile
import zlib

import numpy as np
from PIL import ExifTags, Image, ImageOps

# The errors of Pillow and zipfile for a damaged, encrypted or extremely large file. (Mostly OSError.)
DECODING_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
DECODING_ERRORS += (zipfile.BadZipFile, Image.DecompressionBombError)
# Pillow's readers of rare kinds do not check every number in a damaged file before they use it.
DECODING_ERRORS += (LookupError, TypeError, AttributeError, ArithmeticError, AssertionError)
DECODING_ERRORS += (tokenize.TokenError,)  # NumPy's, for the first line of a damaged array
# Pillow warns of a damaged EXIF note, 100 megapixels or an odd palette, but the picture is still usable.
warnings.filterwarnings("ignore", module=r"PIL\.")
PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
SIXTEEN_BITS = 65_535
LARGE = 16_000_000  # pixels; threads decode such pictures one after another
_large = threading.Lock()


@contextlib.contextmanager
def one_large_at_a_time(image):
    """Let only one thread at a time decode a large picture: a few at once would fill the memory."""
    if image.width * image.height <= LARGE:
        yield
        return
    with _large:
        yield


def fit_image(image, height, width, channels, fit="cover", white=SIXTEEN_BITS):
    """Scale a Pillow image of any mode to a size.

    It is turned as its EXIF orientation says. If it is transparent and no alpha is wanted, it gets a white background.

    Args:
        image: A Pillow image; it need not be decoded yet.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        fit: What to do if the proportions differ. "cover" scales the picture until it covers height x width, then cuts
            out the centre. "pad" scales until all of it fits, then adds a white border (transparent if there is alpha).
            "stretch" changes the proportions.
        white: The level that is white in a picture of 16 bits.

    Returns:
        uint8 array `(height, width, channels)`.
    """
    # A JPEG of twice this size or more is decoded at a half, quarter or eighth of its size, in a fraction of the time.
    image.draft(None, (2 * max(height, width),) * 2)
    with one_large_at_a_time(image):
        image = to_mode(upright(image), PILLOW_MODES[channels], white)
        return np.asarray(to_size(image, height, width, fit)).reshape(height, width, channels)


def to_size(image, height, width, fit):
    """Scale a Pillow image of mode "L", "RGB" or "RGBA" to a size, as `fit_image` describes."""
    size, smooth = (width, height), Image.Resampling.LANCZOS
    if fit == "stretch":
        return image.resize(size, smooth)
    if fit == "pad":
        scale = min(width / image.width, height / image.height)
        inside = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        white = {"L": 255, "RGB": (255, 255, 255), "RGBA": (255, 255, 255, 0)}[image.mode]
        padded = Image.new(image.mode, size, white)
        padded.paste(image.resize(inside, smooth), ((width - inside[0]) // 2, (height - inside[1]) // 2))
        return padded
    return ImageOps.fit(image, size, smooth)


def upright(image):
    """Decode a Pillow image and turn it as its EXIF orientation says; a damaged EXIF note is ignored."""
    image.load()
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return image  # without the copy that Pillow makes of a large picture
        return ImageOps.exif_transpose(image)
    except DECODING_ERRORS:
        return image


def to_mode(image, mode, white=SIXTEEN_BITS):
    """Convert a Pillow image of any mode to "L", "RGB" or "RGBA", 8 bits a channel.

    Args:
        image: A Pillow image.
        mode: The wanted mode.
        white: The level that is white in a picture of 16 bits.
    """
    if image.mode.startswith("I") or image.mode == "F":
        image = to_8_bits(image, white)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if mode != "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def to_8_bits(image, white):
    """Scale a picture of 16-bit numbers or of floats to 8 bits; Pillow's own conversion clips at 255 instead."""
    levels = np.asarray(image)
    rows = max(1, 1_000_000 // image.width)  # a part at a time: the floats take eight times as much memory
    parts = [slice(start, start + rows) for start in range(0, len(levels), rows)]
    if image.mode == "F":  # floats go up to 1, 255 or 65535
        most = max(np.max(levels[part], initial=0, where=np.isfinite(levels[part])) for part in parts)
        white = 1 if most <= 1 else 255 if most <= 255 else SIXTEEN_BITS
    scaled = np.empty(levels.shape, "uint8")
    for part in parts:
        numbers = np.nan_to_num(levels[part].astype("float64"))
        scaled[part] = np.clip(numbers, 0, white) * 255.0 / white + 0.5
    return Image.fromarray(scaled)
