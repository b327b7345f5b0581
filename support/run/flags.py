"""The flags of train.py."""

import argparse
import math

from support.system.command_line import (
    OneLineParser,
    count_or_all,
    image_size,
    number,
    place_to_write,
    positive_number,
    share,
    some_of,
    whole_number,
    word_of,
)

NETWORK_FIELDS = ("generator", "discriminator", "says", "settings", "refuses")
LOSS_FIELDS = ("says", "settings", "refuses", "at_chance", "sure", "when_d_has_won", "when_g_has_collapsed")


def check_rows(kind, table, fields):
    """Raise `ValueError` if a row of a table lacks one of the fields that every row needs."""
    for name, row in table.items():
        for field in fields:
            if field not in row:
                raise ValueError(
                    f"the {kind} {name!r} lacks the field {field!r}; the comment above its table explains it"
                )


def check_presets(presets, networks, losses):
    """Raise `ValueError` if a preset names a loss or networks that are in no table."""
    for name, row in presets.items():
        for kind, table in (("network", networks), ("loss", losses)):
            if row[kind] is not None and row[kind] not in table:
                raise ValueError(
                    f"the preset {name!r}: there is no {kind} {row[kind]!r}; choose from {', '.join(table)}"
                )


def parse_arguments(arguments, presets, networks, losses, augmentations, sources):
    """Read the flags of train.py: parse `arguments`, or the command line if it is None, with `make_parser`."""
    return make_parser(presets, networks, losses, augmentations, sources).parse_args(arguments)


def make_parser(presets, networks, losses, augmentations, sources):
    """Make the parser of train.py. A flag that is not typed is None: then the preset or the resumed run decides.

    Args:
        presets: The table of presets.
        networks: The table of networks, whose rows say what they are.
        losses: The same for the losses.
        augmentations: Names of the kinds of augmentation.
        sources: The table of data sources, or their names.

    Returns:
        An `argparse.ArgumentParser`.
    """

    check_rows("network", networks, NETWORK_FIELDS)
    check_rows("loss", losses, LOSS_FIELDS)
    check_presets(presets, networks, losses)

    def choices(table):
        return "; ".join(f"{name}: {row['says']}" for name, row in table.items())

    parser = OneLineParser(prog="train.py", description="Train a GAN. Every flag's default is the preset's value.")
    yes_or_no = argparse.BooleanOptionalAction
    add = parser.add_argument
    add("--preset", choices=presets, help="which system to train: a row of presets.py (default: cifar10)")

    add = parser.add_argument_group("the pictures").add_argument
    add("--data", metavar="PATH", help=f"a folder, a .zip, an .npz, a DeepLake dataset; or {', '.join(sources)}")
    add("--image-size", type=image_size, metavar="HxW", help="64, or height x width: 240x360; from 8 up")
    add("--fit", choices=("cover", "pad", "stretch"), help="other proportions: cut the edges, add some, or distort")
    add("--channels", type=int, choices=(1, 3, 4), help="1 grey, 3 colour, 4 colour and alpha")
    add("--flip", action=yes_or_no, help="mirror half of the real pictures; not for letters and digits")
    add("--shuffle-window", type=whole_number(0), help="how far the shuffle carries a picture; 0: anywhere")
    add("--conditional", action=yes_or_no, help="train on the classes too, so that samples.py can draw one of them")

    add = parser.add_argument_group("the two networks").add_argument
    add("--network", choices=networks, help=choices(networks))
    add("--noise-size", type=whole_number(), help="length of the noise vector z")
    add("--filters", type=whole_number(2), help="width of the networks: half is about four times as fast")
    add("--generator-batch-normalization", action=yes_or_no, help="normalise G's layers over the batch")
    add("--discriminator-batch-normalization", action=yes_or_no, help="the same in D: real and fake go in apart")
    add("--dropout", type=share, help="in the discriminator: the more, the harder it is for it to memorise")
    kinds = ",".join(augmentations)
    add("--augment", type=some_of(augmentations), metavar="KINDS", help=f"{kinds}, some, or none: what D sees through")
    add("--augment-noise", type=positive_number, help="with --augment noise: its standard deviation; pictures: -1 to 1")
    words = {"auto": "auto", "yes": True, "no": False}
    add(
        "--mixed-precision",
        nargs="?",
        const=True,
        type=word_of(words),
        metavar="auto, yes, no",
        help="compute in bfloat16; auto: if the chip gains from it; without a word: yes",
    )
    add("--no-mixed-precision", dest="mixed_precision", action="store_const", const=False, help="the same as no")

    add = parser.add_argument_group("the game").add_argument
    add("--loss", choices=losses, help=choices(losses))
    add("--label-smoothing", type=share, help="0.1: D's target for real is 0.9, which keeps it from certainty")
    add("--batch-size", type=whole_number(2), help="real pictures, and as many fakes, in a step")
    add("--epochs", type=whole_number(), help="passes over the real pictures")
    add("--learning-rate", type=positive_number, help="of both players' Adam; smaller is steadier and slower")
    add("--generator-learning-rate", type=positive_number, help="of G's Adam, if it is to differ from D's")
    add("--learning-rate-fall", type=share, help="0.25: both fall to 0 in the last quarter of the run; 0: never")
    add("--beta-1", type=share, help="Adam's memory of the gradient; above 0.5 the game tends to oscillate")
    add("--beta-2", type=share, help="Adam's memory of the gradient's size")
    add("--slope-weight", type=number(lambda v: 0 <= v < math.inf, "a number from 0 up"), help="relativistic: gamma")
    add("--slope-of-one-in", type=whole_number(), help="relativistic: the slopes cost less at one pair in so many")
    add("--averaging", type=share, help="0.999 draws with G's weights averaged over the last 1,000 steps; 0: the last")
    add("--lesson-steps", type=whole_number(), help="taught: batches from which D learns to see before the game")

    # Where and how long to run; these flags do not change the game.
    add = parser.add_argument_group("the run").add_argument
    add("--out", type=place_to_write, default=".", metavar="FOLDER", help="where everything is written (default: here)")
    add("--seed", type=whole_number(0, 2**32 - 1), help="fixes weights, noise and data order (default: 0)")
    add("--save-every", type=whole_number(), metavar="EPOCHS", help="save generator and checkpoint this often")
    add("--plot-every", type=whole_number(), metavar="EPOCHS", help="draw samples and curves this often")
    add("--score-every", type=whole_number(0), metavar="EPOCHS", help="score this often, and keep the best; 0: not")
    add("--tensorboard", action="store_true", help="write curves and pictures for TensorBoard, too")
    add("--checkpoint-minutes", type=positive_number, default=10.0, help="save a checkpoint also this often (10)")
    add("--devices", type=count_or_all, metavar="N, all", help="share each batch among so many devices (JAX only)")
    add("--minutes", type=positive_number, help="stop cleanly after this time")
    add("--resume", action="store_true", help="go on where the run in --out stopped")
    add("--overwrite", action="store_true", help="replace the run in --out")
    add("--dry-run", action="store_true", help="play two steps and write every file once")
    return parser
