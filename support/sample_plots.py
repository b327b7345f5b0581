"""What the generator makes on the way: the same noise every time, and real pictures beside some of it."""

import numpy as np
from keras import ops

from support.curves import draw_real_and_fake
from support.picture_grid import class_columns, picture_grid, save_image, to_uint8

SAMPLES = 64  # pictures in a sample plot
BESIDE_REAL = 36  # of them in the collage of real and fake


def draw_samples(folder, generator, pictures, settings, epoch):
    """Write `generated_plot_eXXX.png` and `real_fake.png`.

    Args:
        folder: Where they go.
        generator: Keras model from noise (and class numbers) to pictures. It is called as samples.py calls it:
            batch normalization uses its stored statistics.
        pictures: The real ones, a `defDATA.Pictures`.
        settings: The run's settings.
        epoch: The epoch's number, from 1.

    Returns:
        The grid of generated pictures, a Pillow image.
    """
    random = np.random.default_rng([settings["seed"], 0])  # epoch 0: no step of the training draws from it
    names = pictures.class_names if settings["conditional"] else None
    columns, count = class_columns(len(names or []), SAMPLES)
    inputs = random.standard_normal((count, settings["noise_size"]), dtype="float32")
    if names:
        inputs = [inputs, np.arange(count).reshape(-1, 1) % len(names)]
    fake = to_uint8(ops.convert_to_numpy(generator(inputs, training=False)))
    grid = picture_grid(fake, columns)
    save_image(grid, folder / f"generated_plot_e{epoch:03d}.png")
    real = pictures.images[random.permutation(len(pictures))[:BESIDE_REAL]]
    draw_real_and_fake(folder / "real_fake.png", real, fake[: len(real)])
    return grid
