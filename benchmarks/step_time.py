"""How much faster is a step of the `cifar10` preset than the classic loop of the same networks?

    python benchmarks/step_time.py                 the default backend, float32; a few minutes on a CPU
    python benchmarks/step_time.py --bfloat16      a third row, the suite's step under mixed precision

The classic loop is the loop of most tutorials: fakes by `generator.predict`, D on the real batch, D on the fake batch,
G through the combined model. Here it uses the same networks, batch and (working) freeze, so the ratio shows the cost of
`predict`. The two loops take turns in one process, step by step, and the median of each counts: so a machine that
becomes slower slows down both.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

import train
from support.system.machine import describe_machine


def play_classic_step(players, real, noise):
    """Play one step as the tutorials do."""
    generator, discriminator, combined, *_ = players
    count = len(real)
    fake = generator.predict(noise[0], verbose=0)
    discriminator.train_on_batch(real, np.ones((count, 1)))
    discriminator.train_on_batch(fake, np.zeros((count, 1)))
    combined.train_on_batch(noise[1], np.ones((count, 1)))


def build(mixed_precision=False):
    """Build the players of the `cifar10` preset."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed_precision else "float32")
    return train.build_players(train.PRESETS["cifar10"], 0)


def main():
    """Time the loops in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30, help="timed steps of each loop (default: 30)")
    parser.add_argument("--bfloat16", action="store_true", help="time mixed precision too")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    batch = train.PRESETS["cifar10"]["batch_size"]
    real = random.uniform(-1, 1, (batch, 32, 32, 3)).astype("float32")
    noise = random.standard_normal((2, batch, 100), dtype="float32")

    classic, ours = build(), build()
    loops = {
        "classic loop: predict, D twice": lambda: play_classic_step(classic, real, noise),
        "this suite, float32": lambda: train.play_step(ours, real, None, noise),
    }
    if arguments.bfloat16:
        mixed = build(mixed_precision=True)
        loops["this suite, mixed bfloat16"] = lambda: train.play_step(mixed, real, None, noise)
    seconds = {name: [] for name in loops}
    for step in range(-3, arguments.steps):  # the first three compile and warm up
        for name, play in loops.items():
            start = time.perf_counter()
            play()
            if step >= 0:
                seconds[name].append(time.perf_counter() - start)
    print(describe_machine())
    print(f"{'loop':34}{'ms a step (median)':>20}{'times as fast':>16}")
    baseline = statistics.median(seconds["classic loop: predict, D twice"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:34}{median * 1000:20.0f}{baseline / median:16.2f}")


if __name__ == "__main__":
    main()
