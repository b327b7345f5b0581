"""The dataset doctor: it checks pictures before a long training.

Problems that are worth repairing are marked with "!". Two pictures count as the same if their decoded pixels are,
upright and scaled to one size. So a copy with another name, compression or EXIF note is found, but a smaller copy is
not. (A large JPEG is compared as train.py decodes it: at a half, quarter or eighth of its size.)
"""

import collections
import math
import os
import pathlib
import shlex
import textwrap

import numpy as np

from support.data.addresses import lies_among_pictures
from support.data.contact_sheet import draw_contact_sheet
from support.data.looks import look_at_all, name_of
from support.data.npz import has_own_size
from support.drawing.grid import save_image
from support.system.command_line import OneLineParser, image_size, place_to_write, whole_number
from support.system.errors import InputError, printable

FEW_PICTURES = 2000  # fewer are few: train.py augments them unless told otherwise
FEW_IN_A_CLASS = 0.1  # a class smaller than this share of the largest class is small
MANY = 0.1  # a share of the pictures above this gets a mark
LONG = 4  # one side is this many times as long as the other
MOST_NAMED = 50  # groups of equal pictures, odd pictures, classes; unreadable pictures are all named


def parse_arguments(arguments, presets, sources):
    """Read the flags of `python defDATA.py`; flags about loading pictures have the same names as train.py's.

    Args:
        arguments: List of words, or None for the command line.
        presets: The table of presets.
        sources: The table of data sources, or their names.

    Returns:
        The flags, as an `argparse.Namespace`.

    Raises:
        InputError: If the contact sheet cannot be written at its place.
    """
    parser = OneLineParser(prog="defDATA.py", description="Look pictures over before they are trained on.")
    add = parser.add_argument
    add("path", help="a folder of pictures, a .zip, an .npz, a DeepLake dataset; or " + ", ".join(sources))
    add("--preset", choices=presets, help="what they are meant for (default: the path, if it is a preset, or folder)")
    add("--image-size", type=image_size, metavar="HxW", help="64, or height x width: 240x360 (default: the preset's)")
    add("--fit", choices=("cover", "pad", "stretch"), help="what to do with other proportions (the preset's)")
    add("--channels", type=int, choices=(1, 3, 4), help="1 grey, 3 colour, 4 colour and alpha (default: the preset's)")
    add("--batch-size", type=whole_number(2), help="real pictures in a step (default: the preset's)")
    add(
        "--out",
        type=place_to_write,
        metavar="FILE.png",
        default="contact_sheet.png",
        help="where the contact sheet goes",
    )
    options = parser.parse_args(arguments)
    options.preset = options.preset or (options.path if options.path in presets else "folder")
    options.fit = options.fit or presets[options.preset]["fit"]
    check_sheet_place(options.out, options.path)
    return options


def check_sheet_place(out, source):
    """Refuse a contact sheet that cannot be written, or that would later count as one of the pictures."""
    out = pathlib.Path(out)
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out {out}: the contact sheet is a file that ends in .png")
    folder = out.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"--out {out}: {folder} is no folder that you may write to; name another place")
    if lies_among_pictures(folder, source):
        raise InputError(
            f"--out {out} lies in {source}: the contact sheet would be one of the pictures; name another place"
        )


def size_to_look_at(options, preset) -> tuple[int | None, int | None, int | None]:
    """Return height, width and channels as typed, else the preset's; None where an .npz keeps its own."""
    own = has_own_size(options.path)
    height, width = options.image_size or ((None, None) if own else preset["image_size"])
    return height, width, options.channels or (None if own else preset["channels"])


