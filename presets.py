"""The presets: one row for each system that train.py can train.

    python presets.py           prints every value of every preset, one column per preset; long values are cut
    python presets.py cars      prints the values of one preset in full

`cifar10`, `cifar100`, `cars` and `folder` are published systems, and their rows hold the published values. `mnist` is
for the pictures of TensorFlow's tutorial. Its values, `shapes` and `modern` are this suite's own.

Each row lists only its differences from `CLASSIC`, the published CIFAR-10 GAN: a value that a row does not name is the
one in `CLASSIC`. Every value is also a flag: `--batch-size 64` changes `batch_size` for one run.
"""

import sys

CLASSIC = {
    # The pictures.
    "data": "cifar10",  # a name, or the path of pictures; None: the flag --data is required
    "image_size": [32, 32],  # height, width
    "channels": 3,  # 1 grey, 3 colour, 4 colour and alpha
    "fit": "cover",  # other proportions: scaled until they cover the size, then the centre is cut out
    "flip": False,  # True: half of the real pictures are mirrored, left to right
    "shuffle_window": 0,  # how far shuffling moves a picture; 0: anywhere
    "conditional": False,  # True: train on the classes, too. None: only if there are any
    # The two networks.
    "network": "classic",  # a row of NETWORKS in train.py; None: it depends on the machine, as below
    "noise_size": 100,  # z: how many random numbers make one picture
    "filters": 128,  # how wide the networks are
    "generator_batch_normalization": False,
    "discriminator_batch_normalization": False,
    "dropout": 0.4,  # in the discriminator
    "augment": None,  # random changes before D. None: color, translation and cutout below 2,000 pictures, else none
    "augment_noise": 0.2,  # if `augment` has noise: its standard deviation; pictures are in [-1, 1]
    "mixed_precision": "auto",  # True: compute in bfloat16; False: in float32; "auto": in what the chip does faster
    # The game.
    "loss": "bce",  # a row of LOSSES in train.py
    "label_smoothing": 0.0,  # 0.1: D's target for real pictures is 0.9
    "batch_size": 128,  # real pictures in a step; the number of fakes is the same
    "epochs": 200,  # an epoch is one pass over the real pictures
    "learning_rate": 2e-4,  # Adam's step size, for both players
    "generator_learning_rate": None,  # another one for G; None: the same
    "learning_rate_fall": 0.0,  # 0.25: both rates fall to 0 over the last quarter of the run
    "beta_1": 0.5,  # Adam's memory of the gradient; Keras' default of 0.9 makes the game oscillate
    "beta_2": 0.999,  # Adam's memory of the gradient's size
    "averaging": 0.0,  # 0.999: draw with G's weights averaged over about 1,000 steps; 0: with the last ones
    "slope_weight": 1.0,  # with the relativistic loss: gamma, the price of D's steepness
    "slope_of_one_in": 4,  # with the relativistic loss: 4 measures the steepness at one pair in 4
    "lesson_steps": 1500,  # with the taught network: batches that D's eye learns from before the first step
    # What is written.
    "save_every": 10,  # epochs from one generator file, and checkpoint, to the next
    "plot_every": 1,  # epochs from one sample plot to the next
    "score_every": 0,  # epochs from one score to the next; 0: none, because a score costs time
}


def preset(**differences):
    """Make a preset's row: the values of `CLASSIC`, with some replaced.

    Args:
        **differences: The values to replace, by their names in `CLASSIC`.

    Returns:
        A dictionary from a setting's name to its value, with every name of `CLASSIC`.

    Raises:
        ValueError: If a name is not in `CLASSIC` (otherwise a misspelt name would change nothing), or if the size is
            not a height and a width.

    Example:
        >>> preset(epochs=50)["epochs"], preset(epochs=50)["batch_size"]
        (50, 128)
    """
    unknown = [name for name in differences if name not in CLASSIC]
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r}; choose from {', '.join(CLASSIC)}")
    row = CLASSIC | differences
    if not isinstance(row["image_size"], list) or len(row["image_size"]) != 2:
        raise ValueError(f"image_size={row['image_size']!r}: give height and width, such as [64, 64]")
    return row


