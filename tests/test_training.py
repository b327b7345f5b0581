"""Training from the outside: what is written, that it repeats to the byte, and that nothing is lost on the way."""

import csv
import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

import presets
import train
from modern.augment import Augmentation
from small_runs import SMALL, error_of, newest_checkpoint, play, save_twenty_pictures, stop_after, written
from support.run import checkpoints, plots, rehearsal

ROOT = pathlib.Path(train.__file__).parent


@pytest.fixture
def data(tmp_path):
    """Twenty small colour pictures of two classes in an .npz: three steps of eight an epoch."""
    return save_twenty_pictures(tmp_path / "pictures.npz")


def test_all_files_of_a_run(data, tmp_path):
    """Would catch a file of the design that is not written, misnamed, or empty."""
    out = tmp_path / "run"
    assert play(data, out, "--epochs", "3", "--save-every", "2", "--plot-every", "1") == 0
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == [
        "generator_e002.h5",
        "generator_e003.h5",
        "training_checkpoints_cifar10/checkpoint_00000006.npz",
        "training_checkpoints_cifar10/checkpoint_00000009.npz",
        "training_logs/discriminator_output.png",
        "training_logs/generated_plot_e001.png",
        "training_logs/generated_plot_e002.png",
        "training_logs/generated_plot_e003.png",
        "training_logs/history.csv",
        "training_logs/losses.png",
        "training_logs/progress.gif",
        "training_logs/real_fake.png",
        "training_logs/report.png",
        "training_logs/settings.json",
    ]
    rows = list(csv.DictReader((out / "training_logs/history.csv").open()))
    assert [(row["epoch"], row["steps"]) for row in rows] == [("1", "3"), ("2", "3"), ("3", "3")]
    _, groups, _ = newest_checkpoint(out / "training_checkpoints_cifar10")
    steps = groups["history"][0]
    assert float(rows[1]["discriminator_loss"]) == pytest.approx(steps[3:6, 0].mean(), abs=1e-6)
    assert float(rows[2]["d_of_fake"]) == pytest.approx(steps[6:9, 3].mean(), abs=1e-6)
    stored = json.loads((out / "training_logs/settings.json").read_text())
    assert (stored["preset"], stored["filters"], stored["epochs"]) == ("cifar10", 2, 3)


def test_the_generator_file_is_plain_keras(data, tmp_path):
    """Would catch a file that needs this suite, or one whose `gan` attribute misses what samples.py reads."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "1", "--conditional", "--mixed-precision", "--seed", "3")
    with h5py.File(out / "generator_e001.h5") as file:
        information = json.loads(file.attrs["gan"])
        assert "bfloat16" not in file.attrs["model_config"]
    assert information.pop("versions")["keras"] == keras.__version__
    expected = {"preset": "cifar10", "epoch": 1, "noise_size": 4, "fit": "cover", "class_names": ["0", "1"], "seed": 3}
    assert information == expected | {"data": None}  # pictures of a user: their path stays at home
    code = (
        "import sys, keras; model = keras.models.load_model(sys.argv[1], compile=False); "
        "print({type(layer).__module__.split('.')[0] for layer in model.layers}, model.dtype)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, out / "generator_e001.h5"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "{'keras'} float32"


def test_two_runs_end_in_the_same_bytes_and_another_seed_does_not(data, tmp_path):
    """Would catch randomness that no seed reaches, names that count models, times inside files, or an unused seed."""
    for name, seed in (("one", "1"), ("two", "1"), ("other", "2")):
        play(data, tmp_path / name, "--epochs", "2", "--seed", seed)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert written(tmp_path / "one")[0] != written(tmp_path / "other")[0]


@pytest.mark.parametrize("network", ["classic", "dcgan"])
def test_resume_reaches_the_same_bytes(data, tmp_path, monkeypatch, network):
    """Would catch lost dropout seeds, Adam moments, statistics or place in the data, inside an epoch and at its end;
    a stop that leaves nothing to draw with; and a generator of the stop that stays where its epoch went on."""
    flags = ["--epochs", "3", "--network", network, "--discriminator-batch-normalization", "--conditional"]
    play(data, tmp_path / "whole", *flags, "--save-every", "1")
    generators, arrays = written(tmp_path / "whole")
    for steps, epoch in ((1, 1), (3, 1), (4, 2)):  # an epoch has three
        parts = tmp_path / f"stopped after {steps}"
        stop_after(monkeypatch, steps)
        assert play(data, parts, *flags) == 130
        of_stop = f"generator_e{epoch:03d}.h5"
        assert [path.name for path in parts.glob("*.h5")] == [of_stop]
        stop_after(monkeypatch, None)
        assert train.main(["--resume", "--out", str(parts)]) == 0
        assert written(parts) == ({name: generators[name] for name in (of_stop, "generator_e003.h5")}, arrays)


def test_resume_extends_a_finished_run_to_the_same_bytes(data, tmp_path):
    """Would catch a finished run that cannot go on, or goes on from another place than a longer run passes through."""
    play(data, tmp_path / "long", "--epochs", "3")
    play(data, tmp_path / "short", "--epochs", "1")
    train.main(["--resume", "--epochs", "3", "--out", str(tmp_path / "short")])
    assert written(tmp_path / "short")[1] == written(tmp_path / "long")[1]
    assert (tmp_path / "short/generator_e003.h5").read_bytes() == (tmp_path / "long/generator_e003.h5").read_bytes()


def test_ctrl_c_saves_and_says_how_to_go_on(data, tmp_path):
    """Would catch a traceback on Ctrl-C, a step cut in two, or a stop that saves nothing."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "train.py"), "--data", data, *SMALL, "--epochs", "100000", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert re.search(r"^stopped   by Ctrl-C, in epoch \d+ of 100,000; everything is saved in ", rest, re.MULTILINE)
    assert f"go on with: python train.py --resume --out {out}\n" in rest
    (generator,) = out.glob("*.h5")
    assert f"draw with: python samples.py {generator}\n" in rest
    path, groups, _ = newest_checkpoint(out / "training_checkpoints_cifar10")
    assert len(groups["history"][0]) == int(path.stem.split("_")[1]) >= 6


