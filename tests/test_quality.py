"""The comparison of pictures: its distance, its table, what it plays again and what not; and the peers."""

import csv
import importlib.util
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import frechet, quality
from benchmarks.peers import peer
from support.system.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parent.parent
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def row(system, seed="0", **values):
    """Make a row of results.csv."""
    common = {"system": system, "seed": seed, "minutes": "10", "n": "100", "data": "real.zip"}
    return dict.fromkeys(quality.COLUMNS, "") | common | {"steps": "10", "pictures": "640"} | values


def test_frechet_distance_in_one_dimension():
    """Would catch a variance divided by n, a forgotten shift or a forgotten root.

    Means 1 and 7, variances 2 and 32 (divided by n - 1): (7 - 1)^2 + (sqrt 32 - sqrt 2)^2 = 36 + 18.
    """
    assert frechet.frechet_distance(frechet.moments([[0.0], [2.0]]), frechet.moments([[3.0], [11.0]])) == pytest.approx(
        54
    )


def test_frechet_distance_of_covariances_that_do_not_commute():
    """Would catch sqrt(A) sqrt(B) in place of sqrt(AB), which is the same only for matrices with the same axes.

    AB = [[8, 4], [1, 2]] has trace 10 and determinant 12. Its root's trace is, for two by two,
    sqrt(trace + 2 sqrt(determinant)) = sqrt(10 + 2 sqrt 12); the traces of A and B are 5 and 4.
    """
    one = frechet.Moments(np.zeros(2), np.array([[4.0, 0.0], [0.0, 1.0]]))
    other = frechet.Moments(np.zeros(2), np.array([[2.0, 1.0], [1.0, 2.0]]))
    expected = 5 + 4 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    assert frechet.frechet_distance(one, other) == pytest.approx(expected)
    assert frechet.frechet_distance(other, one) == pytest.approx(expected)


def test_frechet_distance_of_few_pictures():
    """Would catch a root that becomes complex or NaN where there are more features than pictures."""
    features = np.random.default_rng(0).normal(size=(5, 40))
    one, other = frechet.moments(features), frechet.moments(features + 3.0)
    assert frechet.frechet_distance(one, one) == pytest.approx(0, abs=1e-4)
    assert frechet.frechet_distance(one, other) == pytest.approx(40 * 9, rel=1e-6)


@pytest.mark.parametrize("features", [[[1.0, 2.0]], [[1.0], [np.nan]], [1.0, 2.0]])
def test_moments_refuse_what_has_none(features):
    """Would catch a distance computed from one picture, or from a network that gave NaN."""
    with pytest.raises(ValueError, match="features must be"):
        frechet.moments(features)


def test_ratios_are_to_the_best_peer():
    """Would catch a ratio to the best row of all, to the real pictures, or to a peer's best seed."""
    rows = [
        row("dcgan", "0", imagenet="10", cifar="3", fid="80"),
        row("dcgan", "1", imagenet="14", cifar="5", fid=""),
        row("sngan", "0", imagenet="13", cifar="2", fid="90"),
        row("modern", "0", imagenet="6", cifar="4", fid="60"),
        row(quality.REAL, "", imagenet="1", cifar="1"),
    ]
    found = quality.summarize(rows)
    assert list(found) == ["modern", "dcgan", "sngan", quality.REAL]
    assert found["dcgan"]["seeds"] == 2
    assert found["dcgan"]["imagenet"] == (12, 10, 14)
    ratios = {name: [values["imagenet ratio"], values["cifar ratio"]] for name, values in found.items()}
    assert ratios["modern"] == [0.5, 2.0]  # 6 / 12, 4 / 2
    assert ratios["dcgan"] == [1.0, 2.0]
    assert ratios["sngan"] == pytest.approx([13 / 12, 1.0])
    assert ratios[quality.REAL] == pytest.approx([1 / 12, 0.5])
    assert found["dcgan"]["fid"] is None  # one seed was not measured: the mean of the other would be another thing
    assert found["modern"]["fid ratio"] == pytest.approx(60 / 90)


