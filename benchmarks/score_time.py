"""What does one score of `--score-every` cost beside an epoch?

    python benchmarks/score_time.py                      presets shapes and cifar10, on drawn pictures
    taskset -c 0 python benchmarks/score_time.py         on one core: steadier on a machine that does other things too

It prints processor seconds, not clock seconds, so other programs on the machine change little; on several cores the
clock shows fewer seconds. The cost in the first row of each preset occurs once, at the start of a run.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

import train
from defDATA import to_floats
from support.data.shapes import draw_shapes
from support.run.scoring import Scorer
from support.scores.quick_distance import QuickDistance
from support.system.machine import describe_machine

REAL = {"shapes": 10_000, "cifar10": 50_000}  # pictures of an epoch


def seconds_of(work):
    """Do a piece of work. Returns what it returned, and the processor seconds it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def report(preset, count, pictures, timed_steps):
    """Time steps and a score of one preset, and print them.

    Args:
        preset: Its name.
        count: Pictures of an epoch.
        pictures: uint8 `(n, 32, 32, 3)`, n at least a batch; the score compares with these.
        timed_steps: How many.
    """
    settings = train.PRESETS[preset] | {"seed": 0, "score_every": 1, "dry_run": False}
    keras.utils.set_random_seed(0)
    classes = 10 if settings["conditional"] else 0
    players = train.build_players(settings, classes)
    batch = settings["batch_size"]
    real = to_floats(pictures[:batch])
    labels = np.arange(batch).reshape(-1, 1) % 10 if classes else None
    noise = np.random.default_rng(0).standard_normal((2, batch, settings["noise_size"]), dtype="float32")

    def play(number):
        for _ in range(number):
            train.play_step(players, real, labels, noise)

    play(2)  # compiles
    epoch = seconds_of(lambda: play(timed_steps))[1] / timed_steps * count / batch
    distance, at_start = seconds_of(lambda: QuickDistance(pictures))
    scorer = Scorer(distance, settings, [str(number) for number in range(classes)])
    fakes, drawing = seconds_of(lambda: scorer.draw(players.generator))
    _, measuring = seconds_of(lambda: distance(fakes))
    print(f"{preset}: an epoch of {count:,} pictures {epoch:.0f} s")
    print(f"  at the start, {len(pictures):,} real pictures   {at_start:6.1f} s")
    print(f"  a score: {len(fakes):,} pictures drawn         {drawing:6.1f} s")
    print(f"           their distance              {measuring:6.1f} s")
    print(f"           together, of an epoch       {(drawing + measuring) / epoch:6.1%}", flush=True)


def main():
    """Time both presets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6, help="timed steps (default: 6)")
    arguments = parser.parse_args()
    pictures, _ = draw_shapes(10_000, 32, 32)
    print(describe_machine())
    for preset, count in REAL.items():
        report(preset, count, pictures, arguments.steps)


if __name__ == "__main__":
    main()
