"""The classic Keras loop, as most tutorials teach it, in Keras 2.15: a peer of quality.py.

    KERAS2_PYTHON benchmarks/peers/keras2_classic.py --data pictures.npz --out FOLDER --minutes 10

Compile D; `D.trainable = False`; compile generator -> D; then, step after step: real pictures drawn with replacement,
fakes by `predict`, `train_on_batch` on the real half batch, on the fake half batch, and on G's whole one. (On Keras 3
this very order leaves D untrained for good: see defGAN.py. On Keras 2 it works.) The networks are those of the preset
`cifar10`, D with a sigmoid as the tutorials have it; Adam 2e-4 with beta1 0.5, batch 128. `--no-half-batches` gives D
whole batches of real and of fake pictures, as the preset `cifar10` does.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # "remapper failed": a note on an optimisation not made

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from peer import Clock, load_pictures, peer_parser, to_floats, to_uint8, write_result

from support.system.command_line import share
from support.system.errors import InputError, one_line_errors


def build_generator(noise_size, filters):
    """Build the generator of the preset `cifar10`."""
    return keras.Sequential(
        [
            keras.Input((noise_size,)),
            layers.Dense(4 * 4 * 2 * filters),  # (b, 4096)
            layers.LeakyReLU(0.2),
            layers.Reshape((4, 4, 2 * filters)),  # (b, 4, 4, 256)
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same"),  # (b, 8, 8, 128)
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same"),  # (b, 16, 16, 128)
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same"),  # (b, 32, 32, 128)
            layers.LeakyReLU(0.2),
            layers.Conv2D(3, 3, padding="same", activation="tanh"),  # (b, 32, 32, 3)
        ],
        name="generator",
    )


def build_discriminator(filters, dropout):
    """Build the discriminator of the preset `cifar10`, with a sigmoid at its end."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(filters // 2, 3, padding="same"),  # (b, 32, 32, 64)
            layers.LeakyReLU(0.2),
            layers.Conv2D(filters, 3, strides=2, padding="same"),  # (b, 16, 16, 128)
            layers.LeakyReLU(0.2),
            layers.Conv2D(filters, 3, strides=2, padding="same"),  # (b, 8, 8, 128)
            layers.LeakyReLU(0.2),
            layers.Conv2D(2 * filters, 3, strides=2, padding="same"),  # (b, 4, 4, 256)
            layers.LeakyReLU(0.2),
            layers.Flatten(),  # (b, 4096)
            layers.Dropout(dropout),
            layers.Dense(1, activation="sigmoid"),  # (b, 1)
        ],
        name="discriminator",
    )


def main():
    """Train for the minutes given, then draw."""
    defaults = {"learning_rate": 2e-4, "beta_1": 0.5, "batch_size": 128, "width": 128, "noise_size": 100}
    parser = peer_parser("keras2_classic.py", __doc__.splitlines()[0], **defaults)
    parser.add_argument("--dropout", type=share, default=0.4, help="published: 0.4")
    parser.add_argument(
        "--half-batches",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="D learns from half a batch of real and half a batch of fake pictures (published)",
    )
    arguments = parser.parse_args()
    with one_line_errors("keras2_classic.py"):
        if not keras.__version__.startswith("2."):
            raise InputError(
                f"this needs Keras 2, received {keras.__version__}; make an environment of its own: "
                "pip install -r benchmarks/requirements-peers-keras2.txt"
            )
        real_pictures = to_floats(load_pictures(arguments.data))
        keras.utils.set_random_seed(arguments.seed)
        generator = build_generator(arguments.noise_size, arguments.width)
        discriminator = build_discriminator(arguments.width, arguments.dropout)

        def adam():
            return keras.optimizers.Adam(learning_rate=arguments.learning_rate, beta_1=arguments.beta_1)

        discriminator.compile(loss="binary_crossentropy", optimizer=adam())
        discriminator.trainable = False
        combined = keras.Sequential([generator, discriminator])
        combined.compile(loss="binary_crossentropy", optimizer=adam())

        def noise(count):
            return np.random.randn(count, arguments.noise_size).astype("float32")

        batch = arguments.batch_size
        half = max(1, batch // 2) if arguments.half_batches else batch
        clock = Clock(arguments.minutes)
        while clock.goes_on():
            real = real_pictures[np.random.randint(0, len(real_pictures), half)]
            loss_on_real = discriminator.train_on_batch(real, np.ones((half, 1)))
            fake = generator.predict(noise(half), verbose=0)
            loss_on_fake = discriminator.train_on_batch(fake, np.zeros((half, 1)))
            g_loss = combined.train_on_batch(noise(batch), np.ones((batch, 1)))
            clock.step((loss_on_real + loss_on_fake) / 2, g_loss)
        seconds = clock.seconds

        fakes = to_uint8(generator.predict(noise(arguments.n), verbose=0))
        versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
        threads = os.cpu_count() if not hasattr(os, "sched_getaffinity") else len(os.sched_getaffinity(0))
        write_result(arguments, seconds, clock, half, fakes, versions, numbers="float32", threads=threads)


if __name__ == "__main__":
    main()
