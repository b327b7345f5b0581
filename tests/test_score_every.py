"""--score-every: where the scores are written, the best generator that stays, and a training that does not notice."""

import csv
import json

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

import train
from small_runs import SMALL, error_of, newest_checkpoint, stop_after, written
from support.run import checkpoints, folder, scoring
from support.run.history import History
from support.run.progress import Progress
from support.run.scoring import Scorer, score_in
from support.scores.quick_distance import QuickDistance

SETTINGS = {"seed": 3, "noise_size": 4, "image_size": [8, 8], "score_every": 2, "dry_run": False}


@pytest.fixture
def pictures():
    """Twenty small colour pictures."""
    return np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")


@pytest.fixture
def data(tmp_path, pictures):
    """The same in an .npz, of two classes: three steps of eight an epoch."""
    path = tmp_path / "pictures.npz"
    np.savez(path, x_train=pictures, y_train=np.arange(20) % 2)
    return str(path)


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Score 150 pictures, two batches: it is quick, and the second one counts."""
    monkeypatch.setattr(scoring, "MOST_DRAWN", 150)


def play(data, out, *more):
    """Run train.py in this process on the small data; return its exit code."""
    return train.main(["--data", data, "--out", str(out), *SMALL, "--learning-rate", "0.01", *more])


def scores_in(folder):
    """The column `score` of history.csv, as it stands there."""
    return [row["score"] for row in csv.DictReader((folder / "training_logs/history.csv").open())]


def best_of(folder):
    """What the best generator's file says of itself."""
    with h5py.File(folder / "generator_best.h5") as file:
        return json.loads(file.attrs["gan"])


def test_what_a_scored_run_writes(data, pictures, tmp_path, capsys):
    """Would catch a score of another generator, of other noise, in another epoch's row, or a best that is the last."""
    out = tmp_path / "run"
    assert play(data, out, "--epochs", "5", "--score-every", "2", "--save-every", "1") == 0
    scores = scores_in(out)
    assert [bool(score) for score in scores] == [False, True, False, True, False]
    noise = np.random.default_rng([0, 0, 0]).standard_normal((150, 4), dtype="float32")
    for epoch in (2, 4):
        model = keras.models.load_model(out / f"generator_e00{epoch}.h5", compile=False)
        fake = np.clip(np.rint((model.predict(noise, verbose=0) + 1) * 127.5), 0, 255).astype("uint8")
        assert float(scores[epoch - 1]) == pytest.approx(QuickDistance(pictures)(fake), rel=1e-3)
    best = min((2, 4), key=lambda epoch: float(scores[epoch - 1]))
    information = best_of(out)
    assert (information["epoch"], information["noise_size"]) == (best, 4)
    assert f"{information['score']:.6f}" == scores[best - 1]
    kept, saved = (
        keras.models.load_model(out / name, compile=False) for name in ("generator_best.h5", f"generator_e00{best}.h5")
    )
    assert all((one == other).all() for one, other in zip(kept.get_weights(), saved.get_weights(), strict=True))
    assert Image.open(out / "training_logs/score.png").size == (990, 550)
    said = capsys.readouterr().out
    assert f"score {float(scores[1]):.3f}" in said and said.count("  score ") == 2
    assert f"{out / 'generator_best.h5'}: the epoch with the best score so far" in said


@pytest.mark.parametrize("preset", ["cifar10", "modern"])
def test_training_does_not_notice(data, tmp_path, preset):
    """Would catch scores that draw from the training's chance, or a network built for them that does."""
    for name, often in (("scored", "1"), ("not", "0")):
        play(data, tmp_path / name, "--epochs", "3", "--preset", preset, "--save-every", "2", "--score-every", often)
    assert written(tmp_path / "scored") == written(tmp_path / "not")
    assert scores_in(tmp_path / "not") == ["", "", ""]
    assert not (tmp_path / "not/generator_best.h5").exists() and not (tmp_path / "not/training_logs/score.png").exists()


@pytest.mark.parametrize("steps", [2, 3, 7])
def test_resumed_it_has_the_same_scores_and_the_same_best(data, tmp_path, monkeypatch, steps):
    """Would catch scores lost with the process, an epoch stopped at its last step that is never scored, and a best that
    forgets the epochs before."""
    flags = ["--epochs", "4", "--score-every", "1", "--save-every", "1"]
    play(data, tmp_path / "whole", *flags)
    stop_after(monkeypatch, steps)
    assert play(data, tmp_path / "parts", *flags) == 130
    stop_after(monkeypatch, None)
    assert train.main(["--resume", "--out", str(tmp_path / "parts")]) == 0
    assert scores_in(tmp_path / "parts") == scores_in(tmp_path / "whole")
    best = [(tmp_path / name / "generator_best.h5").read_bytes() for name in ("parts", "whole")]
    assert best[0] == best[1]
    assert written(tmp_path / "parts") == written(tmp_path / "whole")