def test_minutes_stop_cleanly_with_the_epoch_it_was_in(data, tmp_path, capsys):
    """Would catch a time limit that loses the work, or that numbers the generator after the epoch that finished."""
    out = tmp_path / "run"
    assert play(data, out, "--epochs", "5", "--minutes", "0.00001") == 0
    assert [path.name for path in out.glob("*.h5")] == ["generator_e001.h5"]
    said = capsys.readouterr().out
    assert "stops after 1e-05 min" in said and said.count(" 0 s left") == 1  # not the time that all epochs would take
    assert "stopped   after 1e-05 min, in epoch 1 of 5; everything is saved in " in said
    train.main(["--resume", "--out", str(out)])
    assert (out / "generator_e005.h5").exists()


def test_a_stop_while_files_are_written_loses_nothing(data, tmp_path, monkeypatch):
    """Would catch a Ctrl-C during the plots of an epoch that ends the run without a checkpoint."""
    draw = plots.draw_history

    def interrupted_draw(*arguments):
        monkeypatch.setattr(plots, "draw_history", draw)  # a second Ctrl-C would end the run at once
        signal.raise_signal(signal.SIGINT)
        draw(*arguments)

    monkeypatch.setattr(plots, "draw_history", interrupted_draw)
    assert play(data, tmp_path / "run", "--epochs", "3", "--plot-every", "1") == 130
    _, groups, _ = newest_checkpoint(tmp_path / "run/training_checkpoints_cifar10")
    assert len(groups["history"][0]) == 4  # three steps of the first epoch, and the one before it was seen


def test_dry_run_of_a_single_batch(data, tmp_path):
    """Would catch a smoke test that fails where all pictures fit into one batch."""
    assert train.main(["--data", data, "--filters", "2", "--dry-run", "--out", str(tmp_path / "run")]) == 0


