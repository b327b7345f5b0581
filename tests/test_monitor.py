"""The watch on a game: when it speaks, and that what it advises can be typed in that very run."""

import re

import numpy as np
import pytest

import defDATA
import presets
import train
from modern import augment
from support.run import settings as run_settings
from support.run.monitor import PATIENCE, Monitor, variety

TABLES = run_settings.Tables(
    train.PRESETS, train.NETWORKS, train.LOSSES, presets.ON_A_CPU, presets.ON_A_GPU, defDATA.SOURCES
)


def monitor_of(loss="bce", refused=(), **values):
    """Make the watch of a run with this loss and these settings."""
    return Monitor(train.LOSSES[loss], presets.CLASSIC | {"augment": []} | values, refused)


def test_monitor_names_a_discriminator_that_has_won():
    """Would catch a watch that cries at once or never: 1 - 0.5 * 0.99^n exceeds 0.97 from step n = 280 on."""
    monitor = monitor_of()
    answers = [monitor.watch(1.0, 0.0, 1.0) for _ in range(1000)]
    spoken = [number for number, answer in enumerate(answers, start=1) if answer]
    assert spoken == [279 + PATIENCE]  # 0.5 * 0.99^280 = 0.02998
    assert "D has won" in answers[spoken[0] - 1] and "--label-smoothing" in answers[spoken[0] - 1]
    assert "--augment noise" in answers[spoken[0] - 1]
    for lasting, monitor in (
        (False, monitor_of()),
        (True, monitor_of("bce", label_smoothing=0.1)),
        (True, monitor_of("hinge")),
        (True, monitor_of("lsgan")),
    ):
        # 0.9 is all that a D trained towards 0.9 says, and more than a D of hinge or least squares needs
        assert lasting == any(monitor.watch(0.9, 0.01, 1.0) for _ in range(2000))


def test_monitor_names_a_collapsed_generator():
    """Would catch a collapse that goes unnoticed: 0.99^n falls below 0.2 from step n = 161 on."""
    monitor = monitor_of()
    spoken = [number for number in range(1, 1001) if monitor.watch(0.5, 0.5, 0.0)]
    assert spoken == [160 + PATIENCE]  # 0.99^161 = 0.1983
    assert "G has collapsed" in monitor_of().describe("collapsed") and "noise" in monitor_of().describe("collapsed")


def test_variety_by_hand():
    """Would catch a spread over pixels instead of over the batch: two pictures, 0 and 1 everywhere, deviate by 1/2."""
    pictures = np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))])
    assert variety(pictures) == pytest.approx(0.5)
    assert variety(np.random.default_rng(0).normal(size=(1, 4, 4, 3)).repeat(5, axis=0)) == pytest.approx(0, abs=1e-6)


LEGAL = {"dropout": 0.5, "label_smoothing": 0.2, "augment_noise": 0.3, "slope_weight": 2.0, "learning_rate": 1e-5}
GAMES = [
    (loss, network)
    for loss in train.LOSSES
    for network, row in train.NETWORKS.items()
    if loss not in row.get("refuses_losses", [])
]


def begun(words, count):
    """Settle a run of these flags on so many pictures, as train.main does: its settings."""
    sources = defDATA.SOURCES
    arguments = train.flags.parse_arguments(words, train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, sources)
    settings, *_ = run_settings.choose_settings(arguments, TABLES)
    pictures = defDATA.Pictures(np.zeros((count, 8, 8, 3), "uint8"), np.arange(count) % 2, ["0", "1"], "here")
    settings, _ = run_settings.fit_to_pictures(settings, pictures, arguments, augment.FOR_FEW_PICTURES)
    return settings


def advice_in(line, settings):
    """Read what a line advises: a list of pairs of a setting and the value to type for it."""
    found = []
    for words in line.rsplit(", with ", 1)[1].split(", or "):
        change, name, value = re.fullmatch(r"(a higher |a smaller |)--([a-z-]+) ?(\S*)", words).groups()
        name = name.replace("-", "_")
        if change:
            assert not value
            value = LEGAL[name]
            assert (value > settings[name]) == (change == "a higher ")
        found.append((name, str(value)))
    return found


@pytest.mark.parametrize(("loss", "network"), GAMES)
@pytest.mark.parametrize("preset", ["cifar10", "shapes"])  # without label smoothing, and with it
@pytest.mark.parametrize("more", [(), ("--augment", "noise")])
def test_all_advice_can_be_typed_in_that_very_run(tmp_path, loss, network, preset, more):
    """Would catch advice that the program itself refuses, in a run with this loss, these networks and few pictures."""
    words = ["--preset", preset, "--loss", loss, "--network", network, "--out", str(tmp_path / "run"), *more]
    for count in (100, 3000):
        settings = begun(words, count)
        monitor = Monitor(train.LOSSES[loss], settings, run_settings.refused(settings, TABLES))
        for failure in ("won", "collapsed"):
            for name, value in advice_in(monitor.describe(failure), settings):
                changed = begun([*words, run_settings.flag_of(name), value], count)
                assert run_settings.in_plain_words(changed[name]) == value
                assert changed[name] != settings[name]
                others = {other: kept for other, kept in settings.items() if other != name}
                assert {other: changed[other] for other in others} == others  # what few pictures get is kept too


def test_advice_word_for_word(tmp_path):
    """Would catch advice that would take the augmentation of few pictures away, or that raises what is not on yet."""

    def advice(count, *words):
        settings = begun(["--out", str(tmp_path / "run"), *words], count)
        monitor = Monitor(train.LOSSES[settings["loss"]], settings, run_settings.refused(settings, TABLES))
        return [monitor.describe(failure).rsplit(", with ", 1)[1] for failure in ("won", "collapsed")]

    few = "--augment color,translation,cutout,noise"
    assert advice(100) == [
        f"{few}, or --label-smoothing 0.1, or a higher --dropout",
        f"{few}, or a smaller --learning-rate",
    ]
    won, _ = advice(3000, "--label-smoothing", "0.1")
    assert won == "--augment noise, or a higher --label-smoothing, or a higher --dropout"
    won, _ = advice(3000, "--augment", "cutout,noise")
    assert won == "a higher --augment-noise, or --label-smoothing 0.1, or a higher --dropout"
    assert advice(100, "--loss", "relativistic") == ["a higher --slope-weight", "a smaller --learning-rate"]


def test_advice_leaves_out_what_the_run_refuses():
    """Would catch a flag that the run refuses, or a line without any advice where nothing is left."""
    line = monitor_of("bce", refused={"dropout": "network"}).describe("won")
    assert line.endswith("start again, in another --out, with --augment noise, or --label-smoothing 0.1")
    assert monitor_of("hinge", refused=["dropout"]).describe("won").endswith("with another --loss")