def examine(pictures, stored, options, preset):
    """Print what the pictures are and what is wrong with them, and draw a contact sheet.

    Args:
        pictures: `defDATA.Pictures` as they would be trained on.
        stored: The same pictures in their stored size; for picture files it is `pictures` itself.
        options: What `parse_arguments` returned.
        preset: The row of its preset.

    Raises:
        InputError: If train.py could not train on them.
        OSError: If the contact sheet cannot be written.
    """
    say("pictures", pictures.describe(), *(f"! {note}" for note in pictures.notes))
    looks = list(look_at_all(stored, pictures.images.shape[1:3]))
    whole = np.flatnonzero([look.wrong is None for look in looks])
    say_sizes([looks[position].size for position in whole], pictures.images.shape[1:3], options.fit)
    say_channels(collections.Counter(looks[position].kind for position in whole), pictures.images.shape[3])
    say_classes(pictures)
    names = [name_of(stored, position) for position in range(len(stored))]
    say_broken(pictures.broken, {names[position]: look.wrong for position, look in enumerate(looks) if look.wrong})
    say_same(looks, names, pictures.labels)
    say_odd({names[position]: looks[position] for position in whole})
    say_number(len(pictures), preset["batch_size"])
    refuse_unusable(pictures, whole, options, preset)
    sheet, shown = draw_contact_sheet(pictures, whole, f"{pathlib.Path(options.path).name}, {options.fit}")
    save_image(sheet, options.out)
    say("sheet", f"{options.out}: {shown} of them as they would be trained on; look at it")
    faster = ["better pictures sooner: the same with --preset modern"] if options.preset == "folder" else []
    say("ready", f"python train.py {shlex.join(train_flags(options, pictures, preset))}", *faster)


def say(label, *lines):
    """Print lines as train.py does, with the label before the first line."""
    for number, line in enumerate(lines):
        print(printable(f"{'' if number else label:9} {line}"))


def listed(lines):
    """Shorten a long list: keep the first `MOST_NAMED`, and say how many more there are."""
    more = len(lines) - MOST_NAMED
    return lines[:MOST_NAMED] + ([f"and {more:,} more"] if more > 0 else [])


