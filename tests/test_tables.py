"""The tables: a row that is added to one is all that the suite needs to train with it."""

import csv
import math

import pytest

import defDATA
import presets
import train
from modern import augment
from small_runs import play, save_twenty_pictures
from support.run import monitor, plots

TOY_LOSS = {
    "functions": lambda: (lambda is_real, logits: (1.0 - 2.0 * is_real) * logits, lambda is_real, logits: -logits),
    "says": "a toy, as Wasserstein",
    "settings": [],
    "refuses": [],
    "at_chance": -0.25,  # not what this loss has, but what no other row has
    "sure": (0.0, 1.0),  # any D is
    "when_d_has_won": ["beta_2"],  # advised by no other row
    "when_g_has_collapsed": ["learning_rate"],
}
TOY_PRESET = {"loss": "toy", "network": "dcgan", "filters": 2, "noise_size": 4, "batch_size": 8, "epochs": 2}


def test_a_loss_and_a_preset_that_are_added(tmp_path, monkeypatch, capsys):
    """Would catch a part of the suite that knows the losses or the presets by name instead of reading their tables."""
    monkeypatch.setitem(train.LOSSES, "toy", TOY_LOSS)
    monkeypatch.setitem(train.PRESETS, "toy", presets.preset(**TOY_PRESET))
    monkeypatch.setattr(monitor, "PATIENCE", 2)  # steps, instead of the hundreds that a failure must last
    drawn, draw_history = [], plots.draw_history

    def draw(folder, history, steps_per_epoch, loss_at_chance):
        drawn.append(loss_at_chance)
        draw_history(folder, history, steps_per_epoch, loss_at_chance)

    monkeypatch.setattr(plots, "draw_history", draw)
    data, out = save_twenty_pictures(tmp_path / "pictures.npz"), tmp_path / "run"
    assert train.main(["--preset", "toy", "--data", data, "--out", str(out)]) == 0
    assert list((out / "training_checkpoints_toy").iterdir())
    assert (out / "training_logs/losses.png").stat().st_size > 0
    assert drawn and set(drawn) == {-0.25}
    said, warned = capsys.readouterr()
    assert "loss toy" in said and "filters 2" in said
    (line,) = [line for line in warned.splitlines() if "D has won" in line]
    assert "D(x) was above 0.00" in line and "D(G(z)) below 1.00" in line
    assert line.endswith("with a higher --beta-2")
    tables = (train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, defDATA.SOURCES)
    said = " ".join(train.flags.make_parser(*tables).format_help().split())
    assert "toy: a toy, as Wasserstein" in said and "modern,toy" in said


def test_pictures_that_are_added(tmp_path, monkeypatch, capsys):
    """Would catch a source that must be known elsewhere too: added to its table, it can be trained on by name."""
    images = defDATA.load_pictures(save_twenty_pictures(tmp_path / "pictures.npz")).images
    row = {
        "load": lambda height, width, channels, seed: (images, images[:, 0, 0, 0].astype("int32") % 2),
        "class_names": ["even", "odd"],
        "says": "twenty of a toy",
        "any_size": False,
    }
    monkeypatch.setitem(defDATA.SOURCES, "toy", row)
    assert play("toy", tmp_path / "run", "--epochs", "1", "--conditional") == 0
    said = capsys.readouterr().out
    assert "20 pictures at 8x8 (height x width), colour, 2 classes, from twenty of a toy" in said
    tables = (train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, defDATA.SOURCES)
    assert "fashion_mnist, shapes, toy" in " ".join(train.flags.make_parser(*tables).format_help().split())


def test_least_squares_trains(tmp_path):
    """Would catch a loss that is in the table and does not train: both losses are squares, so above 0 and finite."""
    out = tmp_path / "run"
    assert play(save_twenty_pictures(tmp_path / "pictures.npz"), out, "--loss", "lsgan", "--epochs", "2") == 0
    rows = list(csv.DictReader((out / "training_logs/history.csv").open()))
    losses = [float(row[name]) for row in rows for name in ("discriminator_loss", "generator_loss")]
    assert len(losses) == 4 and all(0 < loss < math.inf for loss in losses)


@pytest.mark.parametrize(("kind", "table", "field"), [("loss", "LOSSES", "sure"), ("network", "NETWORKS", "refuses")])
def test_a_row_that_lacks_a_field(monkeypatch, kind, table, field):
    """Would catch a KeyError deep in the suite, which does not say whose row lacks what."""
    rows = getattr(train, table)
    row = next(iter(rows.values()))
    monkeypatch.setitem(rows, "toy", {name: value for name, value in row.items() if name != field})
    with pytest.raises(ValueError, match=f"the {kind} 'toy' lacks the field '{field}'"):
        train.flags.make_parser(train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, defDATA.SOURCES)


@pytest.mark.parametrize(
    ("differences", "said"),
    [({"loss": "hing"}, "no loss 'hing'; choose from bce, hinge"), ({"network": "dcgn"}, "no network 'dcgn'")],
)
def test_a_preset_that_names_what_is_not_there(differences, said, monkeypatch):
    """Would catch a misspelt loss or network that only shows as a KeyError somewhere in the run."""
    monkeypatch.setitem(train.PRESETS, "toy", presets.preset(**differences))
    with pytest.raises(ValueError, match=f"the preset 'toy': there is {said}"):
        train.flags.make_parser(train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, defDATA.SOURCES)


def test_a_preset_whose_size_is_one_number():
    """Would catch a size such as that of --image-size 64, of which the run makes a TypeError."""
    with pytest.raises(ValueError, match="image_size=64: give height and width"):
        presets.preset(image_size=64)
