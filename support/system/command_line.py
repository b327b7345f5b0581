"""Tools for command lines: a parser with errors of one line, and types for the values of flags.

Each error names the received value and what is expected.
"""

import argparse
import math
import pathlib
import re
import sys

from support import VERSION
from support.system.errors import EXIT_CODE


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; only `--help` prints the usage. It knows `--version`."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.add_argument("--version", action="version", version=VERSION, help="print the suite's version and end")

    def parse_known_args(self, args=None, namespace=None):
        """Parse the flags. `--range -1:1` is taken as `--range=-1:1`: argparse alone takes `-1:1` for a flag."""
        words = []
        for word in sys.argv[1:] if args is None else args:
            if words and words[-1].startswith("--") and re.fullmatch(r"-[\d.]+:.*", word):
                words[-1] += f"={word}"
            else:
                words.append(word)
        return super().parse_known_args(words, namespace)

    def error(self, message):
        self.exit(EXIT_CODE, f"{self.prog}: {message} (see python {self.prog} --help)\n")


def file_path(text):
    """Parse a path; `~` is the user's own folder also where the shell leaves it (`--out=~/run`)."""
    return pathlib.Path(text).expanduser()


def place_to_write(text):
    """Parse a path to write to; an address such as `s3://bucket/run` would become a folder `s3:` here."""
    if re.match(r"[\w+.-]{2,}://", text):
        raise argparse.ArgumentTypeError(
            f"received {text!r}; give a path on this computer, and copy it there afterwards"
        )
    return file_path(text)


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
    """Make the type of a flag that takes numbers; `expected` says in words which ones `accepts` permits."""

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


def from_to(text):
    """Parse `0:255`, two numbers of which the second is larger, to `(0.0, 255.0)`."""
    try:
        low, high = map(float, text.split(":"))
        fits = math.isfinite(low) and math.isfinite(high) and low < high
    except ValueError:
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"received {text!r}; give two numbers, such as 0:255 or -1:1")
    return low, high


def image_size(text):
    """Parse `64` (a square) or `240x360` (height x width) to `[height, width]`."""
    found = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text.strip())
    size = [int(found[1]), int(found[2] or found[1])] if found else [0, 0]
    if min(size) < 8:
        raise argparse.ArgumentTypeError(
            f"received {text!r}; give one number (64) or height x width (240x360), each side from 8 up"
        )
    return size


def some_of(names):
    """Make the type of a flag that takes some of these names, `color,cutout`, or `none`; the value is a list."""

    def parse(text):
        chosen = [] if text == "none" else text.split(",")
        if not set(chosen) <= set(names):
            raise argparse.ArgumentTypeError(f"received {text!r}; give none, or some of {','.join(names)}")
        return [name for name in names if name in chosen]

    return parse


def count_or_all(text):
    """Parse a whole number from 1 up, or `all`."""
    if text == "all":
        return text
    try:
        return whole_number()(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or all") from None


def word_of(meanings):
    """Make the type of a flag that takes one of some words; `meanings` maps each word to its value."""

    def parse(text):
        if text not in meanings:
            raise argparse.ArgumentTypeError(f"received {text!r}; give {', '.join(meanings)}")
        return meanings[text]

    return parse
