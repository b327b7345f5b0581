"""How do time and memory grow with the batch, the size of the pictures and the size of the data set?

    python benchmarks/growth.py                  about ten minutes on two cores; Linux

Each row is a process of its own that plays the DCGAN of `folder` with 16 filters, through the functions that train.py
calls for a step: the batch is taken from the data set, scaled, played. Time is the median of its steps. Memory is the
process' most, less what it had when the networks were built and no step was played. Divided by the pictures of a
batch both should not grow, and they should not depend on the size of the data set at all.
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

import defDATA
import train
from support.models.on_device import to_numbers

USUAL = {"batch": 64, "size": 64, "pictures": 1000}
VALUES = {"batch": [16, 64, 256, 1024], "size": [32, 64, 128, 256], "pictures": [1_000, 10_000, 100_000, 1_000_000]}
LARGEST_BATCH = {"size": 32}  # pictures of 256x256 take memory: this many of them, and of the smaller ones
SMALL = {"pictures": 16}  # a data set of a million pictures fits in memory if they are 16x16
STEPS, SECONDS = 12, 20.0  # at most


def measure(batch, size, pictures):
    """Play some steps. Returns `(milliseconds a picture, megabytes a picture, milliseconds to make a batch)`."""
    settings = train.PRESETS["folder"] | {"seed": 0, "filters": 16, "batch_size": batch, "image_size": [size, size]}
    settings |= {"augment": [], "mixed_precision": False}
    images = np.zeros((pictures, size, size, 3), "uint8")
    images[:] = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), "uint8")  # every page in memory
    data = defDATA.Pictures(images, None, None, "made here")
    keras.utils.set_random_seed(0)
    players = train.build_players(settings, 0)
    play = train.step_of(settings, players)
    before, seconds, of_batch = peak_megabytes(), [], []
    start = time.monotonic()
    for step in range(STEPS):
        begun = time.perf_counter()
        real, classes, noise = train.step_inputs(data, settings, 1, step)
        real = defDATA.to_floats(real)
        made = time.perf_counter()
        measured, _ = play(players, real, classes, noise)
        to_numbers(measured)
        seconds.append(time.perf_counter() - begun)
        of_batch.append(made - begun)
        if time.monotonic() - start > SECONDS and step > 3:
            break
    after_compiling, of_batch = seconds[2:], of_batch[2:]  # the first step is not compiled, the second one compiles
    memory = (peak_megabytes() - before) / batch
    return 1000 * statistics.median(after_compiling) / batch, memory, 1000 * statistics.median(of_batch)


def peak_megabytes():
    """Return the most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main():
    """Measure each row in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--of", nargs="+", choices=list(VALUES), default=list(VALUES), help="what grows (default: all)")
    parser.add_argument("--most", type=int, default=1_000_000, help="leave out larger values, for a quick try")
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(*measure(*arguments.one))
        return
    print("| what grows | batch | size | data set | ms a picture | MB a picture | ms to make a batch |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.of:
        for value in VALUES[name]:
            if value > arguments.most:
                continue
            row = USUAL | {"batch": LARGEST_BATCH.get(name, USUAL["batch"]), "size": SMALL.get(name, USUAL["size"])}
            row |= {name: value}
            command = [sys.executable, __file__, "--one", *map(str, (row["batch"], row["size"], row["pictures"]))]
            answer = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
            if answer.returncode:
                sys.exit(f"{name} {value}: {answer.stderr.strip().splitlines()[-1]}")
            per_picture, memory, of_batch = map(float, answer.stdout.split()[-3:])
            print(
                f"| {name} | {row['batch']} | {row['size']}x{row['size']} | {row['pictures']:,} | {per_picture:.2f} "
                f"| {memory:.2f} | {of_batch:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
