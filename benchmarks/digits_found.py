"""Which digits does a generator draw? A classifier trained on real ones counts them.

    python benchmarks/digits_found.py runs/mnist/generator_e010.h5 --data mnist.npz

`--data` is an .npz of the real set with the arrays x_train, y_train, x_test, y_test; without it Keras downloads MNIST.
The classifier learns from the training split. It must name 99 % of the test split right, and be sure of 97 %: its
probability must be above 90 %. An unclear picture still gets a digit. Its learning rate falls to 0: classifiers that
stopped at the full rate differed by 3.6 points over the same generated digits, those whose rate fell by 2.1 at most.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

from benchmarks.shapes_found import (
    HIGHEST_LEARNING_RATE,
    SURE,
    build_classifier,
    draw,
    refuse_a_bad_judge,
    right_and_sure,
)
from defDATA import to_floats

PASSES, BATCH_SIZE = 8, 128  # of the classifier over the training split


def real_digits(path):
    """Load `(x_train, y_train, x_test, y_test)`, pictures as uint8 `(n, 28, 28, 1)`."""
    if path:
        with np.load(path) as file:
            arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
        arrays = [x_train, y_train, x_test, y_test]
    return [array.reshape(-1, 28, 28, 1) if array.ndim > 1 else array for array in arrays]


def train_judge(images, labels, held_out, held_out_labels):
    """Train a classifier of real digits; arguments and result as for `shapes_found.train_until_sure`."""
    judge = build_classifier(images.shape[1:])
    rate = keras.optimizers.schedules.CosineDecay(HIGHEST_LEARNING_RATE, PASSES * (len(images) // BATCH_SIZE))
    judge.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    judge.fit(to_floats(images), labels, batch_size=BATCH_SIZE, epochs=PASSES, verbose=0)
    refuse_a_bad_judge(*right_and_sure(judge, held_out, held_out_labels), len(held_out), sure_of=0.97)
    return judge


def main():
    """Count the digits among generated pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="generators, .h5")
    parser.add_argument("--data", help="the real digits, .npz")
    parser.add_argument("--n", type=int, default=1000, help="pictures to draw from each (default: 1000)")
    arguments = parser.parse_args()
    classifier = train_judge(*real_digits(arguments.data))
    for path in arguments.files:
        generator = keras.models.load_model(path, compile=False)
        answers = classifier.predict(draw(generator, arguments.n), verbose=0)
        shares = np.bincount(answers.argmax(axis=1), minlength=10) / arguments.n
        print(f"{path}: smallest share {shares.min():.1%}, sure of {(answers.max(axis=1) > SURE).mean():.1%}")
        print("  " + ", ".join(f"{digit}: {share:.1%}" for digit, share in enumerate(shares)))
        if len(generator.inputs) == 2:
            right = answers.argmax(axis=1) == np.arange(arguments.n) % 10
            print(f"  {right.mean():.1%} are the digit that was asked for")


if __name__ == "__main__":
    main()
