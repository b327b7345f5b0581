"""The discriminator: it turns a picture into one number that says how real the picture looks.

    python discri_keras.py      prints the summary of the CIFAR-10 discriminator

The number is a logit: its sigmoid is the probability D(x) that the picture is real. The networks do not end in a
sigmoid layer, because the losses are exact on logits; with a sigmoid, a very sure answer could give log(0).

- `classic_discriminator`: strided convolutions, LeakyReLU, dropout.
- `dcgan_discriminator`: Radford et al. 2016 (https://arxiv.org/abs/1511.06434), batch normalization, no pooling.

Left out: pooling (strided convolutions learn what to keep) and a sigmoid (see above).

This file needs Keras and nothing else of the suite. Copied into another project, it works there.
"""

import math

import keras
from keras import layers


def halvings(height, width):
    """Count how often pictures are halved until the short side of the map is 4 to 6: three times from 32x32.

    The number is the same as the doublings of `gene_keras.starting_size`, so both players have maps of the same sizes.
    """
    if min(height, width) < 8:
        raise ValueError(f"pictures need a height and a width of at least 8 pixels, received {height}x{width}")
    count = 1
    while math.ceil(min(height, width) / 2 ** (count + 1)) >= 4:
        count += 1
    return count


def picture_and_class(height, width, channels, class_count):
    """Make the inputs: a list of a picture `(b, height, width, channels)` and, with classes, its number `(b, 1)`."""
    picture = keras.Input((height, width, channels), name="picture")
    if not class_count:
        return [picture]
    return [picture, keras.Input((1,), dtype="int32", name="class")]


def answer(inputs, features, class_count, **dense_arguments):
    """Turn a feature vector `(b, f)` into the logit `(b, 1)`; always in float32, also under mixed precision.

    With classes, the logit says whether the picture is a real one *of its class*: the scalar product of the features
    with a learnt vector of that class is added (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637, equation 4).
    """
    logit = layers.Dense(1, dtype="float32", name="logit", **dense_arguments)(features)  # (b, 1)
    if not class_count:
        return logit
    embedding = layers.Embedding(class_count, features.shape[-1], name="class_embedding")(inputs[1])  # (b, 1, f)
    embedding = layers.Flatten(name="class_vector")(embedding)  # (b, f)
    match = layers.Dot(axes=1, dtype="float32", name="class_match")([features, embedding])  # (b, 1)
    return layers.Add(dtype="float32", name="logit_of_class")([logit, match])  # (b, 1)


def classic_discriminator(
    height=32,
    width=32,
    channels=3,
    class_count=0,
    filters=128,
    dropout=0.4,
    batch_normalization=False,
    augmentation=None,
):
    """Build the CIFAR-10 discriminator: one convolution at full size, then strided ones, dropout, one unit.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters of the middle convolutions; the first has half as many, the last twice as many.
        dropout: Share of the last features that is set to 0 at random in training, 0 to below 1.
        batch_normalization: Whether each strided convolution is normalised over the batch.
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
        >>> classic_discriminator(32, 32).count_params()
        522497
    """
    inputs = picture_and_class(height, width, channels, class_count)  # shapes below: the 32x32 default
    pictures = augmentation(inputs[0]) if augmentation else inputs[0]  # (b, 32, 32, 3)
    features = layers.Conv2D(filters // 2, 3, padding="same", name="full_size")(pictures)  # (b, 32, 32, 64)
    features = layers.LeakyReLU(0.2, name="full_size_activation")(features)
    steps = halvings(height, width)
    for step in range(1, steps + 1):
        step_filters = 2 * filters if step == steps else filters
        features = layers.Conv2D(  # (b, 16, 16, 128), (b, 8, 8, 128), (b, 4, 4, 256)
            step_filters, 3, strides=2, padding="same", name=f"halve_{step}"
        )(features)
        if batch_normalization:
            features = layers.BatchNormalization(momentum=0.9, name=f"halve_{step}_normalization")(features)
        features = layers.LeakyReLU(0.2, name=f"halve_{step}_activation")(features)
    features = layers.Flatten(name="features")(features)  # (b, 4096)
    if dropout:
        features = layers.Dropout(dropout, name="dropout")(features)
    logit = answer(inputs, features, class_count)
    return keras.Model(inputs if class_count else inputs[0], logit, name="discriminator")  # (b, 1)


def dcgan_discriminator(
    height=64,
    width=64,
    channels=3,
    class_count=0,
    filters=64,
    dropout=0.0,
    batch_normalization=True,
    augmentation=None,
):
    """Build the DCGAN discriminator, scaled to the size: strided convolutions, batch normalization, LeakyReLU.

    Radford et al. 2016, section 3. As in the paper, the first layer is not normalised: normalization would remove the
    mean and contrast of the pictures. Call D on real and on fake pictures separately, so that each batch is normalised
    alone.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters at half the picture's size; each smaller map has twice as many, up to 8 times.
        dropout: Share of the last features that is set to 0 at random in training; the paper has none.
        batch_normalization: Whether each layer but the first is normalised over the batch.
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
        >>> dcgan_discriminator(240, 360).output_shape
        (None, 1)
    """
    small_weights = keras.initializers.RandomNormal(stddev=0.02)
    inputs = picture_and_class(height, width, channels, class_count)  # shapes below: the 64x64 default
    features = augmentation(inputs[0]) if augmentation else inputs[0]  # (b, 64, 64, 3)
    for step in range(1, halvings(height, width) + 1):
        step_filters = filters * min(2 ** (step - 1), 8)
        features = layers.Conv2D(  # (b, 32, 32, 64), (b, 16, 16, 128), (b, 8, 8, 256), (b, 4, 4, 512)
            step_filters, 4, strides=2, padding="same", kernel_initializer=small_weights, name=f"halve_{step}"
        )(features)
        if batch_normalization and step > 1:
            features = layers.BatchNormalization(momentum=0.9, name=f"halve_{step}_normalization")(features)
        features = layers.LeakyReLU(0.2, name=f"halve_{step}_activation")(features)
    features = layers.Flatten(name="features")(features)  # (b, 8192)
    if dropout:
        features = layers.Dropout(dropout, name="dropout")(features)
    logit = answer(inputs, features, class_count, kernel_initializer=small_weights)
    return keras.Model(inputs if class_count else inputs[0], logit, name="discriminator")  # (b, 1)


if __name__ == "__main__":
    classic_discriminator().summary()