def test_killed_after_its_last_checkpoint(data, tmp_path, monkeypatch):
    """Would catch a resumed run that puts a worse epoch in the place of a better one played before the kill."""
    flags = ["--epochs", "4", "--save-every", "1", "--score-every", "1"]
    out = tmp_path / "run"
    play(data, out, *flags)
    before, scores, best = written(out), scores_in(out), (out / "generator_best.h5").read_bytes()
    paths = checkpoints.checkpoint_paths(out / "training_checkpoints_cifar10")
    for path in [*paths[1:], out / "generator_e004.h5"]:  # as if it had been killed before these were written
        path.unlink()
    saved = []
    monkeypatch.setattr(scoring, "save_generator", lambda *arguments: saved.append(arguments))
    train.main(["--resume", "--out", str(out)])
    assert saved == []
    assert (written(out), scores_in(out), (out / "generator_best.h5").read_bytes()) == (before, scores, best)


def test_a_checkpoint_keeps_the_scores(data, tmp_path):
    """Would catch scores that are in the file's text as names, not as epochs: a finished run that goes on has each of
    its rows, and one from before there were scores goes on too."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "3", "--save-every", "1", "--score-every", "1")
    first = scores_in(out)
    path, groups, information = newest_checkpoint(out / "training_checkpoints_cifar10")
    assert information["scores"] == {"1": float(first[0]), "2": float(first[1])}
    train.main(["--resume", "--epochs", "4", "--out", str(out)])
    assert scores_in(out)[:3] == first and scores_in(out)[3]

    old = tmp_path / "old"
    play(data, old, "--epochs", "1")
    path, groups, information = newest_checkpoint(old / "training_checkpoints_cifar10")
    del information["scores"], information["settings"]["score_every"]
    checkpoints.save_checkpoint(path.parent, 3, groups, information)
    train.main(["--resume", "--epochs", "2", "--score-every", "2", "--out", str(old)])
    assert [bool(score) for score in scores_in(old)] == [False, True]


def test_an_epoch_cut_short_is_not_scored(data, tmp_path):
    """Would catch a run stopped by --minutes that ends with another best than one that was never stopped."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "2", "--score-every", "1", "--minutes", "0.00001")
    assert scores_in(out) == [""] and not (out / "generator_best.h5").exists()
    train.main(["--resume", "--out", str(out)])
    assert all(scores_in(out))


def saves(monkeypatch):
    """Let the epochs whose generator is saved be noted, beside the saving."""
    epochs = []

    def save(generator, path, information):
        epochs.append(information["epoch"])
        folder.save_generator(generator, path, information)

    monkeypatch.setattr(scoring, "save_generator", save)
    return epochs


def test_the_best_stays(tmp_path, monkeypatch):
    """Would catch a later, worse epoch kept; a tie that rewrites the file; and, after a kill, a replay that does."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(192), keras.layers.Reshape((8, 8, 3))])
    epochs, path, scores = saves(monkeypatch), tmp_path / "generator_best.h5", {}
    given = {1: 0.5, 2: 0.7, 3: 0.4, 4: 0.4, 5: 0.45}

    def score(epoch):
        scorer = Scorer(lambda fake: given[epoch], SETTINGS, None)
        scorer.score(model, epoch, scores, path, {"seed": 3})

    for epoch in given:
        score(epoch)
    assert epochs == [1, 3] and scores == given and score_in(path) == 0.4
    for epoch in (2, 3):  # killed: the checkpoint was of epoch 1
        scores = {1: 0.5}
        score(epoch)
    assert epochs == [1, 3] and score_in(path) == 0.4
    path.unlink()  # taken away by somebody: what comes is not the best for that
    scores = {1: 0.5, 3: 0.4}
    score(5)
    assert not path.exists() and scores[5] == 0.45
    given[6] = 0.3
    score(6)
    assert score_in(path) == 0.3


def test_a_score_is_noted_only_once_its_generator_is_saved(tmp_path, monkeypatch):
    """Would catch a full disk that leaves the best score without its generator: resumed, no epoch would reach it."""

    def full(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(scoring, "save_generator", full)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(192), keras.layers.Reshape((8, 8, 3))])
    scores = {}
    with pytest.raises(OSError, match="no space"):
        Scorer(lambda fake: 0.5, SETTINGS, None).score(model, 1, scores, tmp_path / "generator_best.h5", {})
    assert scores == {}


def test_what_is_drawn(monkeypatch):
    """Would catch classes in unequal numbers, other noise the next time, and hours spent on large pictures."""
    asked = []

    def generator(inputs, training):
        asked.append([np.array(each) for each in inputs])
        assert training is False
        return np.zeros((len(inputs[0]), 8, 8, 3), "float32")

    scorer = Scorer(None, SETTINGS, ["a", "b", "c"])
    assert scorer.draw(generator).shape == (150, 8, 8, 3)
    scorer.draw(generator)
    classes = np.concatenate([batch[1] for batch in asked[:2]])
    assert np.bincount(classes[:, 0]).tolist() == [50, 50, 50] and classes.shape == (150, 1)
    for first, second in zip(asked[:2], asked[2:], strict=True):
        assert (first[0] == second[0]).all()
    assert not (asked[0][0][:50] == asked[1][0]).all()
    monkeypatch.undo()  # the autouse fixture's 150
    sizes = {(8, 8): 5000, (64, 64): 5000, (128, 128): 1250, (240, 360): 500}
    assert {size: Scorer(None, SETTINGS | {"image_size": list(size)}, None).count for size in sizes} == sizes


def test_which_epochs_are_due():
    """Would catch an epoch that is scored before it is whole, or a dry run that skips the scoring."""
    scorer = Scorer(None, SETTINGS, None)
    assert [scorer.is_due(epoch, 3, 3) for epoch in (1, 2, 3, 4)] == [False, True, False, True]
    assert not scorer.is_due(2, 2, 3)
    assert Scorer(None, SETTINGS | {"dry_run": True}, None).is_due(1, 2, 2)


def test_dry_run_and_overwrite(data, tmp_path, capsys):
    """Would catch a dry run that leaves out the scoring, and an old run's best that a new run could not beat."""
    out = tmp_path / "run"
    assert play(data, out, "--score-every", "10", "--dry-run") == 0
    assert best_of(out)["epoch"] == 1 and (out / "training_logs/score.png").exists()
    assert play(data, out, "--epochs", "1") == 0  # a dry run gives way
    assert not (out / "generator_best.h5").exists()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(192), keras.layers.Reshape((8, 8, 3))])
    folder.save_generator(model, out / "generator_best.h5", {"score": 0.0})
    play(data, out, "--epochs", "1", "--score-every", "1", "--overwrite")
    assert best_of(out)["score"] > 0.0
    alone = tmp_path / "alone"
    alone.mkdir()
    (out / "generator_best.h5").rename(alone / "generator_best.h5")
    capsys.readouterr()
    assert "already holds a run (generator_best.h5)" in error_of(capsys, "--data", data, "--out", str(alone))


