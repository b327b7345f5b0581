"""Pictures out of a network: to 8-bit, side by side in one grid, into a PNG."""

import math

import numpy as np
from PIL import Image

from support.system.atomic_files import written_beside


def to_uint8(pictures):
    """Turn pictures in [-1, 1] into 8-bit ones.

    Args:
        pictures: Array of floats `(n, height, width, channels)` in [-1, 1]; what lies outside is clipped.

    Returns:
        Array of uint8 of the same shape: -1 becomes 0, 0 becomes 128, 1 becomes 255.
    """
    return np.clip(np.rint((np.asarray(pictures, "float32") + 1.0) * 127.5), 0, 255).astype("uint8")


def to_image(picture):
    """Turn one uint8 picture `(height, width, channels)` with 1, 3 or 4 channels into a Pillow image."""
    return Image.fromarray(picture[:, :, 0] if picture.shape[-1] == 1 else picture)


def columns_for(count, height, width):
    """Columns that bring a grid of `count` pictures of this height and width nearest to a square."""
    return max(1, min(count, round(math.sqrt(count * height / width))))


def class_columns(class_count, count=64):
    """Say how a grid shows classes: with up to 16 of them each has a column of its own, and the rows are full.

    Returns:
        `(columns, count)`: None, to choose freely, or `class_count`; and the pictures to draw, at least `count`.
    """
    if not 1 < class_count <= 16:
        return None, count
    return class_count, math.ceil(count / class_count) * class_count


def picture_grid(pictures, columns=None, gap=2, shortest_side=64):
    """Lay pictures out row by row on white.

    Args:
        pictures: Array of uint8 `(n, height, width, channels)`, n at least 1.
        columns: Pictures in a row; by default as many as make the grid nearly square.
        gap: White pixels between two pictures and around the grid.
        shortest_side: Smaller pictures are enlarged by a whole factor, without smoothing, until their shorter
            side has about this many pixels: 32x32 drawn as it is would be a stamp on today's screens.

    Returns:
        A Pillow image.
    """
    count, height, width, channels = pictures.shape
    factor = max(1, round(shortest_side / min(height, width)))
    pictures = pictures.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = height * factor, width * factor
    columns = columns or columns_for(count, height, width)
    rows = math.ceil(count / columns)
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, "uint8")
    for index, picture in enumerate(pictures):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        grid[top : top + height, left : left + width] = picture
    return to_image(grid)


def save_image(image, path):
    """Write a Pillow image to `path`, whole or not at all; the ending chooses the format."""
    with written_beside(path) as temporary:
        image.save(temporary)
