"""Draws the plots of a run: the curves, and real pictures beside generated ones."""

import math
import typing

import numpy as np
from keras import ops
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from support.drawing.grid import class_columns, picture_grid, save_image, to_uint8
from support.run.history import MEASURED
from support.system.atomic_files import written_beside

SAMPLES = 64  # pictures in a sample plot
BESIDE_REAL = 36  # of them in the collage of real and fake
SAMPLE_PLOT = "generated_plot_e"  # and the number of the epoch
REAL_FAKE = "real_fake.png"
DOTS_PER_INCH = 110
POINTS = 400  # about as many as a plot can show; neighbouring steps are averaged


def averaged(values, points=POINTS):
    """Average neighbouring values so that at most `points` remain.

    All blocks have one length. Only the last one may be up to a half shorter or longer: the mean of very few steps at
    the end would look as if the game had changed there.

    Returns:
        `(positions, means)`: the middle of each block, counted in steps from 0.5, and its mean.
    """
    values = np.asarray(values, "float64")
    length = math.ceil(len(values) / points)
    ends = list(range(length, len(values), length))
    if ends and len(values) - ends[-1] < length / 2:
        ends.pop()
    blocks = np.split(np.arange(len(values)), ends)
    return (
        np.array([block.mean() + 0.5 for block in blocks]),
        np.array([values[block].mean() for block in blocks]),
    )


def plot_curves(axes, lines, steps_per_epoch, label, marks=()):
    """Plot curves over the epochs.

    Args:
        axes: Matplotlib axes.
        lines: Dictionary from a line's name to its value at each step.
        steps_per_epoch: Steps in an epoch.
        label: What the vertical axis shows.
        marks: Pairs `(height, text)`: dotted horizontal lines for comparison.
    """
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


def plot_losses(axes, history, steps_per_epoch, loss_at_chance):
    """Plot both losses.

    Args:
        axes: Matplotlib axes.
        history: float array `(steps, 5)`, columns as in `support.run.history.MEASURED`; at least one step.
        steps_per_epoch: Steps in an epoch.
        loss_at_chance: The loss of a discriminator that cannot tell real from fake.
    """
    d_loss, g_loss, *_ = history.T
    lines = {"discriminator": d_loss, "generator": g_loss}
    marks = [(loss_at_chance, "discriminator's loss when it cannot tell")]
    plot_curves(axes, lines, steps_per_epoch, "loss", marks)


def plot_discriminator_output(axes, history, steps_per_epoch):
    """Plot D(x) and D(G(z)); the arguments are those of `plot_losses`."""
    real, fake, fake_after = (history[:, MEASURED.index(name)] for name in MEASURED[2:])
    lines = {"D(x): real": real, "D(G(z)): fake, in D's step": fake, "D(G(z)): fake, in G's step": fake_after}
    plot_curves(axes, lines, steps_per_epoch, "probability of being real", [(0.5, "cannot tell")])
    axes.set_ylim(0, 1)


def plot_scores(axes, scores):
    """Plot the scores over their epochs, with the best one marked.

    Args:
        axes: Matplotlib axes.
        scores: Dictionary from an epoch to its score; at least one.
    """
    epochs = sorted(scores)
    best = min(epochs, key=scores.get)
    axes.plot(epochs, [scores[epoch] for epoch in epochs], marker=".", linewidth=1.3, label="smaller is better")
    axes.plot(best, scores[best], marker="o", linestyle="none", label=f"best: {scores[best]:.3f}, epoch {best}")
    axes.set_xlabel("epoch")
    axes.set_xlim(0, epochs[-1] * 1.02)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("distance from real pictures")
    axes.grid(alpha=0.25)


def save_figure(figure, path):
    """Save a matplotlib figure as a PNG, completely or not at all."""
    with written_beside(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)


