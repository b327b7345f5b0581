"""The presets: one row a system that train.py can train.

    python presets.py           prints every value of every preset, one column each
    python presets.py cars      prints the values of one

`cifar10`, `cifar100`, `cars` and `folder` are published systems, and their rows hold the published values. `mnist` is
the system of TensorFlow's tutorial, `shapes` and `modern` are ours.

Each row says only where it differs from `CLASSIC`, which is the published CIFAR-10 GAN: what a row does not name has
the value that stands in `CLASSIC`. Every value is also a flag: `--batch-size 64` changes `batch_size` for one run.
"""

import sys

CLASSIC = {
    # The pictures.
    "data": "cifar10",  # a name, or the path of pictures; None: it must be typed
    "image_size": [32, 32],  # height, width
    "channels": 3,  # 1 grey, 3 colour, 4 colour and alpha
    "fit": "cover",  # pictures of other proportions are scaled until they cover the size, and the centre is cut out
    "flip": False,  # True: half of the real pictures are mirrored, left to right
    "shuffle_window": 0,  # how far shuffling moves a picture; 0: anywhere
    "conditional": False,  # True: train on the classes, too. None: where there are any
    # The two networks.
    "network": "classic",  # a row of NETWORKS in train.py; None: the machine's, as below
    "noise_size": 100,  # z: how many random numbers make one picture
    "filters": 128,  # how wide the networks are
    "generator_batch_normalization": False,
    "discriminator_batch_normalization": False,
    "dropout": 0.4,  # in the discriminator
    "augment": None,  # random changes before D. None: color, translation and cutout below 2,000 pictures, else none
    "augment_noise": 0.2,  # if noise is among these: its standard deviation, where pictures reach from -1 to 1
    "mixed_precision": False,  # True: compute in bfloat16. None: where this machine gains from it
    # The game.
    "loss": "bce",  # a row of LOSSES in train.py
    "label_smoothing": 0.0,  # 0.1: D's target for real pictures is 0.9
    "batch_size": 128,  # real pictures in a step, and as many fakes
    "epochs": 200,  # an epoch is one pass over the real pictures
    "learning_rate": 2e-4,  # Adam's, of both players
    "generator_learning_rate": None,  # G's own; None: the same
    "beta_1": 0.5,  # Adam's memory of the gradient; Keras' default of 0.9 makes the game oscillate
    "beta_2": 0.999,  # Adam's memory of the gradient's size
    "averaging": 0.0,  # 0.999: draw with G's weights averaged over about 1,000 steps; 0: with the last ones
    "slope_weight": 1.0,  # with the relativistic loss: gamma, the price of D's steepness
    "slope_of_one_in": 4,  # with the relativistic loss: the steepness is measured at one pair in so many
    "lesson_steps": 1500,  # with the taught network: batches from which D's eye learns before the first step
    # What is written.
    "save_every": 10,  # epochs from one generator file, and checkpoint, to the next
    "plot_every": 1,  # epochs from one sample plot to the next
    "score_every": 0,  # epochs from one score to the next; 0: never, because a score takes as long as some steps
}


def preset(**differences):
    """Make a preset's row: the values of `CLASSIC`, but for those that are given.

    Args:
        **differences: The values that differ, by the names that `CLASSIC` has.

    Returns:
        A dictionary from a setting's name to its value, with every name of `CLASSIC`.

    Raises:
        ValueError: If a name is not in `CLASSIC`: a misspelt one would change nothing.

    Example:
        >>> preset(epochs=50)["epochs"], preset(epochs=50)["batch_size"]
        (50, 128)
    """
    unknown = [name for name in differences if name not in CLASSIC]
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r}; choose from {', '.join(CLASSIC)}")
    return CLASSIC | differences


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
        image_size=[28, 28],
        channels=1,
        network="dcgan",
        filters=32,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        dropout=0.0,
        epochs=10,
        save_every=1,
    ),
    # What learns ten shapes fastest on a laptop's CPU: small networks, all classes told, D held back a little.
    "shapes": preset(
        data="shapes",
        conditional=True,
        network="dcgan",
        filters=32,
        generator_batch_normalization=True,
        discriminator_batch_normalization=True,
        label_smoothing=0.1,
        batch_size=64,
        epochs=22,
        learning_rate=4e-4,
        plot_every=2,
    ),
    # None: as the pictures and the machine are. See `ON_A_CPU` and `ON_A_GPU`.
    "modern": preset(
        flip=True,
        conditional=None,
        network=None,
        noise_size=128,
        filters=None,
        generator_batch_normalization=None,
        dropout=0.0,
        mixed_precision=None,
        loss=None,
        batch_size=None,
        learning_rate=None,
        generator_learning_rate=None,
        beta_1=0.0,
        beta_2=0.99,
        averaging=0.999,
    ),
}

# What `modern` leaves to the machine. A CPU shows few pictures to the networks in ten minutes: there a small G learns
# most from a D that was taught to see before the game. A GPU has time for large networks and R3GAN's game.
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
    """Print a table of the presets that are named, or of all."""
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        sys.exit(f"presets.py: there is no preset {unknown[0]!r}; choose from {', '.join(PRESETS)}")
    names = names or list(PRESETS)
    rows = [["", *names], *([setting, *(str(PRESETS[name][setting]) for name in names)] for setting in CLASSIC)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
