"""A generator that draws in two parts: a smooth sketch, and strokes over it at the picture's full size.

    python sketching_keras.py   prints its summary

DCGAN's generator draws with a transposed convolution of stride 2. Of each square of four pixels it draws every one with
another part of its kernel, and where these do not agree the picture has a fine weave, which no training quite removes.
Here nothing is drawn in that way:

- the sketch is drawn at half the size and enlarged smoothly (as the skip connections of Karras et al. 2020,
  https://arxiv.org/abs/1912.04958, section 4.1);
- the strokes begin as features that are enlarged smoothly, and are drawn by convolutions at full size, the same for
  every pixel (Odena et al. 2016, https://distill.pub/2016/deconv-checkerboard). They have few filters, as it is at full
  size that filters cost most.

Up to half the size it is DCGAN's generator, but that the noise has its say at every size, not at the start alone
(`gene_keras.normalize_and_modulate`).
"""

import keras
from keras import layers

import gene_keras

STROKE_FILTERS = 8


def sketch_and_strokes(features, channels, start_weights):
    """Draw the picture: the sum of a sketch and of strokes.

    Args:
        features: Tensor `(b, height / 2, width / 2, filters)`.
        channels: Of the picture.
        start_weights: Initializer of the convolutions that see `features`.

    Returns:
        The picture `(b, height, width, channels)`, float32 in [-1, 1].
    """
    # What ends in the picture is computed in float32: 8 bits of bfloat16 would show as bands of colour.
    sketch = layers.Conv2D(  # (b, 16, 16, 3)
        channels, 1, kernel_initializer=start_weights, dtype="float32", name="sketch_at_half_size"
    )(features)
    sketch = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name="sketch")(sketch)  # (b, 32, 32, 3)
    strokes = layers.Conv2D(  # (b, 16, 16, 8)
        STROKE_FILTERS, 1, kernel_initializer=start_weights, name="strokes_at_half_size"
    )(features)
    strokes = layers.UpSampling2D(2, interpolation="bilinear", name="strokes_enlarged")(strokes)  # (b, 32, 32, 8)
    strokes = layers.Conv2D(STROKE_FILTERS, 3, padding="same", name="strokes_look")(strokes)  # (b, 32, 32, 8)
    strokes = layers.LeakyReLU(0.2, name="strokes_look_activation")(strokes)
    strokes = layers.Conv2D(channels, 3, padding="same", dtype="float32", name="strokes")(strokes)  # (b, 32, 32, 3)
    both = layers.Add(dtype="float32", name="sketch_and_strokes")([sketch, strokes])
    return layers.Activation("tanh", dtype="float32", name="picture")(both)


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
        batch_normalization: Whether each hidden layer up to half the size is normalised over the batch. That is where
            classes and noise enter, as `gene_keras.normalize_and_modulate` says; without it, only at the start.

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
        height, width, noise_size, class_count, filters, batch_normalization, small_weights, noise_everywhere=True
    )
    pictures = sketch_and_strokes(features, channels, small_weights)
    return keras.Model(inputs, gene_keras.crop_centre(pictures, height, width), name="generator")  # (b, 32, 32, 3)


if __name__ == "__main__":
    sketching_generator().summary()