def say_sizes(sizes, wanted, fit):
    """Print how large the pictures are, how many get enlarged, and how other proportions are treated."""
    if not sizes:
        return
    ordered = sorted(sizes, key=math.prod)
    smallest, middle, largest = (f"{h}x{w}" for h, w in (ordered[0], ordered[(len(sizes) - 1) // 2], ordered[-1]))
    several = f"{smallest} the smallest, {middle} in the middle, {largest} the largest"
    say("sizes", f"{several if len(set(sizes)) > 1 else f'all {smallest}'} (height x width, upright)")
    growth = np.array(wanted) / np.array(sizes)  # (n, 2): of height and width
    growth = growth.min(axis=1) if fit == "pad" else growth.max(axis=1)
    enlarged = int((growth > 1).sum())
    size = "x".join(map(str, wanted))
    if enlarged:
        mark = "! " if enlarged > MANY * len(sizes) else ""
        enough = "x".join(str(max(8, int(side / np.median(growth)) // 8 * 8)) for side in wanted)
        hint = f"; --image-size {enough}" if enlarged > len(sizes) / 2 else ""
        say("", f"{mark}smaller than {size}, so enlarged and blurred: {enlarged:,} of {len(sizes):,}{hint}")

    proportions = float(np.median([width / height for height, width in sizes]))
    ratio = proportions * wanted[0] / wanted[1]  # above 1: the picture is too wide
    lost = 1 - min(ratio, 1 / ratio)
    if lost < 0.01:
        say("fit", f"the middle picture has the proportions of {size}")
        return
    side, other = ("width", "height") if ratio > 1 else ("height", "width")
    what = {
        "cover": f"cover cuts off {lost:.0%} of the middle picture's {side}; --fit pad keeps all",
        "pad": f"pad adds white, {lost:.0%} of the {other}, to the middle picture; --fit cover fills it",
        "stretch": f"stretch squeezes the middle picture's {side} by {lost:.0%}; --fit pad keeps its proportions",
    }
    long = round(min(wanted) * max(proportions, 1 / proportions) / 8) * 8
    better = f"{min(wanted)}x{long}" if proportions > 1 else f"{long}x{min(wanted)}"
    say("fit", what[fit] + (f"; --image-size {better} suits it" if better != size else ""))


def say_channels(kinds, channels):
    """Print how many are grey, colour, transparent or other, and whether that fits the wanted channels."""
    say("channels", ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()) or "none")
    if channels > 1 and set(kinds) == {"grey"}:
        say("", "! all are grey: --channels 1 is faster and cannot go wrong in colour")
    if channels < 4 and kinds["with transparency"]:
        say("", "what is transparent is laid on white; --channels 4 keeps it")


def say_classes(pictures):
    """Print the classes with their counts, and which are small compared with the largest."""
    if not pictures.class_names:
        say("classes", "none; one folder a class would make some, for --conditional")
        if pictures.doubt:
            say("", f"! {pictures.doubt}")
        return
    counts = np.bincount(pictures.labels, minlength=len(pictures.class_names))
    each = [f"{name} {count:,}" for name, count in zip(pictures.class_names, counts, strict=True)]
    say("classes", *textwrap.wrap(", ".join(listed(each)), 110, break_long_words=False, break_on_hyphens=False))
    if pictures.doubt:
        say("", f"! {pictures.doubt}; only --conditional takes them for classes")
    small = [each[number] for number in np.flatnonzero(counts < FEW_IN_A_CLASS * counts.max())]
    if small:
        say("", f"! fewer than a tenth of the largest class: {', '.join(listed(small))}")


def say_broken(unopened, cut):
    """Print every file that does not open, and every file that opens but does not decode, with the reason."""
    lines = [f"{name}: does not open, left out" for name in unopened]
    lines += [f"{name}: {reason}; another picture stands in for it" for name, reason in cut.items()]
    say("broken", f"! {len(lines):,} do not decode; replace them or take them out" if lines else "none", *lines)


def say_same(looks, names, labels):
    """Print the pictures that occur more than once, group by group."""
    groups = collections.defaultdict(list)
    for position, look in enumerate(looks):
        if look.wrong is None:
            groups[look.pixels].append(position)
    groups = [group for group in groups.values() if len(group) > 1]
    copies = sum(map(len, groups)) - len(groups)
    lines = [" = ".join(names[position] for position in group) for group in groups]
    say("doubles", f"! {copies:,} show the same pixels as another" if copies else "none", *listed(lines))
    torn = sum(len(set(labels[group])) > 1 for group in groups) if labels is not None else 0
    if torn:
        say("", f"! {torn:,} of these groups are in more than one class")


def say_odd(looks):
    """Print the pictures that show nothing, and those that are very long and narrow."""
    lines = [f"{name}: one colour, or nearly" for name, look in looks.items() if look.blank]
    for name, look in looks.items():
        height, width = look.size
        if max(height, width) > LONG * min(height, width):
            lines.append(f"{name}: {height}x{width} is longer than {LONG} to 1")
    say("odd", f"! {len(lines):,} to look at" if lines else "none", *listed(lines))


def say_number(count, batch):
    """Print whether there are enough pictures. `batch` is the preset's, or None if the machine decides."""
    if count >= FEW_PICTURES:
        return
    say(
        "number",
        f"! {count:,} pictures are few: D would learn them by heart, so train.py augments below {FEW_PICTURES:,} "
        "(--augment)",
        *([f"! fewer than the preset's batch of {batch}, which shrinks to them"] if count < (batch or 0) else []),
    )


def refuse_unusable(pictures, whole, options, preset):
    """Raise `InputError` if train.py could not train on the pictures."""
    count, height, width, _ = pictures.images.shape
    source = pictures.source
    if len(whole) < 2:
        left = "one picture" if len(whole) else "no picture"
        raise InputError(f"{source} has {left} that decodes, of {count}; a GAN needs hundreds to learn from")
    if min(height, width) < 8:
        raise InputError(f"the pictures are {height}x{width}, below 8 on a side; enlarge them with --image-size 32")
    if (options.batch_size or 0) > count:
        raise InputError(f"--batch-size {options.batch_size} is more than the {count} pictures there are; lower it")
    if pictures.class_names is None and preset["conditional"]:
        raise InputError(
            f"preset {options.preset} trains on classes, and {source} has none; make one folder a class, "
            "or take --preset folder"
        )
    for number, name in enumerate(pictures.class_names or []):
        if number in pictures.labels and number not in pictures.labels[whole]:
            raise InputError(f"no picture of class {name} in {source} decodes; replace them, or take the class out")


def train_flags(options, pictures, preset):
    """Return the flags of `python train.py` for training on the checked pictures."""
    words = ["--preset", options.preset]
    words += [] if options.path == options.preset else ["--data", options.path]
    words += ["--image-size", "x".join(map(str, options.image_size))] if options.image_size else []
    words += ["--fit", options.fit] if options.fit != preset["fit"] else []
    words += ["--channels", str(options.channels)] if options.channels else []
    has_classes = len(pictures.class_names or []) > 1 and not pictures.doubt
    words += ["--conditional"] if has_classes and preset["conditional"] is False else []
    return words + (["--batch-size", str(options.batch_size)] if options.batch_size else [])
