"""A generator that draws in two parts: a smooth sketch, and details (strokes) at the picture's full size.

    python -m modern.sketching          prints its summary

DCGAN's generator draws with a transposed convolution of stride 2: different parts of its kernel draw the four pixels of
each 2x2 square. Where these parts do not agree, the picture has a fine grid pattern, and training never removes it
completely. This generator avoids that:

- the sketch is drawn at half the size and enlarged smoothly (like the skip connections of Karras et al. 2020,
  https://arxiv.org/abs/1912.04958, section 4.1);
- the strokes start as features that are enlarged smoothly. Convolutions at full size, the same for every pixel, draw
  them (Odena et al. 2016, https://distill.pub/2016/deconv-checkerboard). They have few filters, because filters cost
  most at full size.

Up to half the size it is DCGAN's generator, with one difference: at every size the noise decides how the features are
scaled and shifted (`gene_keras.normalize_by_noise`). In DCGAN the noise enters only at the start.
"""

import keras
from keras import layers

import gene_keras

STROKE_FILTERS = 8


def sketch_and_strokes(features, channels, start_weights):
    """Draw the picture: the sum of a sketch and strokes.

    Args:
        features: Tensor `(b, height / 2, width / 2, filters)`.
        channels: Channels of the picture.
        start_weights: Initializer of the convolutions that see `features`.

    Returns:
        The picture `(b, height, width, channels)`, float32 in [-1, 1].
    """
    sketch = layers.Conv2D(  # (b, 16, 16, 3)
        channels, 1, kernel_initializer=start_weights, name="sketch_at_half_size"
    )(features)
    sketch = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="sketch")(sketch)  # (b, 32, 32, 3)
    strokes = layers.Conv2D(  # (b, 16, 16, 8)
        STROKE_FILTERS, 1, kernel_initializer=start_weights, name="strokes_at_half_size"
    )(features)
    strokes = layers.UpSampling2D(2, interpolation="bilinear", name="strokes_enlarged")(strokes)  # (b, 32, 32, 8)
    strokes = layers.Conv2D(STROKE_FILTERS, 3, padding="same", name="strokes_look")(strokes)  # (b, 32, 32, 8)
    strokes = layers.LeakyReLU(0.2, name="strokes_look_activation")(strokes)
    strokes = layers.Conv2D(channels, 3, padding="same", name="strokes")(strokes)  # (b, 32, 32, 3)
    both = layers.Add(dtype="float32", name="sketch_and_strokes")([sketch, strokes])
    return gene_keras.tanh(both)


def sketching_generator(
    height=32, width=32, channels=3, noise_size=128, class_count=0, filters=32, batch_normalization=True
):
    """Build the generator.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        noise_size: Length of the noise vector, z.
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters at half the picture's size; each smaller map has twice as many, up to 8 times.
        batch_normalization: Whether each hidden layer up to half the size is normalised over the batch. With it,
            classes and noise also enter there (`normalize_by_noise`); without it, they enter only at the start.

    Input shape:
        Noise `(b, noise_size)` from a standard normal distribution; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Pictures `(b, height, width, channels)`, float32 in [-1, 1].

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If a side is below 8.

    Example:
        >>> sketching_generator(240, 360).output_shape
        (None, 240, 360, 3)
    """
    small_weights = keras.initializers.RandomNormal(stddev=0.02)

    inputs, features = gene_keras.dcgan_features(  # (b, 16, 16, 32); shapes: 32x32
        height, width, noise_size, class_count, filters, batch_normalization, small_weights, by_noise=True
    )
    pictures = sketch_and_strokes(features, channels, small_weights)
    return keras.Model(inputs, gene_keras.crop_centre(pictures, height, width), name="generator")  # (b, 32, 32, 3)


if __name__ == "__main__":
    sketching_generator().summary()
