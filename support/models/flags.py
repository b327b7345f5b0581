"""The flags by which a user says what a generator's file does not; `as_told` in generator.py takes their values."""

from support.system.command_line import from_to, whole_number
from support.system.errors import InputError


def add_flags(parser):
    """Add them to the parser of a program that opens a generator."""
    add = parser.add_argument
    add("--noise", choices=("normal", "uniform"), help="uniform, -1 to 1, if it was trained with such noise (normal)")
    black_and_white = "which of its values are black and white: --range 0:255, --range -1:1 (found out)"
    add("--range", type=from_to, metavar="LOW:HIGH", help=black_and_white)
    add("--one-hot", type=whole_number(2), metavar="CLASSES", help="how many of its input numbers are a one-hot class")


def refuse_told(arguments, path):
    """Refuse these flags where the file holds pictures, for which they would change nothing.

    Raises:
        InputError: If one of them was typed.
    """
    for flag, value in (("--noise", arguments.noise), ("--range", arguments.range), ("--one-hot", arguments.one_hot)):
        if value is not None:
            raise InputError(f"{flag} has no meaning with {path}, which holds pictures; leave it out")
