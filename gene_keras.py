"""The generator: it turns noise into pictures.

    python gene_keras.py        prints the summary of the CIFAR-10 generator

Three networks of plain Keras layers, for any height and width from 8 up:

- `classic_generator`: a dense layer, then transposed convolutions with LeakyReLU; with or without batch normalization.
- `dcgan_generator`: Radford et al. 2016 (https://arxiv.org/abs/1511.06434), batch normalization and ReLU throughout.
- `smooth_generator`: enlarges by interpolation, where the other two use transposed convolutions.

All start from a small map, ceil(size / 2^k) with a short side of 4 to 6. They double it k times and crop the centre.

In a transposed convolution, different parts of the kernel make the pixels beside each other. Until these parts agree
you see a checkerboard, and often a fine weave stays for good (https://distill.pub/2016/deconv-checkerboard). The kernel
(4) is a multiple of the stride (2), which avoids the worst of it. The smooth generator has no weave at all.

This file needs Keras and nothing else of the suite. Copied into another project, it works there.
"""

import math

import keras
from keras import layers


def classic_generator(
    height=32, width=32, channels=3, noise_size=100, class_count=0, filters=128, batch_normalization=False
):
    """Build the CIFAR-10 generator: dense, then transposed convolutions with LeakyReLU.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        noise_size: Length of the noise vector, z.
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters of each transposed convolution; the dense layer makes twice as many.
        batch_normalization: Whether each hidden layer is normalised over the batch.

    Input shape:
        Noise `(b, noise_size)` from a standard normal distribution; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Pictures `(b, height, width, channels)`, float32 in [-1, 1].

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If a side is below 8.

    Example:
        >>> classic_generator(32, 32).count_params()
        1466115
    """
    start_height, start_width, doublings = starting_size(height, width)

    def activate(features, name):
        if batch_normalization:
            features = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(features)
        return layers.LeakyReLU(0.2, name=f"{name}_activation")(features)

    inputs, vector = noise_and_class(noise_size, class_count)  # shapes below: the 32x32 default
    features = layers.Dense(start_height * start_width * 2 * filters, name="start")(vector)  # (b, 4096)
    features = activate(features, "start")
    features = layers.Reshape((start_height, start_width, 2 * filters), name="start_map")(features)  # (b, 4, 4, 256)
    for step in range(1, doublings + 1):
        features = layers.Conv2DTranspose(  # (b, 8, 8, 128), (b, 16, 16, 128), (b, 32, 32, 128)
            filters, 4, strides=2, padding="same", name=f"double_{step}"
        )(features)
        features = activate(features, f"double_{step}")
    pictures = layers.Conv2D(channels, 3, padding="same", name="picture")(features)  # (b, 32, 32, 3)
    return keras.Model(inputs, crop_centre(tanh(pictures), height, width), name="generator")  # (b, 32, 32, 3)


def starting_size(height, width):
    """Compute the size of the first map, and how often it is doubled to reach the size of a picture.

    Args:
        height: Height of the finished picture in pixels, at least 8.
        width: Width of the finished picture in pixels, at least 8.

    Returns:
        `(start_height, start_width, doublings)`. `starting_size(32, 32)` is `(4, 4, 3)`, `starting_size(240, 360)`
        is `(4, 6, 6)`: 4x6 doubled six times is 256x384, and the centre 240x360 is kept.

    Raises:
        ValueError: If a side is below 8.
    """
    if min(height, width) < 8:
        raise ValueError(f"pictures need a height and a width of at least 8 pixels, received {height}x{width}")
    doublings = 1
    while math.ceil(min(height, width) / 2 ** (doublings + 1)) >= 4:
        doublings += 1
    return math.ceil(height / 2**doublings), math.ceil(width / 2**doublings), doublings


def noise_and_class(noise_size, class_count, joined=True):
    """Make the inputs, and the vector from which the picture is made.

    With classes, an embedding turns the class into a second vector, which is joined to the noise (Mirza and Osindero
    2014, https://arxiv.org/abs/1411.1784, section 3.2). With `joined` False it is not: the class then enters in later
    layers.

    Returns:
        `(inputs, vector)`: one Keras input or a list of two, and a tensor `(b, noise_size)` or `(b, 2 noise_size)`.
    """
    noise = keras.Input((noise_size,), name="noise")  # (b, z)
    if not class_count:
        return noise, noise
    class_number = keras.Input((1,), dtype="int32", name="class")  # (b, 1)
    if not joined:
        return [noise, class_number], noise
    embedding = layers.Embedding(class_count, noise_size, name="class_embedding")(class_number)  # (b, 1, z)
    embedding = layers.Flatten(name="class_vector")(embedding)  # (b, z)
    return [noise, class_number], layers.Concatenate(name="noise_and_class")([noise, embedding])  # (b, 2z)


