"""Import this file before all packages. While they load, Ctrl-C and a package that is missing are one line each.

Loading Keras takes seconds, and in them `support.system.errors.one_line_errors` is not reached yet. Only the programs
of this suite are changed: a program that imports its files keeps its tracebacks.
"""

import os
import pathlib
import sys

from support.system.errors import EXIT_CODE

SUITE = pathlib.Path(__file__).resolve().parents[2]


def say_in_one_line(kind, error, traceback):
    """Say in one line what ended the program while it loaded; the arguments are those of `sys.excepthook`.

    Raises:
        SystemExit: With code 2, if a package is missing.
    """
    program = pathlib.Path(sys.argv[0]).name
    package = (error.name or "").split(".")[0] if issubclass(kind, ModuleNotFoundError) else ""
    if issubclass(kind, KeyboardInterrupt):
        print(f"{program}: stopped before it began", file=sys.stderr)
    elif package and not (SUITE / package).exists():
        print(f"{program}: {package} is not installed; pip install -r requirements.txt", file=sys.stderr)
        raise SystemExit(EXIT_CODE)
    else:
        sys.__excepthook__(kind, error, traceback)


def open_closed_streams():
    """Give a program whose output is closed (`2>&-`) a place to write to, so that it runs as if nobody read it."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
            setattr(sys, name, os.fdopen(number, "w"))


open_closed_streams()
if pathlib.Path(sys.argv[0]).resolve().is_relative_to(SUITE):
    sys.excepthook = say_in_one_line