def test_a_wrong_number_is_one_line(capsys, tmp_path):
    """Would catch a number of epochs that is none."""
    line = error_of(capsys, "--score-every", "-1", "--out", str(tmp_path / "run"))
    assert "--score-every: received '-1'; give a whole number from 0 up" in line


def test_a_best_that_does_not_open_counts_as_none(tmp_path):
    """Would catch a traceback over a file of other origin."""
    path = tmp_path / "generator_best.h5"
    assert score_in(path) == float("inf")
    path.write_bytes(b"half")
    assert score_in(path) == float("inf")
    with h5py.File(path, "w") as file:
        file.attrs["gan"] = "{}"
    assert score_in(path) == float("inf")


def test_tensorboard_shows_the_score(data, tmp_path):
    """Would catch a score at another step than the epoch's last."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    play(data, out, "--epochs", "2", "--score-every", "2", "--tensorboard")
    shown = events.EventAccumulator(str(out / "training_logs/tensorboard")).Reload().Scalars(scoring.NAME)
    assert [(event.step, round(event.value, 4)) for event in shown] == [(6, round(float(scores_in(out)[1]), 4))]


def test_the_bar_shows_the_last_score(capsys):
    """Would catch a score that vanishes from the bar with the next step."""
    progress = Progress({"epochs": 3, "batch_size": 8}, 3, 0)
    values = [0.5] * 5
    progress.epoch(1, values, 3, 1.0, 6, 0.25)
    progress.epoch(2, values, 3, 1.0, 3)
    progress.step(3, values)
    assert progress.bar.postfix.endswith("D(G(z)) 0.50 score 0.250")
    lines = capsys.readouterr().out.splitlines()
    assert "D(G(z)) 0.50  score 0.250  24 pictures/s" in lines[0] and "score" not in lines[1]


def test_history_rows(tmp_path):
    """Would catch scores written in the order they came and not in their epochs' rows."""
    history = History([(0.0,) * 5] * 3, [1.0, 1.0, 1.0], {3: 0.125, 1: 0.5})
    (tmp_path / "training_logs").mkdir()
    history.write_csv(tmp_path / "training_logs/history.csv", 1, 8)
    assert scores_in(tmp_path) == ["0.500000", "", "0.125000"]


def test_a_table_written_from_a_checkpoint_is_the_same(tmp_path):
    """Would catch values kept finer than in a checkpoint: this one rounds to 0.001003, and as a float32 to 0.001002."""
    live = History()
    live.add(1, (0.001002500001,) * 5)
    resumed = History(live.array(), live.seconds)
    for name, history in (("live", live), ("resumed", resumed)):
        history.write_csv(tmp_path / name, 1, 8)
    assert (tmp_path / "live").read_text() == (tmp_path / "resumed").read_text()
    assert ",0.001002," in (tmp_path / "live").read_text()
