"""What all peers have in common: the flags, the pictures, the clock, and the two files that each leaves.

A peer is called as `PYTHON benchmarks/peers/NAME.py --data pictures.npz --out FOLDER --minutes 10`, where PYTHON is the
interpreter of its own environment. It leaves `fakes.npz` (`arr_0`, uint8) and `run.json` in FOLDER. Nothing here needs
more than numpy.

The clock is the same for all: it starts when the pictures are in memory and the first step, with whatever it compiles,
is about to begin, and it is looked at between steps. Drawing the fakes comes after it.
"""

import json
import pathlib
import platform
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

import numpy as np

from support.system.atomic_files import written_beside
from support.system.command_line import OneLineParser, positive_number, share, whole_number
from support.system.errors import InputError

SAY_EVERY = 10.0  # seconds


def peer_parser(program, description, **defaults):
    """Make the parser of the flags that every peer has, with its published values as defaults.

    Args:
        program: The script's name.
        description: What it trains, in one line.
        **defaults: `learning_rate`, `beta_1`, `beta_2`, `batch_size`, `width`, `noise_size`.
    """
    parser = OneLineParser(program, description=description)
    add = parser.add_argument
    add("--data", required=True, type=pathlib.Path, metavar="FILE", help="an .npz with x_train, uint8 (n, 32, 32, 3)")
    add("--out", required=True, type=pathlib.Path, metavar="FOLDER", help="where fakes.npz and run.json go")
    add("--minutes", type=positive_number, default=10.0, help="how long to train (10)")
    add("--seed", type=whole_number(0, 2**32 - 1), default=0, help="fixes weights, noise and data order (0)")
    add("--n", type=whole_number(), default=10_000, help="fakes to draw at the end (10,000)")
    for name, value in defaults.items():
        kind = whole_number() if isinstance(value, int) else share if name.startswith("beta") else positive_number
        add("--" + name.replace("_", "-"), type=kind, default=value, help=f"published: {value}")
    return parser


def load_pictures(path):
    """Read the pictures to train on: uint8 `(n, 32, 32, 3)`."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; give --data an .npz with x_train")
    with np.load(path) as arrays:
        if "x_train" not in arrays.files:
            raise InputError(f"{path} has no x_train; save it with numpy.savez(path, x_train=...)")
        images = arrays["x_train"]
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
        raise InputError(f"x_train in {path} is {images.dtype} {images.shape}; expected uint8 (n, 32, 32, 3)")
    return images


def to_floats(images):
    """Scale uint8 pictures 0 to 255 to float32 in [-1, 1]."""
    return images.astype("float32") / 127.5 - 1.0


def to_uint8(pictures):
    """Scale pictures in [-1, 1] to uint8.

    Raises:
        InputError: If they are not finite: the training broke down.
    """
    pictures = np.asarray(pictures, "float32")
    if not np.isfinite(pictures).all():
        raise InputError("the generated pictures are not finite (NaN); train with a smaller --learning-rate")
    return np.clip(np.rint((pictures + 1.0) * 127.5), 0, 255).astype("uint8")


def endless_batches(images, batch_size, random):
    """Yield batches of uint8 pictures, epoch after epoch in a new order; what does not fill a batch is left out."""
    if len(images) < batch_size:
        raise InputError(f"--batch-size {batch_size} is more than the {len(images)} pictures there are; lower it")
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            yield images[order[start : start + batch_size]]


class Clock:
    """Count steps until the time is up, and say now and then how it goes.

    Args:
        minutes: How long to train.

    Attributes:
        steps: Steps played, one for each update of G.
        seconds: How long the steps took together.
        losses: D's and G's loss in the last step that was noted.
    """

    def __init__(self, minutes):
        self.minutes, self.steps, self.losses, self.said = minutes, 0, None, 0.0
        self.start = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.start

    def goes_on(self):
        """Say whether there is time for a step."""
        return self.seconds < self.minutes * 60

    def step(self, d_loss, g_loss):
        """Note that a step was played, with its losses (numbers, or what `float` turns into one)."""
        self.steps += 1
        if self.steps <= 3 or self.seconds - self.said > SAY_EVERY:
            self.losses, self.said = (float(d_loss), float(g_loss)), self.seconds
            print(f"step {self.steps}, {self.said:.1f} s: D {self.losses[0]:.3f}, G {self.losses[1]:.3f}", flush=True)


def write_result(arguments, clock_seconds, clock, pictures_a_step, fakes, versions, **more):
    """Write `fakes.npz` and `run.json`.

    Args:
        arguments: The flags; all that are no paths are stored as settings.
        clock_seconds: What `clock.seconds` was when training ended.
        clock: The `Clock`.
        pictures_a_step: Real pictures that D saw in a step.
        fakes: uint8 `(n, 32, 32, 3)`.
        versions: A dictionary from a name to a version.
        **more: Further settings that are no flags.
    """
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(arguments).items() if not isinstance(value, pathlib.Path)} | more
    run = {
        "steps": clock.steps,
        "pictures": clock.steps * pictures_a_step,
        "seconds": clock_seconds,
        "losses": clock.losses,
        "settings": settings,
        "versions": {"python": platform.python_version()} | versions,
    }
    with written_beside(arguments.out / "fakes.npz") as temporary:
        np.savez(temporary, fakes)  # as arr_0
    with written_beside(arguments.out / "run.json") as temporary:
        temporary.write_text(json.dumps(run, indent=2) + "\n")
    milliseconds = clock_seconds / max(clock.steps, 1) * 1000
    print(f"{clock.steps:,} steps of {milliseconds:.0f} ms, {run['pictures']:,} real pictures; wrote {arguments.out}")
