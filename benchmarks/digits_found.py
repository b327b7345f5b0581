"""Which digits does a generator draw? A classifier trained on real ones counts them.

    python benchmarks/digits_found.py runs/mnist/generator_e010.h5 --data mnist.npz

`--data` is an .npz of the real set with the arrays x_train, y_train, x_test, y_test; without it Keras downloads MNIST.
The classifier learns from the training split. It must name 99 % of the test split right, and be sure of 97 %: its
probability must be above 90 %. An unclear picture still gets a digit.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

from benchmarks.shapes_found import SURE, draw, train_until_sure


def real_digits(path):
    """Load `(x_train, y_train, x_test, y_test)`, pictures as uint8 `(n, 28, 28, 1)`."""
    if path:
        with np.load(path) as file:
            arrays = [file[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    else:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
        arrays = [x_train, y_train, x_test, y_test]
    return [array.reshape(-1, 28, 28, 1) if array.ndim > 1 else array for array in arrays]


def main():
    """Count the digits among generated pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="generators, .h5")
    parser.add_argument("--data", help="the real digits, .npz")
    parser.add_argument("--n", type=int, default=1000, help="pictures to draw from each (default: 1000)")
    arguments = parser.parse_args()
    classifier = train_until_sure(*real_digits(arguments.data), sure_of=0.97)
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
