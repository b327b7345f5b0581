"""A discriminator that can see before the game begins: taught to name pictures, then frozen, and small branches judge.

    python taught_keras.py      teaches one on the built-in shapes, and says what it can name

At the start of the classic game both players are blind. D must find out what pictures are made of while G, which
learns from D alone, draws noise; in the first minutes most of the work is that. Sauer et al. 2021
(https://arxiv.org/abs/2111.01007, "Projected GANs") let D look through a network that was trained on other pictures,
with frozen weights, and reach with a fortieth of the pictures what others do. Here nothing is downloaded: the network,
called the eye, learns for a minute from the very pictures of the run to tell their classes; or, where these are not
to be used, how a picture was turned (Gidaris et al. 2018, https://arxiv.org/abs/1803.07728). Then it stands still.

What learns in the game is a branch on each of the eye's maps, and one on the picture itself: the eye has unlearnt what
does not tell classes apart, fine texture for one, and G would draw any texture that nobody looks at.
"""

import keras
import numpy as np
from keras import layers, ops

import defDATA
import discri_keras

STEPS, BATCH_SIZE = 1500, 128  # of the lesson: not quite four times all of CIFAR-10
TIMES_EACH = 20  # at most: a small set that is seen oftener is learnt by heart
HIGHEST_LEARNING_RATE, WARM_UP = 0.1, 0.2  # the second: the share of the steps after which it is reached
MOMENTUM, WEIGHT_DECAY, LABEL_SMOOTHING = 0.9, 5e-4, 0.1
TURNS = 4  # by 0, 90, 180 and 270 degrees
BRANCH_FILTERS = 32
BOUND = 2.0  # of a branch's kernels


def largest_singular_value(kernel, steps=4):
    """Estimate how much a kernel can stretch a vector: its largest singular value, by the power method.

    Args:
        kernel: `(..., inputs, outputs)`; all axes but the last count as one, as in Miyato et al. 2018, section 2.
        steps: Each doubles the exponent: W^T W to the power of 2^4 is close to its first direction alone.

    Returns:
        A float32 number. The gradient goes to `kernel` through the two vectors' product with it, not through the
        vectors.
    """
    matrix = ops.reshape(ops.cast(kernel, "float32"), (-1, kernel.shape[-1]))  # (k, outputs)
    power = ops.stop_gradient(ops.matmul(ops.transpose(matrix), matrix))
    for _ in range(steps):
        power = power / (ops.max(ops.abs(power)) + 1e-12)  # else it would leave what float32 can hold
        power = ops.matmul(power, power)
    right = ops.sum(power, axis=1)  # applied to a vector of ones
    right = right / (ops.norm(right) + 1e-12)
    left = ops.matmul(ops.stop_gradient(matrix), right[:, None])[:, 0]
    left = left / (ops.norm(left) + 1e-12)
    return ops.sum(left * ops.matmul(matrix, right[:, None])[:, 0])


class SpectralConv2D(layers.Conv2D):
    """A convolution whose kernel is scaled until its largest singular value is `BOUND`: no layer stretches much more.

    Without a bound a D that looks through a trained eye is soon sure of everything, and G is told nothing (Miyato et
    al. 2018, https://arxiv.org/abs/1802.05957). Theirs is 1. Here few layers follow the eye, and each LeakyReLU leaves
    a fifth of what is below 0: with 1 the answers stay fainter than the margin that the hinge loss asks for. Only the
    kernel's direction counts; as it grows in training the steps in direction become smaller. The singular value is
    computed anew each time and nothing is stored, unlike in `keras.layers.SpectralNormalization`, which writes into
    the kernel while D is only asked, in G's turn too.
    """

    def __init__(self, filters, kernel_size, **arguments):
        small = keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")  # small: the first steps are large
        super().__init__(filters, kernel_size, kernel_initializer=small, **arguments)

    def convolution_op(self, inputs, kernel):
        stretch = ops.cast(largest_singular_value(kernel), kernel.dtype)
        return super().convolution_op(inputs, BOUND * kernel / (stretch + 1e-12))


