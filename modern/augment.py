"""Augmentation: what keeps the discriminator from learning a few pictures by heart, or from being sure of everything.

    python -m modern.augment PICTURE    draws 32 views of a picture into augmented.png

With a few hundred pictures D soon knows each of them, calls everything else fake, and G learns nothing more. Showing D
other views of the real pictures alone does not help: G would learn to paint the views too, shifted and half covered.
DiffAugment (Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 3.3) lets D see *only* views, of real and of
fake pictures alike, in its own turn and in G's: whatever the views hide, both players are judged on the same. In G's
turn the gradient must find its way back through the view to G, so each view is made of differentiable arithmetic.

Noise is a view, too, and helps against something else. Real and generated pictures have nothing in common that D could
not tell apart by some detail, so it becomes sure of every one, and G ends at the few pictures to which D objects least.
Seen through noise they overlap, D stays unsure, and the game goes on (Arjovsky and Bottou 2017,
https://arxiv.org/abs/1701.04862, section 3; Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 3.2).

D carries the layer as its first one, so that no picture gets past it. Without training it does nothing.
"""

import keras
from keras import layers, ops

KINDS = ("color", "translation", "cutout", "noise")
FOR_FEW_PICTURES = KINDS[:3]
NOISE = 0.2  # standard deviation, where pictures reach from -1 to 1


class Augmentation(layers.Layer):
    """Show each picture of a batch in a random view of its own; only in training.

    The magnitudes of the first three are those of the paper's own code, and hold for any height and width:

    - `color`: brightness plus -0.5 to 0.5; then saturation times 0 to 2; then contrast times 0.5 to 1.5.
    - `translation`: moved by up to an eighth of the height and of the width; what comes in is 0, mid grey.
    - `cutout`: a window of half the height and half the width, centred anywhere, is 0.
    - `noise`: every number plus one from a normal distribution of standard deviation `noise_deviation`. With more of it
      D stays unsure for longer, and sees less of fine detail.

    Args:
        kinds: Which of these, a list of their names; they are applied in the order above.
        noise_deviation: How strong the noise is, above 0.
        seed: Where the random numbers begin. Their state is a variable of the layer, so a checkpoint holds it.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1]; a fourth channel, alpha, keeps its values.

    Output shape:
        The same. Colours may leave [-1, 1]: clipping would stop the gradient.

    Raises:
        ValueError: If a kind is unknown.

    Example:
        >>> Augmentation(["translation"])(ops.ones((1, 8, 8, 3)), training=False).shape
        (1, 8, 8, 3)
    """

    def __init__(self, kinds=FOR_FEW_PICTURES, noise_deviation=NOISE, seed=None, **layer_arguments):
        super().__init__(**layer_arguments)
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"there is no augmentation {unknown[0]!r}; choose from {', '.join(KINDS)}")
        self.kinds = [kind for kind in KINDS if kind in kinds]
        self.noise_deviation = noise_deviation
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=None):
        if training:
            for kind in self.kinds:
                pictures = getattr(self, kind)(pictures)
        return pictures

    def uniform(self, pictures, low, high):
        """One random number for each picture, `(b, 1, 1, 1)`, evenly from `low` to `high`."""
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        return keras.random.uniform(shape, low, high, dtype=pictures.dtype, seed=self.seed_generator)

    def whole_number(self, pictures, low, high):
        """One random whole number for each picture, `(b, 1, 1)`, from `low` to `high`, both included."""
        shape = (ops.shape(pictures)[0], 1, 1)
        return keras.random.randint(shape, low, high + 1, dtype="int32", seed=self.seed_generator)

    def color(self, pictures):
        """Change brightness, then saturation, then contrast."""
        colours, alpha = pictures[..., :3], pictures[..., 3:]
        colours = colours + self.uniform(pictures, -0.5, 0.5)
        grey = ops.mean(colours, axis=3, keepdims=True)
        colours = grey + (colours - grey) * self.uniform(pictures, 0.0, 2.0)
        average = ops.mean(colours, axis=(1, 2, 3), keepdims=True)
        colours = average + (colours - average) * self.uniform(pictures, 0.5, 1.5)
        return ops.concatenate([colours, alpha], axis=3)

    def translation(self, pictures):
        """Move each picture down or up, and right or left.

        A row of the result is the row `down` above it: a product with a matrix of zeros and ones, whose gradient every
        backend knows. Where there is no such row the matrix has only zeros, and the result is 0.
        """
        _, height, width, _ = pictures.shape
        most_down, most_right = int(height / 8 + 0.5), int(width / 8 + 0.5)
        down = self.whole_number(pictures, -most_down, most_down)
        right = self.whole_number(pictures, -most_right, most_right)
        rows, columns = ops.arange(height), ops.arange(width)
        take_row = ops.cast(rows[:, None] - down == rows[None, :], pictures.dtype)  # (b, to, from)
        take_column = ops.cast(columns[:, None] - right == columns[None, :], pictures.dtype)
        pictures = ops.einsum("btf,bfwc->btwc", take_row, pictures)
        return ops.einsum("btf,bhfc->bhtc", take_column, pictures)

    def cutout(self, pictures):
        """Set a window of half the height and half the width to 0."""
        _, height, width, _ = pictures.shape
        inside_rows = self.window(pictures, height)[:, :, None, None]
        inside_columns = self.window(pictures, width)[:, None, :, None]
        return pictures * (1.0 - inside_rows * inside_columns)

    def noise(self, pictures):
        """Add a random number to each pixel's colours."""
        colours, alpha = pictures[..., :3], pictures[..., 3:]
        deviation, shape = self.noise_deviation, ops.shape(colours)
        added = keras.random.normal(shape, stddev=deviation, dtype=pictures.dtype, seed=self.seed_generator)
        return ops.concatenate([colours + added, alpha], axis=3)

    def window(self, pictures, side):
        """Mark half of a side, `(b, side)`: 1 inside the window, 0 outside; its centre is anywhere from 0 to `side`."""
        length = int(side / 2 + 0.5)
        centre = self.whole_number(pictures, 0, side - length % 2)[:, :, 0]
        first = centre - length // 2
        places = ops.arange(side)[None, :]
        return ops.cast(ops.logical_and(places >= first, places < first + length), pictures.dtype)


if __name__ == "__main__":
    import sys

    import numpy as np

    from defDATA import to_floats
    from support.data.picture_files import decode_picture
    from support.drawing.grid import picture_grid, save_image, to_uint8

    with open(sys.argv[1], "rb") as file:
        picture = decode_picture(file.read(), 96, 96, 3)
    batch = np.repeat(to_floats(picture)[None], 32, axis=0)
    save_image(picture_grid(to_uint8(Augmentation(seed=0)(batch, training=True)), columns=8), "augmented.png")
    print("wrote augmented.png: 32 views of", sys.argv[1])
