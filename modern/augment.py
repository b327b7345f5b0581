"""Augmentation: random changes that keep D from learning a few pictures by heart, or from being sure of everything.

    python -m modern.augment [PICTURE]    draws 32 views of a picture into augmented.png

With a few hundred pictures D soon knows each of them and calls everything else fake. Then G learns nothing more. It
does not help to change only the real pictures: G would learn to draw the changes too (shifted pictures, half covered
ones). DiffAugment (Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 3.3) changes *all* pictures that D sees,
real and fake, in D's turn and in G's. Such a changed picture is called a view. In G's turn the gradient must pass
through the view back to G, so each view is made of differentiable arithmetic.

Noise is a view, too, and solves another problem. Some detail always tells real pictures from generated ones. So D
becomes sure of every picture, and G draws only the few pictures that D rejects least. With noise, real and generated
pictures overlap, D stays unsure, and G goes on learning (Arjovsky and Bottou 2017, https://arxiv.org/abs/1701.04862,
section 3; Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 3.2).

The layer is D's first one, so every picture passes through it. Outside of training it changes nothing.
"""

import keras
from keras import layers, ops

KINDS = ("color", "translation", "cutout", "noise")
FOR_FEW_PICTURES = KINDS[:3]
NOISE = 0.2  # standard deviation; pictures have values from -1 to 1


class Augmentation(layers.Layer):
    """Change each picture of a batch at random, each in another way; only in training.

    The strengths of the first three come from the paper's code, and fit any height and width:

    - `color`: brightness plus -0.5 to 0.5; then saturation times 0 to 2; then contrast times 0.5 to 1.5.
    - `translation`: moved by up to an eighth of the height and of the width; the empty border becomes 0, mid grey.
    - `cutout`: a window of half the height and half the width, centred anywhere, is 0.
    - `noise`: a random number is added to every value, from a normal distribution of standard deviation
      `noise_deviation`. With more noise D stays unsure for longer, but sees less fine detail.

    Args:
        kinds: List of the kinds to apply, by name; they are applied in the order above.
        noise_deviation: How strong the noise is, above 0.
        seed: Seed of the random numbers. Their state is a variable of the layer, so a checkpoint stores it.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1]; a fourth channel, alpha, keeps its values.

    Output shape:
        The same shape. Colours may leave [-1, 1]: clipping would stop the gradient.

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
        """Draw one random number for each picture, `(b, 1, 1, 1)`, uniformly from `low` to `high`."""
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        return keras.random.uniform(shape, low, high, dtype=pictures.dtype, seed=self.seed_generator)

    def whole_number(self, pictures, low, high):
        """Draw one random whole number for each picture, `(b, 1, 1)`, from `low` to `high`, both included."""
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

        Each row of the result is the row that was `down` rows above it. The code selects it by a product with a matrix
        of zeros and ones, because every backend knows the gradient of a product. Where no such row exists, the matrix
        has only zeros and the result is 0.
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
        """Mark a window of half a side, `(b, side)`: 1 inside, 0 outside. Its centre is anywhere from 0 to `side`."""
        length = int(side / 2 + 0.5)
        centre = self.whole_number(pictures, 0, side - length % 2)[:, :, 0]
        first = centre - length // 2
        places = ops.arange(side)[None, :]
        return ops.cast(ops.logical_and(places >= first, places < first + length), pictures.dtype)


if __name__ == "__main__":
    import sys

    import numpy as np
    from PIL import Image

    from defDATA import to_floats
    from support.data.decoding import fit_image
    from support.data.shapes import draw_shapes
    from support.drawing.grid import picture_grid, save_image, to_uint8

    if sys.argv[1:]:
        picture, name = fit_image(Image.open(sys.argv[1]), 96, 96, 3), sys.argv[1]
    else:
        picture, name = draw_shapes(4, 96, 96)[0][3], "a drawn star"
    batch = np.repeat(to_floats(picture)[None], 32, axis=0)
    save_image(picture_grid(to_uint8(Augmentation(seed=0)(batch, training=True)), columns=8), "augmented.png")
    print("wrote augmented.png: 32 views of", name)