def build_eye(height=32, width=32, channels=3, filters=32):
    """Build the network that is taught: strided convolutions with batch normalization, a map of each size.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        filters: Filters at half the picture's size; each smaller map has twice as many, up to 8 times.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1].

    Output shape:
        A list of maps, the largest first: for 32x32 `(b, 16, 16, 32)`, `(b, 8, 8, 128)`, `(b, 4, 4, 128)`.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If a side is below 8.
    """
    picture = keras.Input((height, width, channels), name="picture")

    def convolve(features, count, kernel, stride, name):
        features = layers.Conv2D(count, kernel, strides=stride, padding="same", name=name)(features)
        features = layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(features)
        return layers.LeakyReLU(0.1, name=f"{name}_activation")(features)

    features, maps = picture, []
    halvings = discri_keras.halvings(height, width)
    for step in range(1, halvings + 1):
        step_filters = filters * min(2 ** (step - 1), 8)
        features = convolve(features, step_filters, 4, 2, f"halve_{step}")  # (b, 16, 16, 32), (8, 8, 64), (4, 4, 128)
        if step == halvings - 1:  # one more look, where it is cheap and the map is still wide: (b, 8, 8, 128)
            features = convolve(features, 2 * step_filters, 3, 1, "look")
        maps.append(features)
    return keras.Model(picture, maps, name="eye")


def taught_discriminator(
    height=32,
    width=32,
    channels=3,
    class_count=0,
    filters=32,
    dropout=0.0,
    augmentation=None,
):
    """Build the discriminator that looks through an eye. The eye's weights are random until `teach` was called.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        class_count: Number of classes; 0 leaves the class input out.
        filters: The eye's at half the picture's size, as G's.
        dropout: Share of the last features that is set to 0 at random in training.
        augmentation: A layer from pictures to pictures that comes first, as in augment_keras.py; or None.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1]; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Logits `(b, k)`, float32, one of each branch: above 0 for "rather real", below 0 for "rather fake". Each has
        its own loss: their sum in one would let a branch rest that another one speaks for.

    Returns:
        A `keras.Model`, whose layer "eye" is frozen.

    Raises:
        ValueError: If a side is below 8.
    """
    inputs = discri_keras.picture_and_class(height, width, channels, class_count)  # shapes below: 32x32
    pictures = augmentation(inputs[0]) if augmentation else inputs[0]
    eye = build_eye(height, width, channels, filters)
    eye.trainable = False  # for good, and before anything is compiled: its weights are only ever set
    logits = []
    for number, features in enumerate([pictures, *eye(pictures)]):
        name = f"branch_{number}"
        for step in range(1, discri_keras.halvings(height, width) - number + 1):
            features = SpectralConv2D(BRANCH_FILTERS, 4, strides=2, padding="same", name=f"{name}_halve_{step}")(
                features
            )
            features = layers.LeakyReLU(0.2, name=f"{name}_halve_{step}_activation")(features)
        features = SpectralConv2D(BRANCH_FILTERS, 3, padding="same", name=f"{name}_look")(features)  # (b, 4, 4, 32)
        features = layers.LeakyReLU(0.2, name=f"{name}_look_activation")(features)
        if dropout:
            features = layers.Dropout(dropout, name=f"{name}_dropout")(features)
        logit = SpectralConv2D(1, features.shape[1:3], dtype="float32", name=f"{name}_map_logit")(features)
        logit = layers.Flatten(dtype="float32", name=f"{name}_logit")(logit)  # (b, 1)
        if class_count:  # as in discri_keras.answer, but of the means: whether the class is there, not where
            means = layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_means")(features)  # (b, 32)
            small = keras.initializers.RandomNormal(stddev=0.1)
            vector = layers.Embedding(class_count, BRANCH_FILTERS, small, name=f"{name}_class_embedding")(inputs[1])
            vector = layers.Flatten(name=f"{name}_class_vector")(vector)  # (b, 32)
            match = layers.Dot(axes=1, dtype="float32", name=f"{name}_class_match")([means, vector])
            logit = layers.Add(dtype="float32", name=f"{name}_logit_of_class")([logit, match])
        logits.append(logit)
    logits = layers.Concatenate(dtype="float32", name="logits")(logits)  # (b, 4)
    return keras.Model(inputs if class_count else inputs[0], logits, name="discriminator")