PRESETS = {
    "cifar10": preset(),
    "cifar100": preset(
        data="cifar100",
        generator_batch_normalization=True,
        loss="hinge",
        batch_size=256,
        epochs=50,
    ),
    "cars": preset(
        data="hub://activeloop/stanford-cars-train",
        image_size=[240, 360],
        flip=True,
        shuffle_window=8000,
        network="dcgan",
        filters=64,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        dropout=0.0,
        label_smoothing=0.1,
        epochs=800,
        learning_rate=1e-4,
        save_every=100,
    ),
    "folder": preset(
        data=None,
        image_size=[64, 64],
        flip=True,
        network="dcgan",
        filters=32,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        dropout=0.0,
    ),
    "mnist": preset(
        data="mnist",
        conditional=None,
        image_size=[28, 28],
        channels=1,
        network="dcgan",
        filters=32,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        dropout=0.0,
        augment=["noise"],
        augment_noise=0.1,
        batch_size=64,
        epochs=5,
        learning_rate=4e-4,
        averaging=0.999,
        save_every=1,
    ),
    # Made for four minutes of a laptop's CPU. D sees all pictures through noise, because without it D is soon sure of
    # everything, and all pictures of a class become copies of one another.
    "shapes": preset(
        data="shapes",
        conditional=True,
        network="smooth",
        filters=32,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        augment=["noise"],
        augment_noise=0.1,
        label_smoothing=0.1,
        batch_size=32,
        epochs=10,
        learning_rate=4e-4,
        averaging=0.999,
    ),
    # None: it depends on the pictures and the machine. See `ON_A_CPU` and `ON_A_GPU`.
    "modern": preset(
        flip=True,
        conditional=None,
        network=None,
        noise_size=128,
        filters=None,
        generator_batch_normalization=None,
        dropout=0.0,
        loss=None,
        batch_size=None,
        learning_rate=None,
        generator_learning_rate=None,
        beta_1=0.0,
        beta_2=0.99,
        averaging=0.999,
    ),
}

# The values of `modern` that depend on the machine. In ten minutes a CPU shows the networks only few pictures: there
# a small G learns most from a D that was taught before the game. A GPU is fast enough for large networks and R3GAN's
# game.
ON_A_CPU = {
    "network": "taught",
    "filters": 32,
    "generator_batch_normalization": True,
    "loss": "hinge",
    "batch_size": 32,
    "learning_rate": 8e-4,
    "generator_learning_rate": 1.6e-3,
}
ON_A_GPU = {
    "network": "residual",
    "filters": 96,
    "generator_batch_normalization": False,
    "loss": "relativistic",
    "batch_size": 64,
    "learning_rate": 2e-4,
    "generator_learning_rate": 2e-4,
}


def main(names):
    """Print a table of the named presets, or of all presets."""
    # Imported here, as the tables above need nothing of the suite.
    from support.system.command_line import OneLineParser
    from support.system.errors import one_line_errors

    parser = OneLineParser("presets.py", description="Print the values of presets, a column for each.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PRESETS)} (all)")
    names = parser.parse_args(names).names or list(PRESETS)
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        parser.error(f"there is no preset {unknown[0]!r}; choose from {', '.join(PRESETS)}")
    widest = 120 if len(names) == 1 else 10  # so that all columns fit side by side

    def cell(value):
        return str(value) if len(str(value)) <= widest else str(value)[: widest - 1] + "…"

    rows = [["", *names], *([setting, *(cell(PRESETS[name][setting]) for name in names)] for setting in CLASSIC)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    with one_line_errors("presets.py"):
        for row in rows:
            print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
