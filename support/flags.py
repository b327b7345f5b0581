"""The flags of train.py, and the kinds of value they take: each error names the value received and what is expected."""

import argparse
import math
import re

from support.errors import OneLineParser


def whole_number(lowest=1, highest=math.inf):
    """Make the type of a flag that takes whole numbers from `lowest` to `highest`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not lowest <= number <= highest:
            end = "up" if highest == math.inf else f"to {highest}"
            raise argparse.ArgumentTypeError(f"received {text!r}; give a whole number from {lowest} {end}")
        return number

    return parse


def number(accepts, expected):
    """Make the type of a flag that takes numbers; `expected` says in words which ones `accepts` lets pass."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"received {text!r}; give {expected}")
        return value

    return parse


positive_number = number(lambda value: 0 < value < math.inf, "a number above 0")
share = number(lambda value: 0 <= value < 1, "a number from 0 to below 1")


def image_size(text):
    """Parse `64` (a square) or `240x360` (height x width) to `[height, width]`."""
    found = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text.strip())
    size = [int(found[1]), int(found[2] or found[1])] if found else [0, 0]
    if min(size) < 8:
        raise argparse.ArgumentTypeError(
            f"received {text!r}; give one number (64) or height x width (240x360), each side from 8 up"
        )
    return size


def some_of(names):
    """Make the type of a flag that takes some of these names, `color,cutout`, or `none`; the value is a list."""

    def parse(text):
        chosen = [] if text == "none" else text.split(",")
        if not set(chosen) <= set(names):
            raise argparse.ArgumentTypeError(f"received {text!r}; give none, or some of {','.join(names)}")
        return [name for name in names if name in chosen]

    return parse


def parse_arguments(arguments, presets, networks, augmentations):
    """Read the flags of train.py. One that was not typed is None: the preset's value, or the resumed run's, stands.

    Args:
        arguments: List of words, or None for the command line.
        presets: Names of the presets.
        networks: Names of the networks.
        augmentations: Names of the kinds of augmentation.
    """
    parser = OneLineParser(prog="train.py", description="Train a GAN. Every flag's default is the preset's value.")
    yes_or_no = argparse.BooleanOptionalAction
    add = parser.add_argument
    add("--preset", choices=presets, help="which published system to train (default: cifar10)")

    add = parser.add_argument_group("the pictures").add_argument
    add("--data", metavar="PATH", help="a folder, a .zip, an .npz, a DeepLake dataset; or cifar10, cifar100, shapes")
    add("--image-size", type=image_size, metavar="HxW", help="64, or height x width: 240x360; from 8 up")
    add("--fit", choices=("cover", "pad", "stretch"), help="other proportions: cut the edges, add some, or distort")
    add("--channels", type=int, choices=(1, 3, 4), help="1 grey, 3 colour, 4 colour and alpha")
    add("--flip", action=yes_or_no, help="mirror half of the real pictures; not for letters and digits")
    add("--shuffle-window", type=whole_number(0), help="how far the shuffle carries a picture; 0: anywhere")
    add("--conditional", action=yes_or_no, help="train on the classes too, so that samples.py can draw one of them")

    add = parser.add_argument_group("the two networks").add_argument
    add(
        "--network",
        choices=networks,
        help="classic; dcgan: batch normalization; residual: none needed; taught: D sees before",
    )
    add("--noise-size", type=whole_number(), help="length of the noise vector z")
    add("--filters", type=whole_number(2), help="width of the networks: half is about four times as fast")
    add("--generator-batch-normalization", action=yes_or_no, help="normalise G's layers over the batch")
    add("--discriminator-batch-normalization", action=yes_or_no, help="the same in D: real and fake go in apart")
    add("--dropout", type=share, help="in the discriminator: the more, the harder it is for it to memorise")
    kinds = ",".join(augmentations)
    add("--augment", type=some_of(augmentations), metavar="KINDS", help=f"{kinds}, some, or none: what D sees through")
    add("--augment-noise", type=positive_number, help="with --augment noise: its standard deviation; pictures: -1 to 1")
    add("--mixed-precision", action=yes_or_no, help="compute in bfloat16, for speed on chips that have it")

    add = parser.add_argument_group("the game").add_argument
    add("--loss", choices=("bce", "hinge", "relativistic"), help="binary cross-entropy, hinge, or pairs")
    add("--label-smoothing", type=share, help="0.1: D's target for real is 0.9, which keeps it from certainty")
    add("--batch-size", type=whole_number(2), help="real pictures, and as many fakes, in a step")
    add("--epochs", type=whole_number(), help="passes over the real pictures")
    add("--learning-rate", type=positive_number, help="of both players' Adam; smaller is steadier and slower")
    add("--generator-learning-rate", type=positive_number, help="of G's Adam, if it shall be another one than D's")
    add("--beta-1", type=share, help="Adam's memory of the gradient; above 0.5 the game tends to oscillate")
    add("--beta-2", type=share, help="Adam's memory of the gradient's size")
    add("--slope-weight", type=number(lambda v: 0 <= v < math.inf, "a number from 0 up"), help="relativistic: gamma")
    add("--slope-of-one-in", type=whole_number(), help="relativistic: the slopes cost less at one pair in so many")
    add("--averaging", type=share, help="0.999 draws with G's weights averaged over the last 1,000 steps; 0: the last")
    add("--lesson-steps", type=whole_number(), help="taught: batches from which D learns to see before the game")

    # Where and how long to run: nothing of the game.
    add = parser.add_argument_group("the run").add_argument
    add("--out", default=".", metavar="FOLDER", help="where everything is written (default: here)")
    add("--seed", type=whole_number(0, 2**32 - 1), help="fixes weights, noise and data order (default: 0)")
    add("--save-every", type=whole_number(), metavar="EPOCHS", help="save generator and checkpoint this often")
    add("--plot-every", type=whole_number(), metavar="EPOCHS", help="draw samples and curves this often")
    add("--score-every", type=whole_number(0), metavar="EPOCHS", help="score this often, and keep the best; 0: not")
    add("--tensorboard", action="store_true", help="write curves and pictures for TensorBoard, too")
    add("--checkpoint-minutes", type=positive_number, default=10.0, help="save a checkpoint also this often (10)")
    add("--minutes", type=positive_number, help="stop cleanly after this time")
    add("--resume", action="store_true", help="go on where the run in --out stopped")
    add("--overwrite", action="store_true", help="replace the run in --out")
    add("--dry-run", action="store_true", help="play two steps and write every file once")
    return parser.parse_args(arguments)
