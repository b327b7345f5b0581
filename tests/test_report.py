"""What a run shows at its end: the page report.png and the animation progress.gif, checked for their content."""

import gc

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import defDATA
from small_runs import play, save_twenty_pictures
from support.drawing.grid import picture_grid
from support.run import plots, report
from support.run.history import History
from support.run.plots import Sample


def history_of(steps, scores=()):
    """A history of `steps` steps: the first measurement of step i is i, the second i + 100, and so on."""
    return History([[i, i + 100, 0.7, 0.3, 0.4] for i in range(steps)], [30.0, 60.0], scores)


def sample_of(class_names=None):
    """Four pictures of 8x8 in colour: the generated ones are brighter than the real ones."""
    real = np.arange(4, dtype="uint8").reshape(4, 1, 1, 1).repeat(8, 1).repeat(8, 2).repeat(3, 3) * 10
    return Sample(real + 100, real, class_names)


def test_no_drawing_stays_in_memory(tmp_path):
    """Would catch drawings that pile up: each is megabytes, and Python alone seldom looks for them."""
    data = save_twenty_pictures(tmp_path / "twenty.npz")
    gc.collect()
    gc.disable()
    try:
        play(data, tmp_path / "run", "--epochs", "3", "--plot-every", "1", "--save-every", "1")
        left = [thing for thing in gc.get_objects() if isinstance(thing, Figure)]
    finally:
        gc.enable()
    assert not left


@pytest.fixture
def drawn(monkeypatch):
    """Keep the figures that would be saved."""
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def test_the_report_shows_both_grids_and_both_curves(drawn):
    """Would catch a page that shows the real pictures as generated, or D's loss under the name of G's."""
    sample = sample_of()
    report.draw_report("report.png", sample, history_of(6), 3, 0.69, "a title")
    real, fake, losses, output = drawn[0].axes
    assert [axes.get_title() for axes in drawn[0].axes] == ["real", "generated", "losses", "what D thinks"]
    assert np.array_equal(real.images[0].get_array(), np.asarray(picture_grid(sample.real)))
    assert np.array_equal(fake.images[0].get_array(), np.asarray(picture_grid(sample.fake)))
    lines = {line.get_label(): line for line in losses.lines}
    assert lines["discriminator"].get_ydata().tolist() == [0, 1, 2, 3, 4, 5]
    assert lines["generator"].get_ydata().tolist() == [100, 101, 102, 103, 104, 105]
    assert lines["generator"].get_xdata() == pytest.approx([0.5 / 3, 1.5 / 3, 2.5 / 3, 3.5 / 3, 4.5 / 3, 5.5 / 3])
    assert [line.get_ydata()[0] for line in output.lines[:3]] == pytest.approx([0.7, 0.3, 0.4])
    assert output.get_ylim() == (0, 1) and output.get_xlabel() == "epoch"
    assert drawn[0].subfigs[0].get_suptitle() == "a title"


def test_the_report_names_the_classes_below_their_columns(drawn):
    """Would catch names below other columns than those of their class: two columns of 64 pixels, 2 pixels apart."""
    report.draw_report("report.png", sample_of(["cat", "dog"]), history_of(6), 3, 0.69, "")
    for axes in drawn[0].axes[:2]:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
        assert axes.get_xticks().tolist() == [33.5, 100.5]  # (2 * (64 + 2) + 2) / 2 = 67 pixels a column
        assert axes.images[0].get_array().shape[:2] == (134, 134)


def test_the_report_has_a_third_curve_where_there_are_scores(drawn):
    """Would catch scores that the report leaves out, and the wrong one called the best."""
    report.draw_report("report.png", sample_of(), history_of(6, {1: 0.5, 2: 0.25}), 3, 0.69, "")
    scores = drawn[0].axes[4]
    assert scores.get_title() == "score" and list(scores.lines[0].get_ydata()) == [0.5, 0.25]
    assert scores.lines[1].get_label() == "best: 0.250, epoch 2"


def test_the_title_says_what_was_played():
    """Would catch epochs that were not played, and seconds of the last epoch alone: 30 + 60 s are 2 minutes."""
    settings = {"preset": "shapes", "seed": 7}
    assert report.title_of(settings, history_of(6), 3) == "shapes: 2 epochs, 6 steps in 2 min, seed 7"
    assert report.title_of(settings, history_of(5), 10).startswith("shapes: 0.5 epochs, 5 steps")
    with_scores = report.title_of(settings, history_of(6, {1: 0.125, 2: 0.25}), 3)
    assert with_scores.endswith(", score 0.250 after epoch 2")


def save_sample_plots(logs, epochs, size=(100, 80)):
    """Write sample plots of one grey level each: epoch 7 is of level 7, epoch 1000 of level 232 (1000 - 3 * 256)."""
    for epoch in epochs:
        Image.new("L", size, epoch % 256).save(logs / f"{plots.SAMPLE_PLOT}{epoch:03d}.png")


