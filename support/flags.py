"""The kinds of value a flag takes, each with an error that names the value received and what is expected."""

import argparse
import math
import re


def whole_number(lowest=1, highest=math.inf):
    """Make the type of a flag that takes whole numbers from `lowest` to `highest`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not lowest <= number <= highest:
            end = "up" if highest == math.inf else f"to {highest}"
            raise argparse.ArgumentTypeError(f"received {text!r}; give a whole number from {lowest} {end}")
        return number

    return parse


def number(accepts, expected):
    """Make the type of a flag that takes numbers; `expected` says in words which ones `accepts` lets pass."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"received {text!r}; give {expected}")
        return value

    return parse


positive_number = number(lambda value: 0 < value < math.inf, "a number above 0")
share = number(lambda value: 0 <= value < 1, "a number from 0 to below 1")


def image_size(text):
    """Parse `64` (a square) or `240x360` (height x width) to `[height, width]`."""
    found = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text.strip())
    size = [int(found[1]), int(found[2] or found[1])] if found else [0, 0]
    if min(size) < 8:
        raise argparse.ArgumentTypeError(
            f"received {text!r}; give one number (64) or height x width (240x360), each side from 8 up"
        )
    return size


def add_run_flags(parser):
    """Add the flags that say where and how long to run, and change nothing of the game."""
    add = parser.add_argument_group("the run").add_argument
    add("--out", default=".", metavar="FOLDER", help="where everything is written (default: here)")
    add("--seed", type=whole_number(0, 2**32 - 1), help="fixes weights, noise and data order (default: 0)")
    add("--save-every", type=whole_number(), metavar="EPOCHS", help="save generator and checkpoint this often")
    add("--plot-every", type=whole_number(), metavar="EPOCHS", help="draw samples and curves this often")
    add("--checkpoint-minutes", type=positive_number, default=10.0, help="save a checkpoint also this often (10)")
    add("--minutes", type=positive_number, help="stop cleanly after this time")
    add("--resume", action="store_true", help="go on where the run in --out stopped")
    add("--overwrite", action="store_true", help="replace the run in --out")
    add("--dry-run", action="store_true", help="play two steps and write every file once")
