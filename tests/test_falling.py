"""Learning rates that fall at the end of a run: by hand, in a run, and after a resume."""

import pytest

import train
from modern import falling
from small_runs import play, save_twenty_pictures, stop_after, written
from support.run import stopping

RATES = ["--learning-rate", "0.01", "--generator-learning-rate", "0.03", "--learning-rate-fall", "0.5"]


@pytest.fixture
def data(tmp_path):
    """Twenty small colour pictures of two classes: three steps of eight an epoch."""
    return save_twenty_pictures(tmp_path / "pictures.npz")


@pytest.mark.parametrize(
    ("played", "fall", "share"),
    [(0.5, 0.25, 1), (0.75, 0.25, 1), (0.875, 0.25, 0.5), (1, 0.25, 0), (0.9, 0, 1), (0.25, 0.9, 0.75 / 0.9)],
)
def test_share_of_rate(played, fall, share):
    """Would catch a fall over the first part of a run, one that ends above 0, or a division by 0 without a fall."""
    assert falling.share_of_rate(played, fall) == pytest.approx(share)


def test_both_rates_fall_in_a_run(data, tmp_path, monkeypatch):
    """Would catch a rate that is set in one player alone, in the wrong one, or a step too late."""
    rates = []

    def play_step(players, *more):
        optimizers = (players.discriminator.optimizer, players.combined.optimizer)
        rates.append([float(optimizer.learning_rate) for optimizer in optimizers])
        return train.play_step(players, *more)

    monkeypatch.setattr(train, "step_of", lambda settings, players: play_step)
    play(data, tmp_path / "run", "--epochs", "2", *RATES)
    shares = [1, 1, 1, 1, 2 / 3, 1 / 3]  # of six steps; the fall begins when three are over
    assert [d for d, _ in rates[-6:]] == pytest.approx([0.01 * share for share in shares])
    assert [g for _, g in rates[-6:]] == pytest.approx([0.03 * share for share in shares])


def test_a_resumed_run_falls_as_if_it_had_not_stopped(data, tmp_path, monkeypatch):
    """Would catch a fall that begins anew with the process, or that goes on from the stored, lower rate."""
    play(data, tmp_path / "whole", "--epochs", "2", *RATES)
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        play(data, tmp_path / "parts", "--epochs", "2", *RATES)
    assert train.main(["--resume", "--out", str(tmp_path / "parts")]) == 0
    assert written(tmp_path / "whole") == written(tmp_path / "parts")


def test_the_share_of_the_time(monkeypatch):
    """Would catch minutes taken as seconds, and a run without a limit whose rates fall at once."""
    now = [100.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    limited, endless = stopping.StopRequest(minutes=2), stopping.StopRequest()
    now[0] = 190.0
    assert limited.share_of_time == 0.75 and limited.reason is None
    assert endless.share_of_time == 0 and endless.reason is None
    now[0] = 220.0
    assert limited.reason == "time"
