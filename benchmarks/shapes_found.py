"""Which of the ten kinds of shape does a generator draw? A classifier trained on real shapes counts them.

    python benchmarks/shapes_found.py runs/shapes/generator_e010.h5

The classifier learns from 20,000 drawn shapes (seed 1). It must name 99 % of 2,000 others (seed 2) right, and be sure
(90 % and more) of 99 %. The generator saw none of them (its own have seed 0). An unclear picture still gets a kind. So
the output also has the share of pictures of which the classifier is sure.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import keras
import numpy as np
from keras import layers

from defDATA import to_floats
from support.data.shapes import SHAPE_NAMES, draw_shapes

MOST_PASSES = 24  # of the classifier over its shapes
HIGHEST_LEARNING_RATE = 2e-3
SURE = 0.9  # the classifier's probability for its answer


def with_mirrored(images, labels):
    """Add each picture's mirror image, left to right, which keeps its label. Returns `(images, labels)`."""
    return np.concatenate([images, images[:, :, ::-1]]), np.concatenate([labels, labels])


def train_classifier(size, mirrored=False):
    """Train a classifier on real shapes. With `mirrored` it also learns mirror images, for generators that saw these.

    Only the crescent looks different when mirrored; a classifier that has not seen that takes it for a ring.
    """
    shown, held_out = draw_shapes(20_000, size, size, seed=1), draw_shapes(2_000, size, size, seed=2)
    if mirrored:
        shown, held_out = with_mirrored(*shown), with_mirrored(*held_out)
    return train_until_sure(*shown, *held_out)


def train_until_sure(images, labels, held_out, held_out_labels):
    """Train a small convolutional network until it names 99 % of held-out pictures right, and is sure of most.

    A classifier that is not sure of real pictures could not tell a good generated picture from a bad one.

    Args:
        images: uint8 pictures `(n, height, width, channels)`.
        labels: Their class numbers `(n,)`.
        held_out: The same of pictures that it does not learn from.
        held_out_labels: Their class numbers.

    Returns:
        A `keras.Model` that gives probabilities `(n, classes)`.
    """
    classifier = build_classifier(images.shape[1:])
    classifier.compile(keras.optimizers.Adam(HIGHEST_LEARNING_RATE), "sparse_categorical_crossentropy")
    for _ in range(MOST_PASSES):
        classifier.fit(to_floats(images), labels, batch_size=128, verbose=0)
        right, sure = right_and_sure(classifier, held_out, held_out_labels)
        if right >= 0.99 and sure >= 0.99:
            break
    refuse_a_bad_judge(right, sure, len(held_out), sure_of=0.99)
    return classifier


def build_classifier(shape):
    """Build the classifier, with random weights that are the same in each run, for pictures of this shape."""
    keras.utils.set_random_seed(0)
    classifier = keras.Sequential([keras.Input(shape)])
    for filters in (32, 64, 128):
        classifier.add(layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False))
        classifier.add(layers.BatchNormalization())
        classifier.add(layers.ReLU())
    classifier.add(layers.Flatten())
    classifier.add(layers.Dropout(0.3))
    classifier.add(layers.Dense(10, activation="softmax"))
    return classifier


def right_and_sure(classifier, images, labels):
    """Return which share of the pictures a classifier names right, and of which share it is sure."""
    answers = classifier.predict(to_floats(images), verbose=0)
    return (answers.argmax(axis=1) == labels).mean(), (answers.max(axis=1) > SURE).mean()


def refuse_a_bad_judge(right, sure, count, sure_of):
    """Say how good a classifier is; end the program if it is below 99 % of held-out pictures, or sure of too few."""
    if right < 0.99 or sure < sure_of:
        sys.exit(f"the classifier names {right:.2%} of the held-out pictures, sure of {sure:.2%}: it cannot judge")
    print(f"classifier: {right:.2%} of {count:,} held-out pictures, sure of {sure:.1%}")


def draw(generator, count):
    """Draw pictures, the classes of a conditional generator in turns. Returns floats `(count, height, width, 3)`."""
    noise = np.random.default_rng(0).standard_normal((count, generator.inputs[0].shape[1]), dtype="float32")
    inputs = noise
    if len(generator.inputs) == 2:
        inputs = [noise, np.arange(count).reshape(-1, 1) % 10]
    return generator.predict(inputs, verbose=0)


def main():
    """Count the kinds among generated pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="generators, .h5")
    parser.add_argument("--n", type=int, default=1000, help="pictures to draw from each (default: 1000)")
    arguments = parser.parse_args()
    classifiers = {}
    for path in arguments.files:
        generator = keras.models.load_model(path, compile=False)
        size = generator.output_shape[1]
        if size not in classifiers:
            classifiers[size] = train_classifier(size)
        answers = classifiers[size].predict(draw(generator, arguments.n), verbose=0)
        shares = np.bincount(answers.argmax(axis=1), minlength=len(SHAPE_NAMES)) / arguments.n
        print(f"{path}: smallest share {shares.min():.1%}, sure of {(answers.max(axis=1) > SURE).mean():.1%}")
        print("  " + ", ".join(f"{name} {share:.1%}" for name, share in zip(SHAPE_NAMES, shares, strict=True)))


if __name__ == "__main__":
    main()
