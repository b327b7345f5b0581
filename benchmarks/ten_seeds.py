"""Does a game collapse, diverge or end in NaN with another seed? A preset plays on shapes, seed after seed.

    python benchmarks/ten_seeds.py --preset modern --epochs 18 --out seeds
    python benchmarks/ten_seeds.py --preset cifar10 --epochs 20 --out seeds --flags '--filters 32'

(The table of benchmarks/README.md says with which flags it was made.)

A run has found a kind of shape if at least 1 % of 1,000 pictures show it and the classifier of shapes_found.py is sure
of these (90 % and more); it knows mirrored shapes too, because `modern` mirrors its pictures. The other columns find
what the kinds alone would not show:

- "colours", a generator of one colour: how much the backgrounds differ, relative to real shapes (1); in all pictures,
  and in the kind where they differ least;
- "outlines", copies: how much the outlines of one kind differ, relative to real shapes (1), where they differ least;
- "weave", a fine pattern: how many grey levels a pixel of the background differs from the mean of the 3x3 pixels around
  it (the median over the corners of 8x8 pixels; 0 for real shapes);
- "D(x) - D(G(z))", a lost game: the mean over the last epoch.

Runs that already exist in `--out` are not played again, so a stopped benchmark continues. For a run that train.py
ended, for example because of NaN, the table shows train.py's message.
"""

import argparse
import csv
import pathlib
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

from benchmarks.shapes_found import SURE, draw, train_classifier
from defDATA import to_floats
from support.data.shapes import SHAPE_NAMES, draw_shapes

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT = 1000
CORNERS = (slice(8), slice(-8, None))
FOUND = 0.01  # of the pictures


def sure_kinds(answers):
    """Number the kind that each picture surely is, `(n,)`, and -1 where the classifier is not sure."""
    return np.where(answers.max(axis=1) > SURE, answers.argmax(axis=1), -1)


def kinds_found(answers):
    """Name the kinds of shape among pictures.

    Args:
        answers: What the classifier gives, probabilities `(n, 10)`.

    Returns:
        A list of names, in the order of `SHAPE_NAMES`.
    """
    kinds = sure_kinds(answers)
    return [name for number, name in enumerate(SHAPE_NAMES) if np.mean(kinds == number) >= FOUND]


def spread_of_backgrounds(pictures):
    """Measure how much the colours in the corners differ from picture to picture: their standard deviation.

    Args:
        pictures: Floats `(n, height, width, 3)` in [-1, 1]; of each the four corners of 2x2 pixels count, as one.

    Returns:
        A float, the mean of the three colours' deviations; 0 when all backgrounds are alike.
    """
    corners = [
        pictures[:, rows, columns] for rows in (slice(2), slice(-2, None)) for columns in (slice(2), slice(-2, None))
    ]
    return float(np.mean(corners, axis=(0, 2, 3)).std(axis=0).mean())


def weave(pictures):
    """Measure how much a pixel of the background differs from the mean of the 3x3 pixels around it.

    Args:
        pictures: Floats `(n, height, width, channels)` in [-1, 1]. The corners of 8x8 pixels count.

    Returns:
        The median difference in grey levels, 0 to 255.
    """
    around = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    means = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2)).mean(axis=(-2, -1))
    differences = np.abs(pictures - means) * 127.5
    return float(np.median([differences[:, rows, columns] for rows in CORNERS for columns in CORNERS]))


def spread_of_outlines(pictures, kinds):
    """Measure how much the outlines differ within each kind: the variance of "this pixel is part of the shape".

    Args:
        pictures: Floats `(n, height, width, 3)` in [-1, 1], shapes brighter than their backgrounds.
        kinds: The kind of each picture `(n,)`, a position in `SHAPE_NAMES`.

    Returns:
        An array `(10,)`, the mean variance over all pixels; 0 for a kind of which all pictures have one outline.
    """
    bright = pictures.mean(axis=3)
    corners = np.concatenate([bright[:, :4], bright[:, -4:]], axis=1)[:, :, [0, 1, 2, 3, -4, -3, -2, -1]]
    background = np.median(corners, axis=(1, 2))
    brightest = np.quantile(bright, 0.95, axis=(1, 2))
    shape = bright > ((background + brightest) / 2)[:, None, None]
    return np.array([shape[kinds == kind].var(axis=0).mean() for kind in range(len(SHAPE_NAMES))])


