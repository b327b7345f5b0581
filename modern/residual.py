"""Residual networks: each block adds something to its input, so the gradient has a direct way back.

    python -m modern.residual           prints the summaries of both players at 32x32

In a plain network each picture passes through every layer, and the gradient passes back through all of them. Here each
block has a direct way around its convolutions (He et al. 2016, https://arxiv.org/abs/1512.03385): the block enlarges or
halves its input map, and the convolutions add to it. The preset `modern` uses these networks for both players on a GPU.
On a CPU, in a few minutes, the smaller networks of gene_keras.py and discri_keras.py learn more.
"""

import keras
from keras import layers

import discri_keras
import gene_keras


def activate(features, batch_normalization, name):
    """Apply batch normalization (if it is wanted) and then the activation, before a convolution."""
    if batch_normalization:
        features = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(features)
    return layers.LeakyReLU(0.2, name=f"{name}_activation")(features)


def doubled(features, step, filters, batch_normalization):
    """Double a map `(b, height, width, ...)` to `(b, 2 height, 2 width, filters)`; `step` ends the layers' names."""
    # Like He's initializer, 2 / inputs; but only 4 of the 16 cells of a transposed kernel contribute to one pixel.
    keeps_variance = keras.initializers.VarianceScaling(2.0 * 4, "fan_out")
    straight = features
    if features.shape[-1] != filters:
        straight = layers.Conv2D(filters, 1, use_bias=False, name=f"straight_{step}")(straight)
    straight = layers.UpSampling2D(2, name=f"straight_{step}_doubled")(straight)
    added = activate(features, batch_normalization, f"double_{step}")
    added = layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", kernel_initializer=keeps_variance, name=f"double_{step}"
    )(added)
    added = activate(added, batch_normalization, f"refine_{step}")
    added = layers.Conv2D(filters, 3, padding="same", kernel_initializer=almost_zero(), name=f"refine_{step}")(added)
    return layers.Add(name=f"sum_{step}")([straight, added])


def halved(features, step, filters, batch_normalization):
    """Halve a map `(b, height, width, ...)` to `(b, height / 2, width / 2, filters)`; `step` ends the layers' names."""
    straight = layers.AveragePooling2D(2, padding="same", name=f"straight_{step}_halved")(features)
    if features.shape[-1] != filters:
        straight = layers.Conv2D(filters, 1, use_bias=False, name=f"straight_{step}")(straight)
    added = activate(features, batch_normalization, f"halve_{step}")
    added = layers.Conv2D(filters, 4, strides=2, padding="same", kernel_initializer="he_normal", name=f"halve_{step}")(
        added
    )
    added = activate(added, batch_normalization, f"refine_{step}")
    added = layers.Conv2D(filters, 3, padding="same", kernel_initializer=almost_zero(), name=f"refine_{step}")(added)
    return layers.Add(name=f"sum_{step}")([straight, added])


def almost_zero():
    """Make the initializer of a block's last convolution: at first a block is its straight way."""
    return keras.initializers.RandomNormal(stddev=1e-4)


def residual_generator(
    height=32, width=32, channels=3, noise_size=128, class_count=0, filters=64, batch_normalization=False
):
    """Build the residual generator: each doubling enlarges the map and adds the result of two convolutions.

    The addition gives the gradient a way around every convolution (He et al. 2016, https://arxiv.org/abs/1512.03385).
    The network trains without normalization because the second convolution of each block begins near zero: at first, at
    any depth, only the direct way counts (Zhang et al. 2019, https://arxiv.org/abs/1901.09321, section 3; as in R3GAN,
    https://arxiv.org/abs/2501.05441, section 3).

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        noise_size: Length of the noise vector, z.
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters at the picture's full size; each smaller map has twice as many, up to 8 times.
        batch_normalization: Whether the input of each convolution is normalised over the batch.

    Input shape:
        Noise `(b, noise_size)` from a standard normal distribution; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Pictures `(b, height, width, channels)`, float32 in [-1, 1].

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If a side is below 8.

    Example:
        >>> residual_generator(240, 360).output_shape
        (None, 240, 360, 3)
    """
    start_height, start_width, doublings = gene_keras.starting_size(height, width)
    widths = [filters * min(2 ** (doublings - step), 8) for step in range(doublings + 1)]  # 512, 256, 128, 64
    inputs, vector = gene_keras.noise_and_class(noise_size, class_count)  # shapes below: the 32x32 default
    features = layers.Dense(start_height * start_width * widths[0], name="start")(vector)  # (b, 8192)
    features = layers.Reshape((start_height, start_width, widths[0]), name="start_map")(features)  # (b, 4, 4, 512)
    for step, step_filters in enumerate(widths[1:], start=1):  # to (b, 8, 8, 256), (b, 16, 16, 128), (b, 32, 32, 64)
        features = doubled(features, step, step_filters, batch_normalization)
    features = activate(features, batch_normalization, "picture")
    pictures = layers.Conv2D(channels, 3, padding="same", name="picture")(features)  # (b, 32, 32, 3)
    pictures = gene_keras.crop_centre(gene_keras.tanh(pictures), height, width)
    return keras.Model(inputs, pictures, name="generator")  # (b, 32, 32, 3)


def residual_discriminator(
    height=32,
    width=32,
    channels=3,
    class_count=0,
    filters=64,
    dropout=0.0,
    batch_normalization=False,
    augmentation=None,
):
    """Build the residual discriminator: each halving averages squares of four pixels and adds two convolutions' result.

    See `residual_generator` for the papers, and for why the second convolution of a block begins near zero.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters at the picture's full size; each smaller map has twice as many, up to 8 times.
        dropout: Share of the last features that is set to 0 at random in training.
        batch_normalization: Whether the input of each convolution but the first is normalised over the batch.
        augmentation: A layer from pictures to pictures that comes first, as in modern/augment.py; or None.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1]; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Logits `(b, 1)`, float32: above 0 for "rather real", below 0 for "rather fake".

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If a side is below 8.

    Example:
        >>> residual_discriminator(240, 360).output_shape
        (None, 1)
    """
    inputs = discri_keras.picture_and_class(height, width, channels, class_count)  # shapes below: the 32x32 default
    features = augmentation(inputs[0]) if augmentation else inputs[0]  # (b, 32, 32, 3)
    features = layers.Conv2D(filters, 3, padding="same", name="full_size")(features)  # (b, 32, 32, 64)
    halvings = discri_keras.halvings(height, width)
    for step in range(1, halvings + 1):  # to (b, 16, 16, 128), (b, 8, 8, 256), (b, 4, 4, 512)
        step_filters = filters * min(2**step, 8)
        features = halved(features, step, step_filters, batch_normalization)
    features = layers.Flatten(name="features")(activate(features, batch_normalization, "features"))  # (b, 8192)
    if dropout:
        features = layers.Dropout(dropout, name="dropout")(features)
    logit = discri_keras.answer(inputs, features, class_count)
    return keras.Model(inputs if class_count else inputs[0], logit, name="discriminator")  # (b, 1)


# The row of these networks, as train.NETWORKS explains it.
NETWORK = {
    "generator": residual_generator,
    "discriminator": residual_discriminator,
    "says": "large, for a GPU",
    "settings": [],
    "refuses": [],
}


if __name__ == "__main__":
    residual_generator().summary()
    residual_discriminator().summary()
