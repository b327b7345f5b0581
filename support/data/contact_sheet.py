"""A contact sheet: some of the pictures in a grid, sorted by class, with a title."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from support.drawing.grid import columns_for, picture_grid

MOST_SHOWN = 64
MOST_CLASSES = 16  # with more classes the pictures are not sorted by class
NARROWEST = 560  # width in pixels, so that the title fits
DARK, PALE = (32, 32, 32), (120, 120, 120)


def draw_contact_sheet(pictures, positions, words):
    """Draw up to 64 pictures, spread evenly over the given positions.

    Args:
        pictures: `defDATA.Pictures`.
        positions: Which of them may be shown, int array `(m,)`, m at least 1.
        words: More text for the title, after the count and the size.

    Returns:
        `(sheet, shown)`: a Pillow image in RGB, and the number of pictures on it.
    """
    count, height, width, _ = pictures.images.shape
    classes = np.unique(pictures.labels[positions]) if pictures.class_names else []
    if 1 < len(classes) <= MOST_CLASSES:  # a group of columns for each class; the sheet becomes nearly square
        columns = max(1, columns_for(MOST_SHOWN, height, width) // len(classes))
        most = columns * max(1, MOST_SHOWN // (len(classes) * columns))
        bands = [spread(positions[pictures.labels[positions] == number], most) for number in classes]
        sizes = np.bincount(pictures.labels)
        headings = [(pictures.class_names[number], f"{sizes[number]:,}") for number in classes]
    else:
        columns, headings = columns_for(min(len(positions), MOST_SHOWN), height, width), []
        bands = [spread(positions, MOST_SHOWN // columns * columns)]
    grids = [picture_grid(pictures.images[band], columns) for band in bands]

    gap = max(12, sum(grid.width for grid in grids) // 100)
    wide = max(NARROWEST, sum(grid.width + gap for grid in grids) + gap)
    text = max(16, wide // 60)
    top = 3 * text + (2 * text if headings else 0)
    sheet = Image.new("RGB", (wide, top + max(grid.height for grid in grids) + gap), "white")
    draw = ImageDraw.Draw(sheet)
    title = f"{count:,} pictures at {height}x{width}, {words}"
    write(draw, (gap, text), title, text, wide - 2 * gap, DARK)
    left = gap
    for number, grid in enumerate(grids):
        if headings:
            for line, (words, colour) in enumerate(zip(headings[number], (DARK, PALE), strict=True)):
                write(draw, (left + 2, 3 * text + line * text - text // 2), words, text * 3 // 4, grid.width, colour)
        sheet.paste(grid, (left, top), grid if grid.mode == "RGBA" else None)
        left += grid.width + gap
    return sheet, sum(map(len, bands))


def spread(positions, most):
    """Choose at most `most` of the positions, evenly from the first to the last."""
    return positions[np.linspace(0, len(positions) - 1, min(most, len(positions))).round().astype(int)]


def write(draw, place, words, size, room, colour):
    """Write a line of text; it is shortened with dots if it is wider than `room` pixels."""
    font = ImageFont.load_default(size)
    draw.text(place, shortened(words, font, room), colour, font)


def shortened(words, font, room):
    """Return the words; if they are wider than `room` pixels, only the first letters and dots."""
    if font.getlength(words) <= room:
        return words
    while words and font.getlength(words + "...") > room:
        words = words[:-1]
    return words + "..."