def crop_centre(pictures, height, width):
    """Cut the centre `height` x `width` out of pictures; doubling may make them a little too large."""
    surplus_height, surplus_width = pictures.shape[1] - height, pictures.shape[2] - width
    top, left = surplus_height // 2, surplus_width // 2
    crop = ((top, surplus_height - top), (left, surplus_width - left))
    return layers.Cropping2D(crop, dtype="float32", name="crop")(pictures)


def tanh(pictures):
    """Bring pictures into [-1, 1], in float32 also under mixed precision.

    bfloat16 has 8 bits: a picture's values in it would show as bands of colour. Before tanh these bits are enough:
    their rounding changes a picture by at most 0.21 grey levels of 255.
    """
    return layers.Activation("tanh", dtype="float32", name="picture_tanh")(pictures)


def dcgan_features(height, width, noise_size, class_count, filters, batch_normalization, start_weights, by_noise=False):
    """Build the DCGAN generator up to half the picture's size.

    The arguments are those of `dcgan_generator` and two more: `start_weights`, the initializer of the kernels, and
    `by_noise`, whether the noise enters at every size (`normalize_by_noise`). With classes it always does.

    Returns:
        `(inputs, features)`: one Keras input or a list of two, and the last hidden map `(b, height / 2, width / 2,
        filters)`, or a little larger.
    """
    start_height, start_width, doublings = starting_size(height, width)
    widths = [filters * min(2 ** (doublings - 1 - step), 8) for step in range(doublings)]  # 512, 256, 128, 64
    by_noise = batch_normalization and (by_noise or bool(class_count))
    inputs, vector = noise_and_class(noise_size, class_count, joined=not by_noise)  # shapes: 64x64
    noise, class_number = inputs if class_count else (inputs, None)

    def activate(features, name):
        if by_noise:
            features = normalize_by_noise(features, name, noise, class_number, class_count)
        elif batch_normalization:
            features = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(features)
        return layers.ReLU(name=f"{name}_activation")(features)

    features = layers.Dense(  # (b, 8192)
        start_height * start_width * widths[0], kernel_initializer=start_weights, name="start"
    )(vector)
    features = layers.Reshape((start_height, start_width, widths[0]), name="start_map")(features)  # (b, 4, 4, 512)
    features = activate(features, "start")
    for step, step_filters in enumerate(widths[1:], start=1):
        features = layers.Conv2DTranspose(  # (b, 8, 8, 256), (b, 16, 16, 128), (b, 32, 32, 64)
            step_filters, 4, strides=2, padding="same", kernel_initializer=start_weights, name=f"double_{step}"
        )(features)
        features = activate(features, f"double_{step}")
    return inputs, features


def dcgan_generator(
    height=64, width=64, channels=3, noise_size=100, class_count=0, filters=64, batch_normalization=True
):
    """Build the DCGAN generator, scaled to the size: transposed convolutions, batch normalization, ReLU, tanh.

    Radford et al. 2016, section 3 and figure 1; the weights start from a normal distribution of deviation 0.02
    (section 4). The paper's network for 64x64 is `filters=128`; the default has half as many, as most code.
    Classes enter through batch normalization: see `normalize_by_noise`.

    The arguments, shapes and errors are those of `classic_generator`, but `filters` are those of the map of half the
    picture's size; each smaller map has twice as many, up to 8 times.

    Example:
        >>> dcgan_generator(240, 360).output_shape
        (None, 240, 360, 3)
    """
    small_weights = keras.initializers.RandomNormal(stddev=0.02)
    inputs, features = dcgan_features(
        height, width, noise_size, class_count, filters, batch_normalization, start_weights=small_weights
    )
    pictures = layers.Conv2DTranspose(  # (b, 64, 64, 3)
        channels,
        4,
        strides=2,
        padding="same",
        kernel_initializer=small_weights,
        name="picture",
    )(features)
    return keras.Model(inputs, crop_centre(tanh(pictures), height, width), name="generator")  # (b, 64, 64, 3)