def test_a_full_disk_under_the_generator(data, tmp_path):
    """Would catch HDF5 crashing the process when there is no room for the generator's file."""
    out = tmp_path / "run"
    limited = (
        "import resource, sys, train; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000)); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.exit(train.main(sys.argv[1:]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", limited, "--data", data, *SMALL, "--epochs", "1", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("train.py: ") and answer.stderr.count("\n") == 1
    assert "generator_e001.h5: File too large" in answer.stderr
    assert not list(out.rglob("*partial*")) and not list(out.glob("*.h5"))
    assert len(checkpoints.checkpoint_paths(out / "training_checkpoints_cifar10")) == 1


def test_dry_run_writes_everything_and_gives_way(data, tmp_path, capsys):
    """Would catch a smoke test that skips a file, plays a whole epoch, or blocks the real run after it."""
    out = tmp_path / "run"
    play(data, out, "--dry-run")
    capsys.readouterr()
    assert (out / "generator_e001.h5").exists() and len(list((out / "training_logs").iterdir())) == 8
    _, groups, _ = newest_checkpoint(out / "training_checkpoints_cifar10")
    assert len(groups["history"][0]) == 2
    assert "holds a dry run only" in error_of(capsys, "--resume", "--out", str(out))
    assert play(data, out, "--epochs", "1") == 0


@pytest.mark.parametrize("loss", ["bce", "relativistic"])
def test_the_noise_before_d_is_as_strong_as_asked(loss):
    """Would catch an `--augment-noise` that is stored and announced but does not reach the layer, in either game."""
    values = presets.CLASSIC | {"filters": 2, "noise_size": 4, "image_size": [8, 8], "dropout": 0.0, "loss": loss}
    players = train.build_players(values | {"augment": ["noise"], "augment_noise": 0.35}, 0)
    seen_through = [*players.discriminator.layers, *players.combined.layers]
    if loss == "relativistic":
        seen_through.append(players.discriminator_turn.augmentation)
    found = [layer for layer in seen_through if isinstance(layer, Augmentation)]
    assert len(found) == (2 if loss == "relativistic" else 1)  # D's turn and G's
    assert all(layer.noise_deviation == 0.35 for layer in found)


def test_the_rehearsal_leaves_no_trace(data):
    """Would catch the check's steps being kept: every variable, optimizer and seed must be bit-equal after it."""
    pictures = train.defDATA.load_pictures(data)
    values = presets.CLASSIC | {"seed": 0, "filters": 2, "noise_size": 4, "batch_size": 8, "image_size": [8, 8]}
    players = train.build_players(values, 0)
    variables = [variable for group in train.checkpoints.all_variables(players).values() for variable in group]
    before = checkpoints.copy_variables(variables)
    images, *rest = train.step_inputs(pictures, values, 1, 0)
    assert rehearsal.rehearse(train.play_step, players, train.defDATA.to_floats(images), *rest, values) > 0
    for old, new in zip(before, checkpoints.copy_variables(variables), strict=True):
        assert np.array_equal(old, new)
    assert any("seed" in variable.path for variable in variables)


def test_a_sure_d_does_not_stop_a_resumed_run(data, tmp_path, monkeypatch):
    """Would catch a long run that cannot go on: a D that is sure of a batch has a hinge loss and a gradient of 0."""

    def stand_still(players, real, classes, noise, check=None):
        if check:
            check.moved(players.discriminator)
            check.moved(players.generator)
        return tuple(keras.ops.zeros(()) for _ in range(5)), None

    def exit_code(*arguments):
        with pytest.raises(SystemExit) as stopped:
            train.main([*arguments, "--out", str(tmp_path / "run")])
        return stopped.value.code

    play(data, tmp_path / "run", "--loss", "hinge", "--epochs", "1")
    monkeypatch.setattr(train, "step_of", lambda settings, players: stand_still)
    monkeypatch.setattr(train, "train", lambda play, lesson, players, run: sys.exit(0))
    assert exit_code("--resume", "--epochs", "2") == 0
    assert exit_code("--overwrite", "--data", data, *SMALL) == 2  # the first step of a new run must move all kernels


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")  # the trap itself
def test_a_run_with_a_frozen_discriminator_is_stopped(data, tmp_path, monkeypatch, capsys):
    """Would catch hours spent on the Keras 3 trap: with D frozen the run must not begin, and must write nothing."""
    compile_players = train.defGAN.compile_players

    def compile_and_freeze(generator, discriminator, *arguments, **more):
        combined = compile_players(generator, discriminator, *arguments, **more)
        discriminator.trainable = False
        return combined

    monkeypatch.setattr(train.defGAN, "compile_players", compile_and_freeze)
    line = error_of(capsys, "--data", data, "--out", str(tmp_path / "run"), *SMALL)
    assert line.startswith("train.py: the discriminator does not learn")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(data, tmp_path, capsys):
    """Would catch a diverged run that plays on, or that saves its NaN over the last good checkpoint."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "1")
    _, before, information = newest_checkpoint(out / "training_checkpoints_cifar10")
    group = [np.full_like(array, 1e38) if array.ndim > 1 else array for array in before["discriminator"]]
    checkpoints.save_checkpoint(out / "training_checkpoints_cifar10", 3, before | {"discriminator": group}, information)
    capsys.readouterr()
    line = error_of(capsys, "--resume", "--epochs", "9", "--out", str(out))
    assert "loss is" in line and "--learning-rate" in line and "checkpoint_00000003.npz" in line
    _, after, _ = newest_checkpoint(out / "training_checkpoints_cifar10")
    assert all(np.isfinite(array).all() for arrays in after.values() for array in arrays)


def test_a_checkpoint_with_nan_is_not_written(tmp_path):
    """Would catch weights that broke in the very step whose loss was still fine."""
    checkpoints.save_checkpoint(tmp_path, 1, {"generator": [np.ones(2, "float32")]}, {})
    with pytest.raises(ValueError, match="not finite at step 2"):
        checkpoints.save_checkpoint(tmp_path, 2, {"generator": [np.array([1.0, np.nan], "float32")]}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint_00000001.npz"]


def test_a_full_disk_loses_nothing(data, tmp_path, monkeypatch, capsys):
    """Would catch half a checkpoint left in place of a whole one, or a traceback, when the disk is full."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "1")
    before = written(out)

    def no_space(file, **arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    monkeypatch.setattr(checkpoints.np, "savez", no_space)
    line = error_of(capsys, "--resume", "--epochs", "2", "--out", str(out))
    assert "No space left on device" in line and "free some space" in line
    assert written(out) == before
    assert not list(out.rglob("*partial*")) and not list(out.rglob(".*"))


def in_a_future_format(content):
    """Let a zip ask for version 20.0 of the format, as one changed byte does: `zipfile` has its own error for it."""
    changed = content.replace(b"PK\x01\x02\x2d\x03\x2d", b"PK\x01\x02\x2d\x03\xc8")
    assert changed != content
    return changed


@pytest.mark.parametrize("damage", [lambda content: content[:1000], in_a_future_format], ids=["cut", "future"])
def test_a_damaged_newest_checkpoint_falls_back(data, tmp_path, capsys, damage):
    """Would catch one damaged file ending a run that has a sound checkpoint before it."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "2", "--save-every", "1")
    newest = checkpoints.checkpoint_paths(out / "training_checkpoints_cifar10")[-1]
    whole = (out / "generator_e002.h5").read_bytes()
    newest.write_bytes(damage(newest.read_bytes()))
    (out / "generator_e002.h5").unlink()
    train.main(["--resume", "--out", str(out)])
    assert "is damaged" in capsys.readouterr().out
    assert (out / "generator_e002.h5").read_bytes() == whole


def test_the_newest_three_checkpoints_stay(tmp_path):
    """Would catch a disk filled with checkpoints, or the newest ones removed instead of the oldest."""
    for step in (5, 40, 300, 2000):
        checkpoints.save_checkpoint(tmp_path, step, {"generator": [np.ones(1)]}, {"step": step})
    names = [path.name for path in checkpoints.checkpoint_paths(tmp_path)]
    assert names == ["checkpoint_00000040.npz", "checkpoint_00000300.npz", "checkpoint_00002000.npz"]
    assert newest_checkpoint(tmp_path)[2] == {"step": 2000}


def test_a_folder_that_holds_a_run(data, capsys, tmp_path):
    """Would catch a run overwritten by a second one, the three ways on not named, or --overwrite leaving old files."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "2", "--save-every", "1")
    before = written(out)
    line = error_of(capsys, "--data", data, "--out", str(out))
    assert all(way in line for way in ("--resume", "--out", "--overwrite"))
    error_of(capsys, "--data", "nowhere", "--out", str(out), "--overwrite")
    assert written(out) == before  # a mistake costs nothing
    play(data, out, "--epochs", "1", "--overwrite")
    assert [path.name for path in out.glob("*.h5")] == ["generator_e001.h5"]


def test_wrong_ways_to_resume(data, capsys, tmp_path):
    """Would catch a run continued with other settings, other pictures, another preset, or from nothing."""
    out = tmp_path / "run"
    assert "nothing to resume" in error_of(capsys, "--resume", "--out", str(out))
    play(data, out, "--epochs", "1")
    resume = ["--resume", "--epochs", "2", "--out", str(out)]
    assert "preset cifar10, not cifar100" in error_of(capsys, *resume, "--preset", "cifar100")
    assert "--batch-size is 8 in this run, received 4" in error_of(capsys, *resume, "--batch-size", "4")
    assert "--seed is 0 in this run, received 5" in error_of(capsys, *resume, "--seed", "5")
    assert "leave these out" in error_of(capsys, *resume, "--overwrite")
    other = tmp_path / "other.npz"
    np.savez(other, x_train=np.zeros((20, 8, 8, 3), "uint8"), y_train=np.arange(20) % 2)
    assert "are not those this run began with" in error_of(capsys, *resume, "--data", str(other))
    assert "has played 1 epochs already" in error_of(capsys, "--resume", "--out", str(out))
    for path in checkpoints.checkpoint_paths(out / "training_checkpoints_cifar10"):
        path.write_bytes(b"")
    assert "none of the 1 checkpoints" in error_of(capsys, *resume)


def test_a_run_from_before_a_setting_resumes_with_its_default(data, capsys, tmp_path):
    """Would catch a traceback over a setting that the stored run does not know, or a typed one that slips in."""
    out = tmp_path / "run"
    play(data, out, "--epochs", "1", "--augment", "noise")
    path, groups, about = newest_checkpoint(out / "training_checkpoints_cifar10")
    assert about["settings"].pop("augment_noise") == 0.2
    checkpoints.save_checkpoint(path.parent, len(groups["history"][0]), groups, about)
    line = error_of(capsys, "--resume", "--epochs", "2", "--out", str(out), "--augment-noise", "0.3")
    assert "--augment-noise is 0.2 in this run, received 0.3" in line
    assert train.main(["--resume", "--epochs", "2", "--out", str(out), "--augment-noise", "0.2"]) == 0
    assert "augment noise, augment_noise 0.2" in capsys.readouterr().out


def test_the_same_pictures_in_another_place_resume(data, tmp_path):
    """Would catch a run that cannot go on because its data moved."""
    play(data, tmp_path / "run", "--epochs", "1")
    moved = tmp_path / "moved.npz"
    pathlib.Path(data).rename(moved)
    assert train.main(["--resume", "--epochs", "2", "--data", str(moved), "--out", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize("network", ["residual", "taught"])
def test_modern_repeats_and_resumes_to_the_byte(data, tmp_path, monkeypatch, network):
    """Would catch the averages, the noise of the slopes, or what D's eye has learnt being made anew after a resume."""
    flags = ["--preset", "modern", "--network", network, "--augment", "color", "--epochs", "2"]
    play(data, tmp_path / "whole", *flags)
    # The lesson asks too: before each of its 20 steps, and twice after them.
    stop_after(monkeypatch, 27 if network == "taught" else 4)
    assert play(data, tmp_path / "parts", *flags) == 130
    stop_after(monkeypatch, 0)
    assert train.main(["--resume", "--out", str(tmp_path / "parts")]) == 0
    whole, parts = written(tmp_path / "whole"), written(tmp_path / "parts")
    assert whole == parts
    assert len(whole[1]["generator optimizer"]) > 15  # the averages are in it
    assert len(whole[1].get("turns", [])) == (2 if network == "residual" else 0)  # the seeds of augmentation and slopes


def test_a_stop_in_the_lesson(data, tmp_path, monkeypatch, capsys):
    """Would catch a game that goes on with an eye half taught, where Ctrl-C came before the first step."""
    flags = ["--preset", "modern", "--network", "taught", "--epochs", "1"]
    play(data, tmp_path / "whole", *flags)
    stop_after(monkeypatch, 5)
    assert play(data, tmp_path / "parts", *flags) == 130
    assert "go on with: " in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "parts").rglob("*.npz")] == ["checkpoint_00000000.npz"]
    stop_after(monkeypatch, 0)
    assert train.main(["--resume", "--out", str(tmp_path / "parts")]) == 0
    assert written(tmp_path / "whole") == written(tmp_path / "parts")


def test_a_dry_run_tells_how_long_the_real_one_takes(data, tmp_path, capsys):
    """Would catch the two steps of the dry run taken for the run that somebody plans: 20 pictures in eights are 3."""
    play(data, tmp_path / "run", "--dry-run")
    assert re.search(r"an epoch of 3 steps, .* for the real run of 200 epochs\n", capsys.readouterr().out)
    play(data, tmp_path / "run", "--dry-run", "--epochs", "1", "--minutes", "9")
    assert "for the real run of 1 epoch; stops after 9 min" in capsys.readouterr().out


def test_to_seed_is_quiet():
    """Would catch TensorFlow's messages at the start of a run on another backend: Keras imports it to seed it too."""
    code = "import support.system.silent_start; from support.system import machine; machine.set_random_seed(0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
