"""Does a game collapse, diverge or end in NaN with another seed? A preset plays on shapes, seed after seed.

    python benchmarks/ten_seeds.py --preset modern --epochs 18 --out seeds
    python benchmarks/ten_seeds.py --preset cifar10 --epochs 20 --out seeds --flags '--filters 32'

(The table of benchmarks/README.md says with which flags it was made.)

A run has found a kind of shape if at least 1 % of 1,000 pictures show it and the classifier of shapes_found.py is sure
of these (90 % and more); it knows mirrored shapes too, because `modern` mirrors its pictures. "Colours" says how much
the backgrounds differ, relative to real shapes (1): in all pictures, and in the kind where they differ least. This
finds a generator of one colour, which the kinds alone would not show.

Runs that already exist in `--out` are not played again, so a stopped benchmark continues. For a run that train.py
ended, for example because of NaN, the table shows train.py's message.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

from benchmarks.shapes_found import draw, train_classifier
from defDATA import to_floats
from support.data.shapes import SHAPE_NAMES, draw_shapes

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT = 1000
FOUND = 0.01  # of the pictures
SURE = 0.9


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
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0 (10)")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a folder for each run goes there")
    parser.add_argument("--flags", type=shlex.split, default=[], help="more flags of train.py, in one word")
    arguments = parser.parse_args()
    classifier = train_classifier(32, mirrored=True)
    real_spread = spread_of_backgrounds(to_floats(draw_shapes(COUNT, 32, 32)[0]))
    whole = 0
    print("| seed | kinds found | missing | the classifier is sure of | colours | poorest kind |")
    print("|---|---|---|---|---|---|")
    for seed in range(arguments.seeds):
        folder = arguments.out / f"{arguments.preset}_seed{seed}"
        path, said = play(arguments.preset, seed, arguments.epochs, folder, arguments.flags)
        if path is None:
            print(f"| {seed} | train.py stopped: {said} | | | | |", flush=True)
            continue
        pictures = draw(keras.models.load_model(path, compile=False), COUNT)
        answers = classifier.predict(pictures, verbose=0)
        found = kinds_found(answers)
        missing = ", ".join(name for name in SHAPE_NAMES if name not in found) or "none"
        whole += len(found) == len(SHAPE_NAMES)
        row = (seed, len(found), missing, f"{(sure_kinds(answers) >= 0).mean():.1%}")
        row += (f"{spread_of_backgrounds(pictures) / real_spread:.2f}", poorest_kind(pictures, answers, real_spread))
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)
    print(f"{whole} of {arguments.seeds} runs found all ten")


if __name__ == "__main__":
    main()