def smooth_generator(
    height=32, width=32, channels=3, noise_size=100, class_count=0, filters=32, batch_normalization=True
):
    """Build a generator that enlarges by interpolation: its pictures have smooth areas and no weave.

    Odena et al. 2016 (https://distill.pub/2016/deconv-checkerboard): enlarge, and convolve with stride 1, so that every
    pixel is made by the same kernel. Here the convolution comes first, where the map is small and it costs a quarter.
    With `batch_normalization` the noise enters at every size but the last, with classes also the class
    (`normalize_by_noise`).

    The arguments, shapes and errors are those of `classic_generator`, but `filters` are those of the map of full size;
    each smaller map has twice as many, up to 4 times.

    Example:
        >>> smooth_generator(240, 360).output_shape
        (None, 240, 360, 3)
    """
    start_height, start_width, doublings = starting_size(height, width)
    widths = [filters * min(2 ** (doublings - step), 4) for step in range(doublings + 1)]  # 128, 128, 64, 32
    inputs, vector = noise_and_class(noise_size, class_count)  # shapes: the 32x32 default
    noise, class_number = inputs if class_count else (inputs, None)

    def activate(features, name):
        if batch_normalization and name != f"double_{doublings}":  # at full size it would cost a fifth of the time
            features = normalize_by_noise(features, name, noise, class_number, class_count)
        return layers.ReLU(name=f"{name}_activation")(features)

    features = layers.Dense(start_height * start_width * widths[0], name="start")(vector)  # (b, 2048)
    features = layers.Reshape((start_height, start_width, widths[0]), name="start_map")(features)  # (b, 4, 4, 128)
    features = activate(features, "start")
    for step, step_filters in enumerate(widths[1:], start=1):
        features = layers.Conv2D(step_filters, 3, padding="same", name=f"double_{step}")(features)
        features = layers.UpSampling2D(  # (b, 8, 8, 128), (b, 16, 16, 64), (b, 32, 32, 32)
            2, interpolation="bilinear", name=f"double_{step}_enlarged"
        )(features)
        features = activate(features, f"double_{step}")
    pictures = layers.Conv2D(channels, 3, padding="same", name="picture")(features)  # (b, 32, 32, 3)
    return keras.Model(inputs, crop_centre(tanh(pictures), height, width), name="generator")  # (b, 32, 32, 3)


def normalize_by_noise(features, name, noise, class_number=None, class_count=0):
    """Normalise over the batch, with a scale and a shift that the noise decides, and with classes also the class.

    So both have an effect at every size, from the layout to the texture. The class: Dumoulin et al. 2017
    (https://arxiv.org/abs/1610.07629), in a generator Miyato and Koyama 2018 (https://arxiv.org/abs/1802.05637). The
    noise: Chen et al. 2019 (https://arxiv.org/abs/1810.01365, "self-modulation"; here without their hidden layer). If
    only the class did it, the pictures of a class could become copies of one another.

    Args:
        features: Tensor `(b, height, width, filters)`.
        name: Beginning of the layers' names.
        noise: Keras input `(b, noise_size)`.
        class_number: Keras input `(b, 1)`, int32; or None.
        class_count: Number of classes; 0 for none.

    Returns:
        A tensor of the shape of `features`.
    """
    filters = features.shape[-1]
    features = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name=f"{name}_normalization")(
        features
    )
    scale = scale_or_shift(filters, f"{name}_scale", "ones", noise, class_number, class_count)
    scaled = layers.Multiply(name=f"{name}_scaled")([features, scale])
    shift = scale_or_shift(filters, f"{name}_shift", "zeros", noise, class_number, class_count)
    return layers.Add(name=f"{name}_shifted")([scaled, shift])


def scale_or_shift(filters, name, start, noise, class_number, class_count):
    """Make a number for each filter, from the noise and, if there are classes, from the class too.

    The weights for the noise are 0 at first. So each number is 1 (a scale) or 0 (a shift) before the first step.

    Args:
        filters: How many numbers.
        name: Beginning of the layers' names.
        start: "ones" or "zeros".
        noise: Keras input `(b, noise_size)`.
        class_number: Keras input `(b, 1)`, int32; or None.
        class_count: Number of classes; 0 for none.

    Returns:
        A tensor `(b, 1, 1, filters)`.
    """
    by_noise = {"kernel_initializer": "zeros", "name": f"{name}_by_noise"}
    if not class_count:
        numbers = layers.Dense(filters, bias_initializer=start, **by_noise)(noise)  # (b, filters)
        return layers.Reshape((1, 1, filters), name=f"{name}_of_noise")(numbers)
    numbers = layers.Dense(filters, use_bias=False, **by_noise)(noise)  # (b, filters)
    of_noise = layers.Reshape((1, 1, filters), name=f"{name}_of_noise")(numbers)
    numbers = layers.Embedding(class_count, filters, start, name=name)(class_number)  # (b, 1, filters): one row a class
    of_class = layers.Reshape((1, 1, filters), name=f"{name}_of_class")(numbers)
    return layers.Add(name=f"{name}_of_both")([of_class, of_noise])


if __name__ == "__main__":
    classic_generator().summary()
