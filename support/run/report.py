"""Draws what a run shows at its end: report.png, a page with everything, and progress.gif, all epochs."""

import re

from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from support.drawing.grid import picture_grid, write_gif
from support.run import plots
from support.system.atomic_files import written_beside
from support.system.machine import duration_in_words

REPORT, PROGRESS = "report.png", "progress.gif"
WIDTH, INCHES_BELOW, INCHES_FOR_TEXT = 14, 5, 1.2  # of the page, of its curves, of titles and class names
MOST_FRAMES = 60
LONGEST_SIDE = 720  # of a frame; a GIF of large frames is too large to post
SECONDS = 6.0  # about as long as the animation takes, when there are enough frames
FASTEST, SLOWEST = 15, 2  # frames a second
LAST_FRAME_SECONDS = 2.0
CAPTION_HEIGHT = 28  # pixels


def draw_report(path, sample, history, steps_per_epoch, loss_at_chance, title):
    """Draw generated pictures beside real ones, and the curves below, and save them as a PNG.

    Args:
        path: Where the PNG goes.
        sample: `support.run.plots.Sample`.
        history: A `support.run.history.History` with at least one step.
        steps_per_epoch: Steps in an epoch.
        loss_at_chance: The loss of a discriminator that cannot tell real from fake.
        title: What the page says at its top.
    """
    grids = [picture_grid(images, sample.columns) for images in (sample.real, sample.fake)]
    inches_above = WIDTH / 2 * max(grid.height / grid.width for grid in grids) + INCHES_FOR_TEXT
    figure = Figure(figsize=(WIDTH, inches_above + INCHES_BELOW), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(inches_above, INCHES_BELOW))
    above.suptitle(title, fontsize=15)
    for axes, name, grid in zip(above.subplots(1, 2), ("real", "generated"), grids, strict=True):
        show_grid(axes, grid, sample.class_names)
        axes.set_title(name, fontsize=13)
    measured = history.array()
    drawn = [
        ("losses", plots.plot_losses, (measured, steps_per_epoch, loss_at_chance)),
        ("what D thinks", plots.plot_discriminator_output, (measured, steps_per_epoch)),
    ]
    if history.scores:
        drawn.append(("score", plots.plot_scores, (history.scores,)))
    for axes, (name, plot, arguments) in zip(below.subplots(1, len(drawn)), drawn, strict=True):
        plot(axes, *arguments)
        axes.set_title(name, fontsize=13)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
    plots.save_figure(figure, path)


def show_grid(axes, grid, class_names):
    """Show a grid of pictures, without the frame of a plot; if each class has a column, its name stands below."""
    axes.imshow(grid, cmap="gray", vmin=0, vmax=255)
    axes.set_anchor("N")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([])
    if class_names:
        width = grid.width / len(class_names)
        axes.set_xticks([(number + 0.5) * width for number in range(len(class_names))], class_names, rotation=45)
        axes.tick_params(length=0)


def title_of(settings, history, steps_per_epoch):
    """Describe a run in one line: what played, how long, and its last score."""
    steps = len(history.steps)
    epochs = steps / steps_per_epoch
    parts = [
        f"{settings['preset']}: {epochs:.3g} {'epoch' if epochs == 1 else 'epochs'}",
        f"{steps:,} steps in {duration_in_words(sum(history.seconds))}",
        f"seed {settings['seed']}",
    ]
    if history.scores:
        last = max(history.scores)
        parts.append(f"score {history.scores[last]:.3f} after epoch {last}")
    return ", ".join(parts)


def write_progress(logs):
    """Write `progress.gif` from the sample plots of a run: the same noise, epoch after epoch.

    Args:
        logs: Folder with `generated_plot_eXXX.png`; without any, nothing is written. Of more than `MOST_FRAMES` the
            animation takes some at equal distances, always the first and the last.
    """
    found = {int(re.search(r"_e(\d+)$", path.stem)[1]): path for path in logs.glob(f"{plots.SAMPLE_PLOT}*.png")}
    if not found:
        return
    epochs = sorted(found)
    count = min(MOST_FRAMES, len(epochs))
    chosen = [epochs[round(number * (len(epochs) - 1) / max(1, count - 1))] for number in range(count)]
    speed = min(FASTEST, max(SLOWEST, count / SECONDS))
    images = [with_caption(found[epoch], f"epoch {epoch}") for epoch in chosen]
    with written_beside(logs / PROGRESS) as temporary:
        write_gif(temporary, images, speed, LAST_FRAME_SECONDS)


def with_caption(path, caption):
    """Open a picture, shrink it to `LONGEST_SIDE` if it is larger, and write a caption above it."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    framed = Image.new("RGB", (image.width, image.height + CAPTION_HEIGHT), "white")
    framed.paste(image, (0, CAPTION_HEIGHT))
    font = ImageFont.load_default(18)
    ImageDraw.Draw(framed).text((6, CAPTION_HEIGHT / 2), caption, "black", font, anchor="lm")
    return framed
