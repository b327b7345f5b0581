"""Draws the plots of a run: the curves, and real pictures beside generated ones."""

import math

import numpy as np
from keras import ops
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from support.drawing.grid import class_columns, picture_grid, save_image, to_uint8
from support.run.history import MEASURED
from support.system.atomic_files import written_beside

SAMPLES = 64  # pictures in a sample plot
BESIDE_REAL = 36  # of them in the collage of real and fake
POINTS = 400  # about as many as a plot can show; neighbouring steps are averaged


def averaged(values, points=POINTS):
    """Average neighbouring values so that at most `points` remain. All blocks have one length, but for the last.

    Returns:
        `(positions, means)`: the middle of each block, counted in steps from 0.5, and its mean.
    """
    values = np.asarray(values, "float64")
    length = math.ceil(len(values) / points)
    blocks = np.split(np.arange(len(values)), range(length, len(values), length))
    return (
        np.array([block.mean() + 0.5 for block in blocks]),
        np.array([values[block].mean() for block in blocks]),
    )


def draw_curves(path, lines, steps_per_epoch, label, marks=()):
    """Draw curves over the epochs and save them as a PNG.

    Args:
        path: Where the PNG goes.
        lines: Dictionary from a line's name to its value at each step.
        steps_per_epoch: Steps in an epoch.
        label: What the vertical axis shows.
        marks: Pairs `(height, text)`: dotted horizontal lines for comparison.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for name, values in lines.items():
        positions, means = averaged(values)
        axes.plot(positions / steps_per_epoch, means, label=name, linewidth=1.3)
    for height, text in marks:
        axes.axhline(height, color="grey", linestyle=":", linewidth=1)
        axes.annotate(text, (0.99, height), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="grey")
    axes.set_xlabel("epoch")
    axes.set_xlim(left=0)
    axes.set_ylabel(label)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=len(lines))  # outside: it covers nothing
    with written_beside(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_history(folder, history, steps_per_epoch, loss_at_chance):
    """Write `losses.png` and `discriminator_output.png`.

    Args:
        folder: Where they go.
        history: float array `(steps, 5)`, columns as in `support.run.history.MEASURED`; at least one step.
        steps_per_epoch: Steps in an epoch.
        loss_at_chance: The loss of a discriminator that cannot tell real from fake.
    """
    d_loss, g_loss, real, fake, fake_after = (history[:, MEASURED.index(name)] for name in MEASURED)
    draw_curves(
        folder / "losses.png",
        {"discriminator": d_loss, "generator": g_loss},
        steps_per_epoch,
        "loss",
        [(loss_at_chance, "discriminator's loss when it cannot tell")],
    )
    draw_curves(
        folder / "discriminator_output.png",
        {"D(x): real": real, "D(G(z)): fake, in D's step": fake, "D(G(z)): fake, in G's step": fake_after},
        steps_per_epoch,
        "probability of being real",
        [(0.5, "cannot tell")],
    )


def draw_scores(path, scores):
    """Draw the scores over their epochs, the best one marked, and save them as a PNG.

    Args:
        path: Where the PNG goes.
        scores: Dictionary from an epoch to its score; at least one.
    """
    epochs = sorted(scores)
    best = min(epochs, key=scores.get)
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, [scores[epoch] for epoch in epochs], marker=".", linewidth=1.3, label="smaller is better")
    axes.plot(best, scores[best], marker="o", linestyle="none", label=f"best: {scores[best]:.3f}, epoch {best}")
    axes.set_xlabel("epoch")
    axes.set_xlim(0, epochs[-1] * 1.02)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("distance from real pictures")
    axes.grid(alpha=0.25)
    axes.legend()
    with written_beside(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_real_and_fake(path, real, fake):
    """Save real pictures on the left and generated ones on the right, both uint8 `(n, height, width, channels)`."""
    grids = [("real", picture_grid(real).convert("RGB")), ("generated", picture_grid(fake).convert("RGB"))]
    width, height = grids[0][1].size
    sheet = Image.new("RGB", (2 * width + 24, height + 32), "white")
    for index, (title, grid) in enumerate(grids):
        left = index * (width + 24)
        sheet.paste(grid, (left, 32))
        ImageDraw.Draw(sheet).text((left + 4, 6), title, fill="black", font=ImageFont.load_default(18))
    save_image(sheet, path)


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