def lesson(images, classes, batch_size, flip, random):
    """Give the batches of the lesson, without end.

    Args:
        images: uint8 pictures `(n, height, width, channels)`.
        classes: Their class numbers `(n,)`; or None: their middle squares come, turned at random.
        batch_size: Pictures in a batch, at most `n`.
        flip: Whether half of them are mirrored.
        random: A `numpy.random.Generator`.

    Yields:
        `(pictures, answers)`: float32 `(b, height, width, channels)` in [-1, 1], and int `(b,)`, the class numbers or
        by how many quarters each was turned.
    """
    side = min(images.shape[1:3])
    top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            chosen = np.sort(order[start : start + batch_size])  # sorted: pictures on disk are read in one go
            pictures = np.array(images[chosen])
            if classes is None:
                answers = random.integers(TURNS, size=batch_size)
                squares = pictures[:, top : top + side, left : left + side]
                pictures = np.stack([np.rot90(square, turn) for square, turn in zip(squares, answers, strict=True)])
            else:
                answers = np.asarray(classes)[chosen]
            if flip:
                mirrored = random.random(batch_size) < 0.5
                pictures[mirrored] = pictures[mirrored, :, ::-1]
            yield defDATA.to_floats(pictures), answers


def teach(discriminator, images, classes, steps=STEPS, flip=False, seed=0, may_go_on=lambda: True):
    """Teach the eye of a discriminator, in a network of its own; then set D's eye to what was learnt.

    So D has no `trainable` flag that changes: what is compiled stays as it was compiled.

    Args:
        discriminator: What `taught_discriminator` built; the weights of its eye are set.
        images: uint8 pictures `(n, height, width, channels)`: an array, or whatever `images[positions]` reads.
        classes: Their class numbers `(n,)`; or None: the eye learns to tell how a picture was turned.
        steps: How many batches of 128; fewer for a small set, which is seen at most `TIMES_EACH` times.
        flip: Whether half of the pictures are mirrored.
        seed: For the order of the pictures.
        may_go_on: Asked before each step; where it says False the lesson is over.

    Returns:
        `(steps, share)`: the steps that were made, and the share of the last tenth's pictures whose answer was right.
    """
    eye = discriminator.get_layer("eye")
    height, width, channels = eye.inputs[0].shape[1:]
    if classes is None:
        height = width = min(height, width)  # the same weights: an eye is convolutions alone
    pupil = build_eye(height, width, channels, eye.get_layer("halve_1").filters)
    answer_count = TURNS if classes is None else int(np.max(classes)) + 1
    means = layers.GlobalAveragePooling2D(name="means")(pupil.outputs[-1])  # (b, 128)
    answer = layers.Dense(answer_count, dtype="float32", activation="softmax", name="answer")(means)
    learner = keras.Model(pupil.inputs, answer, name="learner")

    batch_size = min(BATCH_SIZE, len(images))
    steps = max(1, min(steps, TIMES_EACH * len(images) // batch_size))
    warm_up = max(1, int(WARM_UP * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        HIGHEST_LEARNING_RATE / 10, steps - warm_up, warmup_target=HIGHEST_LEARNING_RATE, warmup_steps=warm_up
    )
    learner.compile(
        optimizer=keras.optimizers.SGD(rate, MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=["accuracy"],
    )
    made, share = 0, 0.0
    batches = lesson(images, classes, batch_size, flip, np.random.default_rng([seed, 0, 7]))
    while made < steps and may_go_on():
        if made == steps - max(1, steps // 10):
            learner.reset_metrics()
        pictures, answers = next(batches)
        right = np.eye(answer_count, dtype="float32")[answers]
        share = float(learner.train_on_batch(pictures, right, return_dict=True)["accuracy"])
        made += 1
    eye.set_weights(pupil.get_weights())
    return made, share


if __name__ == "__main__":
    shapes = defDATA.load_pictures("shapes", 32, 32, 3)
    discriminator = taught_discriminator(class_count=10)
    made, share = teach(discriminator, shapes.images, shapes.labels, steps=300)
    print(f"after {made} steps the eye names {share:.1%} of the shapes right; D's logits of three pictures:")
    print(discriminator.predict([defDATA.to_floats(shapes.images[:3]), np.asarray(shapes.labels[:3])], verbose=0))
