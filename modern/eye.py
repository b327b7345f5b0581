"""The eye: a network that learns features of pictures from the run's own pictures.

    python -m modern.eye                teaches an eye on the built-in shapes, and prints how many it names right

A network that can classify pictures computes useful maps of them: edges, colours, parts. The eye learns this in a
minute or two, without a download. Its lesson is to tell the pictures' classes. A run without classes has another
lesson: to tell how a picture was turned (Gidaris et al. 2018, https://arxiv.org/abs/1803.07728). For that the eye must
know what is above and what is below. modern/taught.py explains how the eye is used.
"""

import collections

import keras
import numpy as np
from keras import layers

import defDATA
import discri_keras
from support.models.on_device import to_numbers, train_on_batch

STEPS, BATCH_SIZE = 1500, 128  # of the lesson: almost four passes over CIFAR-10
ENOUGH, LOOK_BACK = 0.995, 50  # the lesson is over when this share of the answers in so many steps was right
TIMES_EACH = 20  # passes at most: with more, a small set is learnt by heart
HIGHEST_LEARNING_RATE, WARM_UP = 0.1, 0.2  # WARM_UP: the highest rate is reached after this share of the steps
MOMENTUM, WEIGHT_DECAY, LABEL_SMOOTHING = 0.9, 5e-4, 0.1
TURNS = 4  # by 0, 90, 180 and 270 degrees


def build_eye(height=32, width=32, channels=3, filters=32):
    """Build the eye: strided convolutions with batch normalization, and one output map for each size.

    Args:
        height: Height of the pictures in pixels, at least 8.
        width: Width of the pictures in pixels, at least 8.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        filters: Filters at half the picture's size. Each halving doubles them, up to 8 times; the second smallest map
            has twice as many again.

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
        if step == halvings - 1:  # one more convolution, at a small size where it is cheap: (b, 8, 8, 128)
            features = convolve(features, 2 * step_filters, 3, 1, "look")
        maps.append(features)
    return keras.Model(picture, maps, name="eye")


def lesson(images, classes, batch_size, flip, random):
    """Yield the batches of the lesson, without end.

    Args:
        images: uint8 pictures `(n, height, width, channels)`.
        classes: Their class numbers `(n,)`; or None: then the pictures' middle squares are used, turned at random.
        batch_size: Pictures in a batch, at most `n`.
        flip: Whether half of them are mirrored.
        random: A `numpy.random.Generator`.

    Yields:
        `(pictures, answers)`: float32 `(b, height, width, channels)` in [-1, 1], and int `(b,)`: the class numbers, or
        the number of quarter turns of each picture.
    """
    side = min(images.shape[1:3])
    top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            chosen = np.sort(order[start : start + batch_size])  # sorted: faster for pictures on disk
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


def teach(eye, images, classes, steps=STEPS, flip=False, seed=0, may_go_on=lambda: True):
    """Teach a copy of an eye, then give the eye the weights that the copy has learnt.

    Because only a copy is trained, a frozen eye stays frozen: no `trainable` flag and no compiled model changes.

    Args:
        eye: What `build_eye` built, alone or as a part of a discriminator; its weights are set.
        images: uint8 pictures `(n, height, width, channels)`: an array, or an object that supports `images[positions]`.
        classes: Their class numbers `(n,)`; or None: the eye learns to tell how a picture was turned.
        steps: How many batches of 128, at most. A small set gets fewer: each picture is seen at most `TIMES_EACH`
            times. The lesson also ends when nothing is left to learn: see `ENOUGH`.
        flip: Whether half of the pictures are mirrored.
        seed: For the order of the pictures.
        may_go_on: Function called before each step; the lesson ends when it returns False.

    Returns:
        `(steps, share)`: the number of steps made, and the share of right answers in the last 50 of them, or in all,
        if there were fewer.
    """
    height, width, channels = eye.inputs[0].shape[1:]
    if classes is None:
        height = width = min(height, width)  # an eye has only convolutions, so its weights fit any size
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
    made, latest = 0, collections.deque(maxlen=LOOK_BACK)  # the shares of right answers in the latest batches
    batches = lesson(images, classes, batch_size, flip, np.random.default_rng([seed, 0, 7]))
    while made < steps and may_go_on():
        pictures, answers = next(batches)
        right = np.eye(answer_count, dtype="float32")[answers]
        latest.append(train_on_batch(learner, pictures, right)["accuracy"])
        made += 1
        if made % LOOK_BACK == 0 and np.mean(to_numbers(latest)) >= ENOUGH:
            break
    eye.set_weights(pupil.get_weights())
    return made, float(np.mean(to_numbers(latest))) if latest else 0.0


if __name__ == "__main__":
    shapes = defDATA.load_pictures("shapes", 32, 32, 3)
    made, share = teach(build_eye(), shapes.images, shapes.labels, steps=300)
    print(f"after {made} steps the eye names {share:.1%} of the shapes right")
