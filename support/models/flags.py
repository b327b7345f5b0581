"""The flags by which a user says what a generator's file does not; `as_told` in generator.py takes their values."""

from support.system.command_line import from_to, whole_number


def add_flags(parser):
    """Add them to the parser of a program that opens a generator."""
    add = parser.add_argument
    add("--noise", choices=("normal", "uniform"), help="uniform, -1 to 1, if it was trained with such noise (normal)")
    add("--range", type=from_to, metavar="LOW:HIGH", help="values of black and white, 0:255 or =-1:1 (looked at)")
    add("--one-hot", type=whole_number(2), metavar="CLASSES", help="so many numbers of its input are a one-hot class")