def poorest_outlines(pictures, kinds, real_outlines):
    """Name the kind whose outlines differ least, and how much beside `real_outlines`, those of real shapes."""
    ratios = spread_of_outlines(pictures, kinds) / real_outlines
    return f"{SHAPE_NAMES[ratios.argmin()]} {ratios.min():.2f}"


def last_gap(folder):
    """Read D(x) - D(G(z)) of the last epoch from a run's history.csv."""
    with open(folder / "training_logs" / "history.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    return float(last["d_of_real"]) - float(last["d_of_fake"])


def play(preset, seed, epochs, folder, flags):
    """Train, if it was not done before. Returns `(path, said)`: the generator's, or None and train.py's last line."""
    path = folder / f"generator_e{epochs:03d}.h5"
    if not path.exists():
        command = [sys.executable, ROOT / "train.py", "--preset", preset, "--data", "shapes", "--seed", seed]
        command += ["--epochs", epochs, "--plot-every", epochs, "--out", folder, "--overwrite", *flags]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode:
            return None, (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return path, ""


def poorest_kind(pictures, answers, real_spread):
    """Name the kind of shape whose backgrounds differ least among those found, and how much beside real ones."""
    kinds = sure_kinds(answers)
    spreads = {name: spread_of_backgrounds(pictures[kinds == SHAPE_NAMES.index(name)]) for name in kinds_found(answers)}
    if not spreads:
        return "none found"
    poorest = min(spreads, key=spreads.get)
    return f"{poorest} {spreads[poorest] / real_spread:.2f}"


def main():
    """Play the seeds and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="modern")
    parser.add_argument("--seeds", type=int, default=10, help="how many (10)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a folder for each run goes there")
    parser.add_argument("--flags", type=shlex.split, default=[], help="more flags of train.py, in one word")
    arguments = parser.parse_args()
    classifier = train_classifier(32, mirrored=True)
    real, real_kinds = draw_shapes(COUNT, 32, 32)
    real_spread = spread_of_backgrounds(to_floats(real))
    real_outlines = spread_of_outlines(to_floats(real), real_kinds)
    whole = 0
    print("| seed | kinds found | missing | sure of | colours | poorest kind | outlines | weave | D(x) - D(G(z)) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        folder = arguments.out / f"{arguments.preset}_seed{seed}"
        path, said = play(arguments.preset, seed, arguments.epochs, folder, arguments.flags)
        if path is None:
            print(f"| {seed} | train.py stopped: {said} | | | | | | | |", flush=True)
            continue
        generator = keras.models.load_model(path, compile=False)
        pictures = draw(generator, COUNT)
        answers = classifier.predict(pictures, verbose=0)
        found = kinds_found(answers)
        missing = ", ".join(name for name in SHAPE_NAMES if name not in found) or "none"
        whole += len(found) == len(SHAPE_NAMES)
        row = (seed, len(found), missing, f"{(sure_kinds(answers) >= 0).mean():.1%}")
        row += (f"{spread_of_backgrounds(pictures) / real_spread:.2f}", poorest_kind(pictures, answers, real_spread))
        asked_for = np.arange(COUNT) % len(SHAPE_NAMES) if len(generator.inputs) == 2 else answers.argmax(axis=1)
        row += (
            poorest_outlines(pictures, asked_for, real_outlines),
            f"{weave(pictures):.1f}",
            f"{last_gap(folder):.2f}",
        )
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
    print(f"{whole} of {arguments.seeds} runs found all ten")


if __name__ == "__main__":
    main()