def test_table_shows_numbers_spread_and_dashes():
    """Would catch a dash in place of a number, a number made up where nothing was measured, columns out of step."""
    rows = [
        row("sngan", "0", imagenet="8", cifar="2", steps="100", pictures="6400"),
        row("modern", "0", imagenet="6", cifar="4", steps="1000", pictures="64000"),
        row("modern", "1", imagenet="7", cifar="4", steps="1002", pictures="64128"),
    ]
    header, rule, modern, sngan = quality.table(rows).splitlines()
    assert len({line.count("|") for line in (header, rule, modern, sngan)}) == 1
    assert (
        modern == "| this suite, `modern`, with the classes | 2 | 1,001 | 64,064 | 6.5 (6 to 7) | 0.81 | 4 | 2.00 | - |"
    )
    assert sngan == "| SNGAN, PyTorch | 1 | 100 | 6,400 | 8 | 1.00 | 2 | 1.00 | - |"


def test_table_without_a_peer_has_no_ratio():
    """Would catch a crash, or a ratio to ourselves, before the first peer was trained."""
    assert quality.table([row("modern", imagenet="6", cifar="4")]).endswith("| 6 | - | 4 | - | - |")


def wanted(system, seed="0", **values):
    """Make a row to be."""
    return {"system": system, "seed": seed, "flags": "", "minutes": "10", "n": "100", "data": "real.zip"} | values


def test_what_has_a_row_is_not_done_again():
    """Would catch a run repeated, or left out because another seed or another system has a row."""
    rows = [row("modern", "0"), row("dcgan", "1"), row(quality.REAL, "")]
    runs = [wanted(system, seed) for seed in "01" for system in ("modern", "dcgan")]
    left = [(new["system"], new["seed"]) for new in quality.still_to_do(rows, runs)]
    assert left == [("dcgan", "0"), ("modern", "1")]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"minutes": "5"}, "with minutes 10, received 5"),
        ({"n": "50"}, "with n 100, received 50"),
        ({"data": "other.zip"}, "with data real.zip, received other.zip"),
        ({"flags": "--filters 8"}, "with flags none, received --filters 8"),
    ],
)
def test_unlike_runs_are_not_mixed(changed, words):
    """Would catch a table that compares ten minutes with five, or a tuned run with an untuned one."""
    with pytest.raises(InputError, match=words):
        quality.still_to_do([row("modern")], [wanted("modern", **changed)])


