"""A discriminator with a trained part: the eye learns to classify pictures, is frozen, and small branches judge.

    python -m modern.taught             prints its summary

At the start of the classic game neither player knows anything about pictures. D must learn what pictures are made of
while G, which learns only from D, draws noise; most of the first minutes are spent on that. Sauer et al. 2021
(https://arxiv.org/abs/2111.01007, "Projected GANs") gave D a network that was trained on other pictures, with frozen
weights. It needed a fortieth of the pictures that other GANs need for the same result. Here nothing is downloaded: the
network is the eye of modern/eye.py. It learns for a minute or two from the pictures of the run, then it is frozen.

In the game only D's branches learn: one branch on each of the eye's maps, and one on the picture itself. The last one
is needed because the eye ignores what does not help to tell classes apart, for example fine texture. Without this
branch nothing in D would see wrong texture, and G would not learn to draw it right.
"""

import time

import keras
import numpy as np
from keras import layers, ops

import discri_keras
from modern.eye import build_eye, teach
from modern.sketching import sketching_generator
from support.models.on_device import predict_on_batch, train_on_batch

BRANCH_FILTERS = 32
BOUND = 2.0  # largest singular value of a branch's kernels


def largest_singular_value(kernel, steps=4):
    """Estimate how much a kernel can stretch a vector: its largest singular value, by the power method.

    Args:
        kernel: `(..., inputs, outputs)`; all axes but the last count as one, as in Miyato et al. 2018, section 2.
        steps: Each step squares the matrix: after 4 steps (W^T W)^(2^4) has almost only its first direction left.

    Returns:
        A float32 number. Its gradient goes to `kernel` through the product with the two vectors; the vectors themselves
        count as constants.
    """
    matrix = ops.reshape(ops.cast(kernel, "float32"), (-1, kernel.shape[-1]))  # (k, outputs)
    power = ops.stop_gradient(ops.matmul(ops.transpose(matrix), matrix))
    for _ in range(steps):
        power = power / (ops.max(ops.abs(power)) + 1e-12)  # keeps the numbers within what float32 can hold
        power = ops.matmul(power, power)
    right = ops.sum(power, axis=1)  # the product with a vector of ones
    right = right / (ops.norm(right) + 1e-12)
    left = ops.matmul(ops.stop_gradient(matrix), right[:, None])[:, 0]
    left = left / (ops.norm(left) + 1e-12)
    return ops.sum(left * ops.matmul(matrix, right[:, None])[:, 0])


class SpectralConv2D(layers.Conv2D):
    """A convolution that scales its kernel so that the largest singular value is `BOUND`.

    Without a bound, a D with a trained eye is soon sure of everything, and G learns nothing (Miyato et al. 2018,
    https://arxiv.org/abs/1802.05957). Their bound is 1. Here few layers follow the eye, and each LeakyReLU multiplies
    values below 0 by a fifth: with 1 the logits would stay below the margin of the hinge loss. Only the kernel's
    direction counts; as the kernel grows in training, the steps in direction become smaller. The singular value is
    computed in each call and nothing is stored. `keras.layers.SpectralNormalization` would write into D's kernel also
    in G's turn, where D must not change.
    """

    def __init__(self, filters, kernel_size, **arguments):
        small = keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")  # small: makes the first steps large
        super().__init__(filters, kernel_size, kernel_initializer=small, **arguments)

    def convolution_op(self, inputs, kernel):
        stretch = ops.cast(largest_singular_value(kernel), kernel.dtype)
        return super().convolution_op(inputs, BOUND * kernel / (stretch + 1e-12))


def branch(features, name, halvings, dropout, class_count, class_number):
    """Build one branch: it judges one of the eye's maps, or the picture.

    Args:
        features: Tensor `(b, height, width, channels)`.
        name: Beginning of the layers' names.
        halvings: How often the map is halved before it is judged.
        dropout: Share of the last features that is set to 0 at random in training.
        class_count: Number of classes, 0 without.
        class_number: Keras input `(b, 1)`, int32; it is not used without classes.

    Returns:
        The branch's logit `(b, 1)`.
    """
    for step in range(1, halvings + 1):
        features = SpectralConv2D(BRANCH_FILTERS, 4, strides=2, padding="same", name=f"{name}_halve_{step}")(features)
        features = layers.LeakyReLU(0.2, name=f"{name}_halve_{step}_activation")(features)
    features = SpectralConv2D(BRANCH_FILTERS, 3, padding="same", name=f"{name}_look")(features)  # (b, 4, 4, 32)
    features = layers.LeakyReLU(0.2, name=f"{name}_look_activation")(features)
    if dropout:
        features = layers.Dropout(dropout, name=f"{name}_dropout")(features)
    logit = SpectralConv2D(1, features.shape[1:3], dtype="float32", name=f"{name}_map_logit")(features)
    logit = layers.Flatten(dtype="float32", name=f"{name}_logit")(logit)  # (b, 1)
    if not class_count:
        return logit
    # As in discri_keras.answer, but on the means: where the class is does not matter.
    means = layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_means")(features)  # (b, 32)
    small = keras.initializers.RandomNormal(stddev=0.1)
    vector = layers.Embedding(class_count, BRANCH_FILTERS, small, name=f"{name}_class_embedding")(class_number)
    vector = layers.Flatten(name=f"{name}_class_vector")(vector)  # (b, 32)
    match = layers.Dot(axes=1, dtype="float32", name=f"{name}_class_match")([means, vector])
    return layers.Add(dtype="float32", name=f"{name}_logit_of_class")([logit, match])


