"""Turns the output of a network into 8-bit pictures, lays them out in a grid, and saves it."""

import math

import numpy as np
from PIL import Image

from support.system.atomic_files import written_beside


def to_uint8(pictures):
    """Turn pictures in [-1, 1] into 8-bit ones.

    Args:
        pictures: Array of floats `(n, height, width, channels)` in [-1, 1]; values outside are clipped.

    Returns:
        Array of uint8 of the same shape: -1 becomes 0, 0 becomes 128, 1 becomes 255.
    """
    return np.clip(np.rint((np.asarray(pictures, "float32") + 1.0) * 127.5), 0, 255).astype("uint8")


def to_image(picture):
    """Turn one uint8 picture `(height, width, channels)` with 1, 3 or 4 channels into a Pillow image."""
    return Image.fromarray(picture[:, :, 0] if picture.shape[-1] == 1 else picture)


def columns_for(count, height, width):
    """Return the number of columns for which a grid of `count` pictures of this size is nearest to a square."""
    return max(1, min(count, round(math.sqrt(count * height / width))))


def class_columns(class_count, count=64):
    """Choose the columns of a grid with classes: up to 16 classes get one column each, and all rows are full.

    Returns:
        `(columns, count)`: `class_count` columns, or None for a free choice; and the number of pictures to draw, at
        least `count`.
    """
    if not 1 < class_count <= 16:
        return None, count
    return class_count, math.ceil(count / class_count) * class_count


def picture_grid(pictures, columns=None, gap=2, shortest_side=64):
    """Lay pictures out row by row on white.

    Args:
        pictures: Array of uint8 `(n, height, width, channels)`, n at least 1.
        columns: Pictures in a row; by default the grid is nearly square.
        gap: White pixels between two pictures and around the grid.
        shortest_side: Smaller pictures are enlarged by a whole factor, without smoothing, until their shorter
            side has about this many pixels: a picture of 32x32 pixels is very small on a screen.

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


def write_gif(file, images, frames_a_second=12, last_frame_seconds=0.0):
    """Write images of one size as a GIF that loops forever.

    Args:
        file: A path, or a binary file that is open for writing.
        images: Iterable of Pillow images.
        frames_a_second: Speed; a GIF stores times in hundredths of a second.
        last_frame_seconds: How long the last frame stays, if that is longer.
    """
    # A GIF frame has 256 colours. No dithering: its dots would move from frame to frame.
    frames = [
        image if image.mode == "L" else image.convert("RGB").quantize(256, dither=Image.Dither.NONE) for image in images
    ]
    durations = [round(1000 / frames_a_second)] * len(frames)  # in milliseconds
    durations[-1] = max(durations[-1], round(1000 * last_frame_seconds))
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, disposal=1)


def save_image(image, path):
    """Write a Pillow image to `path`, completely or not at all; the ending of the path sets the format."""
    with written_beside(path) as temporary:
        image.save(temporary)
