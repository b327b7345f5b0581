"""A grid with one row per class: the check of its flags, and the class names at the left of the rows."""

import math

from PIL import Image, ImageDraw, ImageFont

from support.data.contact_sheet import shortened
from support.system.errors import InputError

IN_A_ROW = 8  # pictures of each class, unless --n says otherwise
DARK = 32


def check_class_grid(class_count, class_name, compares, out):
    """Check before the long work whether `--class-grid` can be done.

    Args:
        class_count: How many classes the generator has; 0 for none.
        class_name: The value of `--class`, or None.
        compares: Whether `--nearest` was given.
        out: Path of the grid.

    Raises:
        InputError: If the generator has no classes, if `--class` or `--nearest` was given too, or if the ending is
            neither .png nor .gif.
    """
    if not class_count:
        raise InputError("--class-grid: this generator was trained without classes; leave --class-grid out")
    if class_name is not None:
        raise InputError(f"--class {class_name} with --class-grid: one class or all of them; leave one of the two out")
    if compares:
        raise InputError("--nearest with --class-grid: each draws a sheet of its own; leave one of the two out")
    if out.suffix.lower() not in (".png", ".gif"):
        raise InputError(
            f"--out {out}: --class-grid draws one grid; give a name that ends in .png or, for a walk, in .gif"
        )


def with_row_names(grid, names):
    """Widen a grid to the left, and write the name of each row there.

    Args:
        grid: Pillow image, as `picture_grid` gives it, in grey, RGB or RGBA.
        names: A name for each row, from top to bottom.

    Returns:
        A Pillow image of the same mode and height, with the grid at its right. If the names would take more than half
        of the grid's width, they are shortened with dots.
    """
    row_height = grid.height / len(names)
    size = max(12, min(32, round(row_height / 4)))
    font = ImageFont.load_default(size)
    names = [shortened(name, font, max(10 * size, grid.width // 2)) for name in names]
    width = math.ceil(max(map(font.getlength, names))) + size
    margin = Image.new("L", (width, grid.height), 255)
    for row, name in enumerate(names):
        # Right-aligned, and in the middle of the row's height.
        ImageDraw.Draw(margin).text((width - size / 2, (row + 0.5) * row_height), name, DARK, font, anchor="rm")
    widened = Image.new(grid.mode, (width + grid.width, grid.height))
    widened.paste(margin.convert(grid.mode), (0, 0))
    widened.paste(grid, (width, 0))
    return widened