def frames_of(path):
    """Return `(grey level of the frame's middle, milliseconds)` of each frame of a GIF, and the size of a frame."""
    with Image.open(path) as opened:
        frames = []
        for number in range(opened.n_frames):
            opened.seek(number)
            frames.append((opened.convert("L").getpixel((opened.width // 2, 60)), opened.info["duration"]))
        return frames, opened.size


def test_progress_shows_the_epochs_in_order(tmp_path):
    """Would catch epochs sorted as words, where 1000 comes before 200, and a last frame too short to be seen."""
    save_sample_plots(tmp_path, [200, 7, 1000])
    report.write_progress(tmp_path)
    frames, size = frames_of(tmp_path / "progress.gif")
    assert frames == [(7, 500), (200, 500), (232, 2000)]
    assert size == (100, 80 + report.CAPTION_HEIGHT)


def test_progress_of_a_long_run_is_thinned_out(tmp_path):
    """Would catch a GIF that grows without end, or that loses the first or the last epoch: 121 become 60."""
    save_sample_plots(tmp_path, range(1, 122), size=(1440, 720))
    report.write_progress(tmp_path)
    frames, size = frames_of(tmp_path / "progress.gif")
    levels = [level for level, _ in frames]
    assert len(levels) == 60 and levels[0] == 1 and levels[-1] == 121
    assert {later - earlier for earlier, later in zip(levels, levels[1:], strict=False)} == {2, 3}  # 120 / 59 = 2.03
    assert size == (720, 360 + report.CAPTION_HEIGHT)


def test_each_frame_says_its_epoch(tmp_path):
    """Would catch a caption that is missing or the same on all frames."""
    save_sample_plots(tmp_path, [1, 2])
    first, second = (
        np.asarray(report.with_caption(path, f"epoch {number}"))
        for number, path in enumerate(sorted(tmp_path.glob("*.png")), start=1)
    )
    caption = report.CAPTION_HEIGHT
    assert first[:caption].min() < 50 and not np.array_equal(first[:caption], second[:caption])


def test_real_pictures_stand_in_the_columns_of_their_class():
    """Would catch real pictures in the column of another class. Order 3 1 0 2 with labels 1 0 0 1 gives 0 1 0 1 0."""
    chosen = plots.one_of_each(np.array([3, 1, 0, 2]), [1, 0, 0, 1], np.array([0, 1, 0, 1, 0]))
    assert chosen.tolist() == [1, 3, 2, 0, 1]  # class 0: pictures 1, 2, and 1 again; class 1: pictures 3, 0


def test_a_sample_draws_all_classes_from_the_same_noise():
    """Would catch noise or classes that differ from epoch to epoch, or fakes in other columns than the real ones."""
    images = np.array([9, 5, 9], "uint8").reshape(3, 1, 1, 1).repeat(8, 1).repeat(8, 2)
    pictures = defDATA.Pictures(images, np.array([1, 0, 1]), ["a", "b"], "made here")
    seen = []

    def generator(inputs, training):
        seen.append(inputs)
        return np.zeros((len(inputs[0]), 8, 8, 1), "float32")

    settings = {"seed": 0, "conditional": True, "noise_size": 4}
    sample = plots.take_sample(generator, pictures, settings)
    plots.take_sample(generator, pictures, settings)
    assert sample.columns == 2 and sample.real[:, 0, 0, 0].tolist() == [5, 9] * 32  # class 0 is 5, class 1 is 9
    assert np.array_equal(seen[0][0], seen[1][0]) and seen[0][1][:4, 0].tolist() == [0, 1, 0, 1]


def test_a_run_writes_both(tmp_path, capsys):
    """Would catch a run that ends without them, a frame that is missing, and a printout that does not name them."""
    out = tmp_path / "run"
    data = save_twenty_pictures(tmp_path / "pictures.npz")
    assert play(data, out, "--epochs", "3", "--plot-every", "1") == 0
    with Image.open(out / "training_logs" / "progress.gif") as opened:
        assert opened.n_frames == 3
    with Image.open(out / "training_logs" / "report.png") as opened:
        assert min(opened.size) > 1000
    said = capsys.readouterr().out
    assert f"open      {out}/training_logs/report.png" in said and "progress.gif" in said
    assert f"watch     {out}/training_logs/real_fake.png" in said and "new every epoch" in said


def test_a_saved_generator_asks_for_no_sample_plot(tmp_path):
    """Would catch a plot that nobody asked for, and an animation that fails where no plot was drawn yet."""
    out = tmp_path / "run"
    data = save_twenty_pictures(tmp_path / "pictures.npz")
    assert play(data, out, "--epochs", "2", "--save-every", "1", "--plot-every", "5") == 0
    assert [path.name for path in out.glob("training_logs/generated_plot_*")] == ["generated_plot_e002.png"]
    with Image.open(out / "training_logs" / "progress.gif") as opened:
        assert opened.n_frames == 1


def test_a_resumed_run_asks_for_no_sample_plot_either(tmp_path):
    """Would catch a plot beside a generator that was saved just before a kill; the run that was not killed has none."""
    out = tmp_path / "run"
    data, due = save_twenty_pictures(tmp_path / "pictures.npz"), ["--save-every", "2", "--plot-every", "3"]
    assert play(data, out, "--epochs", "2", *due) == 0
    (out / "training_logs" / "generated_plot_e002.png").unlink()  # as if it were not the last epoch
    assert play(data, out, "--epochs", "4", *due, "--resume") == 0
    names = sorted(path.name for path in out.glob("training_logs/generated_plot_*"))
    assert names == ["generated_plot_e003.png", "generated_plot_e004.png"]