def taught_discriminator(
    height=32,
    width=32,
    channels=3,
    class_count=0,
    filters=32,
    dropout=0.0,
    batch_normalization=False,
    augmentation=None,
):
    """Build the discriminator with an eye. The eye has random weights until `modern.eye.teach` is called.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        class_count: Number of classes; 0 leaves the class input out.
        filters: Filters of the eye at half the picture's size, as many as G has there.
        dropout: Share of the last features that is set to 0 at random in training.
        batch_normalization: Must be False: this network has none.
        augmentation: A layer from pictures to pictures that comes first, as in modern/augment.py; or None.

    Input shape:
        Pictures `(b, height, width, channels)` in [-1, 1]; with classes also class numbers `(b, 1)`, int32.

    Output shape:
        Logits `(b, k)`, float32, one for each branch: above 0 for "rather real", below 0 for "rather fake". Each logit
        has its own loss, so every branch must learn. With one loss of their sum, a branch could rely on another one.

    Returns:
        A `keras.Model`, whose layer "eye" is frozen.

    Raises:
        ValueError: If a side is below 8, or batch normalization is asked for.
    """
    if batch_normalization:
        raise ValueError("the taught discriminator has no batch normalization, received batch_normalization=True")
    inputs = discri_keras.picture_and_class(height, width, channels, class_count)  # shapes below: 32x32
    pictures = augmentation(inputs[0]) if augmentation else inputs[0]
    eye = build_eye(height, width, channels, filters)
    eye.trainable = False  # for ever, and before anything is compiled: training never changes it
    halvings = discri_keras.halvings(height, width)
    logits = [
        branch(features, f"branch_{number}", halvings - number, dropout, class_count, inputs[-1])
        for number, features in enumerate([pictures, *eye(pictures)])
    ]
    logits = layers.Concatenate(dtype="float32", name="logits")(logits)  # (b, 4)
    return keras.Model(inputs if class_count else inputs[0], logits, name="discriminator")


def teach_discriminator(discriminator, pictures, settings, may_go_on, say):
    """Teach the eye of a discriminator before the first step.

    Args:
        discriminator: What `taught_discriminator` built; this sets the weights of its eye.
        pictures: `defDATA.Pictures`.
        settings: The run's settings; it reads `conditional`, `lesson_steps`, `flip`, `seed` and `dry_run`.
        may_go_on: Function called before each step of the lesson; the lesson ends when it returns False.
        say: Function that prints a line; it is called before and after the lesson.
    """
    classes = pictures.labels if settings["conditional"] else None
    steps = 2 if settings["dry_run"] else settings["lesson_steps"]
    what = "how pictures were turned" if classes is None else "their classes"
    say(f"lesson    D's eye learns to tell {what} before the game, {steps:,} steps at most")
    start = time.monotonic()
    made, share = teach(
        discriminator.get_layer("eye"),
        pictures.images,
        classes,
        steps=steps,
        flip=settings["flip"],
        seed=settings["seed"],
        may_go_on=may_go_on,
    )
    end = "over after" if may_go_on() else "cut short after"  # by Ctrl-C, or so that time is left for the game
    say(f"lesson    {end} {made:,} steps, {time.monotonic() - start:.0f} s: {share:.0%} told right")


def play_step(players, real, classes, noise, check=None):
    """Play one step in which D sees real and generated pictures in one call, and learns once.

    Arguments and results are those of `train.play_step`, where D learns twice. This D has no batch normalization in
    training, so real and generated pictures do not influence each other. Measured on CIFAR-10, ten minutes on two
    cores, seed 0: a quick distance of 0.041; with two updates of D at half the learning rate it is 0.050. The step is
    also a tenth shorter.
    """
    fake, count = predict_on_batch(players.fake_maker, with_classes(noise[0], classes)), real.shape[0]
    is_real, is_fake = np.ones((count, 1), "float32"), np.zeros((count, 1), "float32")

    # (1) D: minimise max(0, 1 - D(x)) + max(0, 1 + D(G(z)))
    both = ops.concatenate([real, fake])
    inputs = with_classes(both, None if classes is None else ops.concatenate([classes, classes]))
    on_both = train_on_batch(players.discriminator, inputs, np.concatenate([is_real, is_fake]))
    if check:
        check.moved(players.discriminator)

    # (2) G: maximise D(G(z)), so that D calls its pictures real. D does not change.
    on_generated = train_on_batch(players.combined, with_classes(noise[1], classes), is_real)
    if check:
        check.moved(players.generator)
    measured = (on_both["loss"], on_generated["loss"], on_both["d_of_real"], on_both["d_of_fake"])
    return (*measured, on_generated["d_of_generated"]), fake


def with_classes(inputs, classes):
    """Return a network's inputs: alone, or with class numbers if there are any."""
    return inputs if classes is None else [inputs, classes]


# The row of these networks, as train.NETWORKS explains it. The relativistic loss cannot pair several logits.
NETWORK = {
    "generator": sketching_generator,
    "discriminator": taught_discriminator,
    "says": "D is taught to see before the game",
    "settings": ["lesson_steps"],
    "refuses": ["discriminator_batch_normalization"],
    "refuses_losses": ["relativistic"],
    "lesson": teach_discriminator,
    "play_step": play_step,
}


if __name__ == "__main__":
    taught_discriminator(class_count=10).summary(expand_nested=True)