def draw_plot(path, plot, *arguments):
    """Draw one plot and save it as a PNG; `plot` is one of the functions above, and `arguments` follow its axes."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    plot(axes, *arguments)
    lines, names = axes.get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names))  # outside: it covers nothing
    save_figure(figure, path)


def draw_history(folder, history, steps_per_epoch, loss_at_chance):
    """Write `losses.png` and `discriminator_output.png`; the arguments are those of `plot_losses`."""
    draw_plot(folder / "losses.png", plot_losses, history, steps_per_epoch, loss_at_chance)
    draw_plot(folder / "discriminator_output.png", plot_discriminator_output, history, steps_per_epoch)


def draw_real_and_fake(path, real, fake, columns=None):
    """Save real pictures on the left and generated ones on the right, both uint8 `(n, height, width, channels)`."""
    named = {"real": real, "generated": fake}
    grids = {name: picture_grid(images, columns).convert("RGB") for name, images in named.items()}
    width, height = grids["generated"].size
    sheet = Image.new("RGB", (2 * width + 24, height + 32), "white")
    for index, (title, grid) in enumerate(grids.items()):
        left = index * (width + 24)
        sheet.paste(grid, (left, 32))
        ImageDraw.Draw(sheet).text((left + 4, 6), title, fill="black", font=ImageFont.load_default(18))
    save_image(sheet, path)


class Sample(typing.NamedTuple):
    """Generated pictures, and real ones to compare them with.

    Attributes:
        fake: uint8 `(n, height, width, channels)`.
        real: uint8 `(n, height, width, channels)`; if there are columns, of the same classes in the same order.
        class_names: The classes, one for each column of the grids; or None.
    """

    fake: np.ndarray
    real: np.ndarray
    class_names: list | None

    @property
    def columns(self):
        """The number of columns of the grids, or None: then they are nearly square."""
        return len(self.class_names) if self.class_names else None


def take_sample(generator, pictures, settings):
    """Draw pictures with the generator, from the same noise in every epoch, and take some real ones.

    Args:
        generator: Keras model from noise (and class numbers) to pictures. It is called as samples.py calls it:
            batch normalization uses its stored statistics.
        pictures: The real ones, a `defDATA.Pictures`.
        settings: The run's settings.

    Returns:
        A `Sample`.
    """
    random = np.random.default_rng([settings["seed"], 0])  # epoch 0: no step of the training draws from it
    names = pictures.class_names if settings["conditional"] else None
    columns, count = class_columns(len(names or []), SAMPLES)
    inputs = random.standard_normal((count, settings["noise_size"]), dtype="float32")
    order = random.permutation(len(pictures))
    if names:
        classes = np.arange(count) % len(names)
        inputs = [inputs, classes.reshape(-1, 1)]
        order = one_of_each(order, pictures.labels, classes)
    fake = to_uint8(ops.convert_to_numpy(generator(inputs, training=False)))
    return Sample(fake, pictures.images[order[:count]], names if columns else None)


def one_of_each(order, labels, classes):
    """Choose a picture for each of `classes`, in the order in which `order` lists them.

    Args:
        order: The positions of all pictures, shuffled.
        labels: Their class numbers `(n,)`.
        classes: Class numbers `(k,)`.

    Returns:
        Positions, `(k,)`. A class with too few pictures shows them again; one without any shows others.
    """
    labels, taken, chosen = np.asarray(labels)[order], {}, []
    for number in classes.tolist():
        candidates = np.flatnonzero(labels == number)
        candidates = candidates if len(candidates) else np.arange(len(order))
        chosen.append(candidates[taken.get(number, 0) % len(candidates)])
        taken[number] = taken.get(number, 0) + 1
    return order[chosen]


def sample_path(folder, epoch):
    """Return where an epoch's grid of generated pictures is written."""
    return folder / f"{SAMPLE_PLOT}{epoch:03d}.png"


def draw_sample(folder, sample, epoch):
    """Write `generated_plot_eXXX.png` and `real_fake.png`.

    Args:
        folder: Where they go.
        sample: A `Sample`.
        epoch: The epoch's number, from 1.

    Returns:
        The grid of generated pictures, a Pillow image.
    """
    grid = picture_grid(sample.fake, sample.columns)
    save_image(grid, sample_path(folder, epoch))
    columns = sample.columns or 1
    shown = max(1, BESIDE_REAL // columns) * columns  # whole rows
    draw_real_and_fake(folder / REAL_FAKE, sample.real[:shown], sample.fake[:shown], sample.columns)
    return grid
