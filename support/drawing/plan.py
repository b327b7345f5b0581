"""Decides what samples.py draws, and refuses what it cannot draw, before the long work."""

import collections
import pathlib
import re
import typing

import numpy as np

from support.drawing import class_grid
from support.drawing.grid import class_columns
from support.drawing.writing import check_output
from support.models.generator import class_number, names_of_classes
from support.scores import nearest
from support.system.errors import InputError

DEFAULT_COUNTS = (
    f"64; with classes, full rows; with --nearest {nearest.FAKES}; with --class-grid {class_grid.IN_A_ROW} a row"
)


class Plan(typing.NamedTuple):
    """What is drawn and where it goes."""

    out: pathlib.Path
    ending: str  # ".png", ".gif", ".npz" or, for a folder, ""
    count: int  # number of all pictures
    columns: int | None  # of the grid; None: the grid becomes nearly square
    rows: int  # of a class grid; else 1
    row_names: list | None  # of a class grid; else None
    classes: np.ndarray  # int (count,), the class of each picture
    kind: str | None  # the name of the only class that is drawn; else None


def plan_drawing(arguments, generator):
    """Decide what to draw.

    Args:
        arguments: The flags of samples.py.
        generator: What `open_generator` gave.

    Returns:
        A `Plan`.

    Raises:
        InputError: If flags contradict each other or the generator, or the output place cannot be written.
    """
    if arguments.truncation is not None and generator.uniform_noise:
        raise InputError(
            f"--truncation {arguments.truncation:g} with --noise uniform: uniform noise has no rare values; "
            "leave one of the two out"
        )
    compares = arguments.nearest is not None
    what = "_classes" if arguments.class_grid else "_nearest" if compares else ""
    kind, cycle = None, range(generator.class_count or 1)
    if arguments.class_name is not None and not arguments.class_grid:
        cycle = [class_number(generator, arguments.class_name)]
        kind = names_of_classes(generator)[cycle[0]]
        what = "_" + file_words(names_of_classes(generator))[cycle[0]] + what
    what += f"_truncation_{arguments.truncation:g}" if arguments.truncation is not None else ""
    what += f"_seed_{arguments.seed}" if arguments.seed else ""
    out = arguments.out or arguments.file.with_name(arguments.file.stem + what + ".png")
    if out.exists() and out.samefile(arguments.file):
        raise InputError(f"--out {out} is the model itself, and would overwrite it; choose another name with --out")
    if arguments.class_grid:
        class_grid.check_class_grid(generator.class_count, arguments.class_name, compares, out)
        columns, rows = arguments.n or class_grid.IN_A_ROW, generator.class_count
        ending = check_output(out, columns, rows)
        classes = np.arange(rows).repeat(columns)  # 0 0 0 ... 1 1 1 ...
        return Plan(out, ending, rows * columns, columns, rows, names_of_classes(generator), classes, None)
    columns, full_rows = class_columns(len(cycle))
    count = arguments.n or (nearest.FAKES if compares else full_rows)
    if compares:
        nearest.check_nearest(out, count)
    ending = check_output(out, count)
    return Plan(out, ending, count, columns, 1, None, np.resize(cycle, count), kind)  # classes 0 1 2 0 1 2 0 ...


def file_words(names):
    """Return a word for each name of a class that can stand in the name of a file, each another one.

    A name may hold a / or be long, and two names may differ in such characters alone, or in capitals, which are the
    same file on Windows and macOS. Then the number of the class is added.
    """
    words = [re.sub(r"\W+", "_", name)[:60] for name in names]
    taken = collections.Counter(word.casefold() for word in [*words, "classes", "nearest"])
    return [word if taken[word.casefold()] == 1 else f"{word}_{number}" for number, word in enumerate(words)]


def what_was_written(plan, arguments):
    """Say in one line what was written."""
    kind = {".png": "in a grid", ".gif": "walking in a loop", ".npz": "in the array arr_0", "": "as single PNGs"}
    if arguments.nearest is not None:
        kind[".png"] = "beside their nearest real ones"
    details = [
        "a row a class" if arguments.class_grid else None,
        f"seed {arguments.seed}",
        f"truncation {arguments.truncation:g}" if arguments.truncation is not None else None,
    ]
    pictures = f"{plan.count} pictures" + (f" of {plan.kind}" if plan.kind else "")
    return f"wrote {plan.out}: {pictures} {kind[plan.ending]}, {', '.join(filter(None, details))}"