def test_other_flags_of_another_system_are_no_matter():
    """Would catch flags compared across systems: each has its own."""
    runs = [wanted("modern"), wanted("dcgan", flags="--width 32")]
    assert quality.still_to_do([row("modern")], runs) == runs[1:]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A benchmark whose trainings take no time: a function from more flags to what was trained; `fail` stops it."""
    np.savez(tmp_path / "real.npz", x_train=np.zeros((70, 32, 32, 3), "uint8"))
    (tmp_path / "features.pt").touch()
    trained, state = [], {"fail": None}

    def train(system, seed, arguments, folder, log):
        assert not any(folder.iterdir())
        (folder / "half.txt").touch()
        if state["fail"] == (system, seed):
            raise InputError("stopped here")
        trained.append((system, seed, quality.flags_of(system, arguments)))
        np.savez(folder / "fakes.npz", np.full((64, 32, 32, 3), 100, "uint8"))
        measured = {"steps": 5, "pictures": 320, "seconds": "1.0", "discriminator_loss": 1, "generator_loss": 2}
        return measured | {"versions": "torch 9"}

    monkeypatch.setattr(quality, "train_ours", train)
    monkeypatch.setattr(quality, "train_peer", train)
    monkeypatch.setattr(quality, "judge", lambda fakes, *_: {"imagenet": "4.0", "cifar": "2.0", "fid": ""})
    monkeypatch.setattr(quality, "require_python", lambda *_: None)

    def play(*flags, fail=None):
        trained.clear()
        state["fail"] = fail
        common = ["--out", str(tmp_path / "out"), "--data", str(tmp_path / "real.npz"), "--n", "64"]
        quality.main([*common, "--features", str(tmp_path / "features.pt"), *flags])
        return list(trained)

    def systems():
        with open(play.out / "results.csv", newline="") as file:
            return [line["system"] for line in csv.DictReader(file)]

    play.trained, play.out, play.systems = trained, tmp_path / "out", systems
    return play


def test_a_stopped_benchmark_goes_on(bench, capsys):
    """Would catch rows that are lost when a later run fails, or a run that starts in the rest of a stopped one."""
    flags = ["--systems", "modern", "dcgan", "--seeds", "0", "1", "--flags", "dcgan=--width 32"]
    with pytest.raises(SystemExit) as stop:
        bench(*flags, fail=("modern", "1"))
    assert stop.value.code == 2
    assert bench.trained == [("modern", "0", []), ("dcgan", "0", ["--width", "32"])]
    assert bench.systems() == ["modern", "dcgan"]
    assert (bench.out / "modern_seed0.png").exists()
    assert (bench.out / "modern_seed1" / "half.txt").exists()

    assert bench(*flags) == [("modern", "1", []), ("dcgan", "1", ["--width", "32"])]
    assert bench(*flags) == []
    capsys.readouterr()
    assert bench("--table-only") == []
    printed = capsys.readouterr().out
    assert "| PyTorch examples' DCGAN | 2 | 5 | 320 | 4 | 1.00 | 2 | 1.00 | - |" in printed
    assert "dcgan: torch 9, --width 32" in printed


def test_real_pictures_are_a_row_once(bench):
    """Would catch the mark of the scale counted as a run of its own in every call, or as what --minutes is held to."""
    flags = ["--systems", "modern", "--test-data", str(bench.out.parent / "real.npz")]
    bench(*flags)
    bench(*flags)
    assert bench.systems() == [quality.REAL, "modern"]


def test_a_table_of_nothing_is_one_line(bench, capsys):
    """Would catch an empty table, or a traceback, where there are no results yet."""
    with pytest.raises(SystemExit) as stop:
        bench("--table-only")
    assert stop.value.code == 2
    assert "holds no results.csv" in capsys.readouterr().err


def test_a_missing_environment_is_one_line():
    """Would catch hours of training that end in a peer that cannot start; the line must say how to make it."""
    with pytest.raises(InputError, match="venv .peers-keras2 && .*requirements-peers-keras2.txt"):
        quality.require_python("no/such/python", "keras2", "--keras2-python")
    without = quality.MODULES | {"torch": "a_module_that_nobody_has"}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match="cannot import a_module_that"):
        patch.setattr(quality, "MODULES", without)
        quality.require_python(sys.executable, "torch", "--torch-python")


def test_a_failing_run_says_its_last_words(tmp_path):
    """Would catch a failed run taken for a finished one, or an error that hides the reason."""
    log, said = tmp_path / "log.txt", []
    quality.run_child([sys.executable, "-c", "print('well')"], log, "it", said.append)
    assert said == ["well\n"]
    with pytest.raises(InputError, match="it ended with exit code 3: too bad; .*log.txt"):
        quality.run_child([sys.executable, "-c", "print('too bad'); raise SystemExit(3)"], log, "it")
    assert "too bad" in log.read_text()


def test_rehearsal_is_timed_between_its_two_lines(monkeypatch):
    """Would catch a rehearsal timed from the start of Python, or one that is not counted at all."""
    now = iter([100.0, 107.5])
    monkeypatch.setattr(quality.time, "monotonic", lambda: next(now))
    watch = quality.Stopwatch()
    for line in ("machine   cpu\n", "time      early\n", "out       here\n", "note\n", "time      5 ms a step\n"):
        watch(line)
    assert watch.seconds == 7.5


def test_batches_show_every_picture_once_an_epoch():
    """Would catch drawing with replacement, an epoch in the order of the files, or the same order in every epoch."""
    images = np.arange(12, dtype="uint8").reshape(12, 1)
    batches = peer.endless_batches(images, 4, np.random.default_rng(0))
    epochs = [np.concatenate([next(batches) for _ in range(3)]).ravel().tolist() for _ in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 2
    assert epochs[0] != epochs[1] != list(range(12)) != epochs[0]
    with pytest.raises(InputError, match="--batch-size 13"):
        next(peer.endless_batches(images, 13, np.random.default_rng(0)))


def test_clock_counts_until_the_time_is_up(monkeypatch):
    """Would catch minutes taken for seconds, or a clock that is never looked at."""
    now = iter([0.0, 29.0, 30.0, 30.0, 61.0])
    monkeypatch.setattr(peer.time, "monotonic", lambda: next(now))
    clock = peer.Clock(minutes=1)
    assert clock.goes_on()  # 29 s
    clock.step(1.0, 2.0)
    assert (clock.steps, clock.losses) == (1, (1.0, 2.0))
    monkeypatch.setattr(peer.time, "monotonic", lambda: 60.0)
    assert not clock.goes_on()


def test_broken_pictures_are_refused():
    """Would catch NaN cast to black pictures, which a table would then compare."""
    assert peer.to_uint8([-1.0, 0.0, 1.0, 2.0]).tolist() == [0, 128, 255, 255]
    with pytest.raises(InputError, match="not finite"):
        peer.to_uint8([0.0, np.nan])


@needs_torch
@pytest.mark.parametrize("script", ["torch_dcgan.py", "torch_sngan.py"])
def test_a_torch_peer_leaves_what_is_compared(script, tmp_path):
    """Would catch a peer that does not learn at all, draws too few or unscaled pictures, or counts them wrongly."""
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), "uint8")
    np.savez(tmp_path / "pictures.npz", x_train=images)
    command = [sys.executable, ROOT / "benchmarks" / "peers" / script, "--data", tmp_path / "pictures.npz"]
    command += ["--out", tmp_path / "out", "--minutes", "0.01", "--n", "20", "--width", "4", "--batch-size", "8"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["steps"] >= 1 and run["pictures"] == 8 * run["steps"] and run["seconds"] >= 0.6
    assert run["settings"]["width"] == 4 and run["settings"]["numbers"] in ("float32", "bfloat16")
    with np.load(tmp_path / "out" / "fakes.npz") as arrays:
        fakes = arrays["arr_0"]
    assert (fakes.shape, fakes.dtype) == ((20, 32, 32, 3), np.uint8)
    assert 60 < fakes.mean() < 200
    if script == "torch_dcgan.py":  # after the one step of a busy machine SNGAN's pictures are still all grey
        assert len(np.unique(fakes.reshape(20, -1), axis=0)) == 20


@needs_torch
def test_spectral_normalization_is_on_every_layer_of_sngan(monkeypatch):
    """Would catch one layer that is left out, or a norm that is not 1 once the power iteration has settled."""
    import torch

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "peers"))
    import torch_sngan

    torch.manual_seed(0)
    network = torch_sngan.Discriminator(4)
    with torch.no_grad():
        for _ in range(50):
            network(torch.randn(2, 3, 32, 32))
    layers = [layer for layer in network.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert norms == pytest.approx([1.0] * 8, abs=0.02)


@needs_torch
def test_feature_network_learns_and_augments():
    """Would catch a classifier that learns nothing, or pictures that are moved by more than two pixels."""
    from benchmarks import train_feature_network as small

    random = np.random.default_rng(0)
    labels = np.arange(512) % 2
    images = (random.integers(0, 100, (512, 32, 32, 3)) + 100 * labels[:, None, None, None]).astype("uint8")
    network = small.train(images, labels, epochs=3)
    assert small.accuracy(network, images, labels) > 0.95

    dot = np.zeros((200, 32, 32, 3), "uint8")
    dot[:, 10, 20] = 255
    moved = small.augmented(dot, random)
    assert (moved.sum(axis=(1, 2, 3)) == 3 * 255).all()
    _, rows, columns = np.nonzero(moved[..., 0])
    assert set(rows) == {8, 9, 10, 11, 12}
    assert set(columns) == {18, 19, 20, 21, 22} | {9, 10, 11, 12, 13}  # mirrored: 31 - 20 = 11


@needs_torch
def test_feature_networks_see_pictures_on_their_own_scale(tmp_path):
    """Would catch a wrong scale for ImageNet's network, a set that is one class alone, and too few pictures."""
    import torch

    from benchmarks import feature_networks

    ends = feature_networks.enlarge(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 32, 32))
    assert ends.shape == (2, 3, 128, 128)
    assert ends[0].unique().tolist() == pytest.approx([-127 / 128])
    assert ends[1].unique().tolist() == pytest.approx([1.0])

    images = np.zeros((100, 32, 32, 3), "uint8")
    images[:, 0, 0, 0] = np.arange(100)
    np.savez(tmp_path / "fakes.npz", images)
    chosen = feature_networks.load_set(tmp_path / "fakes.npz", 20)[:, 0, 0, 0].tolist()
    assert chosen == sorted(set(chosen)) and chosen[0] < 20 and chosen[-1] >= 80
    assert feature_networks.load_set(tmp_path / "fakes.npz", 20)[:, 0, 0, 0].tolist() == chosen
    with pytest.raises(InputError, match="at least 101"):
        feature_networks.load_set(tmp_path / "fakes.npz", 101)


def test_interpreters_are_found_from_any_folder(monkeypatch, tmp_path):
    """Would catch a path that is looked up in the suite's folder, or a venv's python followed to what it links to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert quality.from_here("bin/python") == str(tmp_path / "bin" / "python")
    assert quality.from_here("python3") == "python3"
    assert quality.from_here(None) is None
