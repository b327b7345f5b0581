"""What a run is: wrong flags, what the machine and the pictures choose, what has no meaning, ways to resume."""

import argparse
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import defDATA
import presets
import train
from modern import augment
from small_runs import SMALL, error_of, play, save_twenty_pictures
from support.run import announce, settings

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def data(tmp_path):
    """Twenty small colour pictures of two classes in an .npz: three steps of eight an epoch."""
    return save_twenty_pictures(tmp_path / "pictures.npz")


def parsed(*words):
    """Parse words as train.py does."""
    tables = (train.PRESETS, train.NETWORKS, train.LOSSES, augment.KINDS, defDATA.SOURCES)
    return train.flags.parse_arguments(list(words), *tables)


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--preset", "cifar11", "invalid choice: 'cifar11'"),
        ("--epochs", "0", "received '0'; give a whole number from 1 up"),
        ("--epochs", "2.5", "received '2.5'"),
        ("--batch-size", "-4", "received '-4'"),
        ("--batch-size", "1", "give a whole number from 2 up"),
        ("--seed", "4294967296", "from 0 to 4294967295"),
        ("--image-size", "0", "received '0'"),
        ("--image-size", "7x32", "each side from 8 up"),
        ("--image-size", "large", "received 'large'"),
        ("--minutes", "0", "received '0'; give a number above 0"),
        ("--minutes", "nan", "received 'nan'"),
        ("--learning-rate", "-1", "give a number above 0"),
        ("--label-smoothing", "1", "from 0 to below 1"),
        ("--dropout", "x", "received 'x'"),
        ("--channels", "2", "choose from 1, 3, 4"),
        ("--loss", "wasserstein", "invalid choice"),
        ("--seed", "-1", "received '-1'"),
        ("--mixed-precision", "maybe", "received 'maybe'; give auto, yes, no"),
        ("--epoch-count", "3", "unrecognized arguments"),
    ],
)
def test_a_wrong_flag_is_one_line(capsys, tmp_path, flag, value, expected):
    """Would catch a nonsense value reaching the networks, or an error of more than a line."""
    assert expected in error_of(capsys, flag, value, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_wrong_places_are_one_line(data, capsys, tmp_path, monkeypatch):
    """Would catch a missing source or an impossible --out found out after the work, or with a traceback."""
    out = str(tmp_path / "run")
    assert "no such file or folder: nowhere" in error_of(capsys, "--data", "nowhere", "--out", out)
    assert "needs pictures: give --data" in error_of(capsys, "--preset", "folder", "--out", out)
    (tmp_path / "empty").mkdir()
    assert "no picture" in error_of(capsys, "--data", str(tmp_path / "empty"), "--out", out)
    assert "is a file, not a folder" in error_of(capsys, "--data", data, "--out", data + "/run")
    assert "is a file" in error_of(capsys, "--data", data, "--overwrite", "--out", data)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert "may not be written to" in error_of(capsys, "--data", data, "--out", out)
    assert not (tmp_path / "run").exists()


def test_batch_and_classes_that_the_data_cannot_give(data, capsys, tmp_path):
    """Would catch a typed batch that shrinks in silence, a preset's that does not, or classes made up."""
    out = tmp_path / "run"
    line = error_of(capsys, "--data", data, "--batch-size", "21", "--out", str(out))
    assert "--batch-size 21 is more than the 20 pictures" in line
    plain = tmp_path / "plain.npz"
    np.savez(plain, x_train=np.zeros((20, 8, 8, 3), "uint8"))
    assert "has none; make one folder a class" in error_of(
        capsys, "--data", str(plain), "--conditional", "--out", str(out)
    )
    assert not out.exists()
    train.main(["--data", data, "--filters", "2", "--epochs", "1", "--out", str(out)])
    assert "the preset's batch_size 128 becomes 16 for 20 pictures" in capsys.readouterr().out
    assert json.loads((out / "training_logs/settings.json").read_text())["batch_size"] == 16


def test_hinge_takes_no_label_smoothing(data, capsys, tmp_path):
    """Would catch a typed value that is ignored in silence, and a preset's smoothing shown though hinge has none."""
    flags = ["--data", data, *SMALL, "--loss", "hinge", "--out", str(tmp_path / "run")]
    assert "no meaning with --loss hinge" in error_of(capsys, *flags, "--label-smoothing", "0.1")
    train.main([*flags, "--preset", "cars", "--dry-run"])
    assert "loss hinge" in (said := capsys.readouterr().out) and "label_smoothing" not in said
    assert json.loads((tmp_path / "run/training_logs/settings.json").read_text())["label_smoothing"] == 0.0


def test_an_npz_keeps_its_own_size_and_channels(tmp_path):
    """Would catch MNIST enlarged to 32x32 and coloured because the preset says so."""
    path = tmp_path / "digits.npz"
    np.savez(path, x_train=np.random.default_rng(0).integers(0, 256, (9, 12, 10), "uint8"))
    train.main(["--data", str(path), "--filters", "2", "--epochs", "1", "--out", str(tmp_path / "run")])
    model = keras.models.load_model(tmp_path / "run/generator_e001.h5", compile=False)
    assert model.output_shape == (None, 12, 10, 1)


def test_the_mnist_preset_on_keras_own_file(tmp_path):
    """Would catch a preset that cannot train on MNIST's file as Keras stores it, without an axis for the channel, or
    that leaves the labels of the digits unused."""
    path = tmp_path / "mnist.npz"
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), "uint8")
    np.savez(path, x_train=images, y_train=np.arange(9, dtype="uint8"), x_test=images[:2], y_test=np.zeros(2, "uint8"))
    out = tmp_path / "run"
    train.main(["--preset", "mnist", "--data", str(path), "--filters", "2", "--epochs", "1", "--out", str(out)])
    model = keras.models.load_model(out / "generator_e001.h5", compile=False)
    assert model.output_shape == (None, 28, 28, 1) and [tensor.shape for tensor in model.inputs] == [
        (None, 100),
        (None, 1),
    ]
    assert (out / "training_checkpoints_mnist").exists()


def test_a_run_without_a_checkpoint_has_two_ways_on(data, capsys, tmp_path):
    """Would catch --resume and a new start that send each other away, after a kill before the first checkpoint."""
    out = tmp_path / "run"
    (out / "training_checkpoints_cifar10").mkdir(parents=True)  # what such a run leaves
    (out / "training_logs").mkdir()
    line = error_of(capsys, "--data", data, "--out", str(out))
    assert "--overwrite" in line and "--resume" not in line
    line = error_of(capsys, "--resume", "--out", str(out))
    assert "nothing to resume" in line and "--overwrite" in line and "start without" not in line
    play(data, out, "--epochs", "1", "--overwrite")


def test_may_change_on_resume_is_no_more_than_promised():
    """Would catch a setting of the game slipping into the list of those that a resumed run may change."""
    promised = {"epochs", "save_every", "plot_every", "score_every", "data"}
    assert promised == settings.MAY_CHANGE_ON_RESUME


def test_what_has_no_meaning_with_a_loss_is_refused(data, tmp_path, capsys):
    """Would catch a flag that changes nothing, or a relativistic D with dropout, whose slopes are chance."""
    out = ["--data", data, "--out", str(tmp_path / "run")]
    line = error_of(capsys, *out, "--preset", "modern", "--network", "residual", "--dropout", "0.4")
    assert "--dropout 0.4 has no meaning with --loss relativistic" in line
    line = error_of(capsys, *out, "--preset", "modern", "--loss", "relativistic", "--network", "taught")
    assert "--loss relativistic does not go together with --network taught; use --loss bce or hinge or lsgan" in line
    line = error_of(capsys, *out, "--lesson-steps", "9")
    assert "--lesson-steps 9 has no meaning with --network classic" in line
    line = error_of(capsys, *out, "--augment", "color", "--augment-noise", "0.3")
    assert "--augment-noise 0.3 has no meaning without --augment noise; add it, or leave it out" in line
    line = error_of(capsys, *out, "--slope-weight", "2")
    assert "--slope-weight 2.0 has no meaning with --loss bce" in line
    assert not (tmp_path / "run").exists()


def test_any_preset_can_play_the_relativistic_game(data, tmp_path, capsys):
    """Would catch a preset whose own dropout or batch normalization stops `--loss relativistic`."""
    assert play(data, tmp_path / "run", "--preset", "folder", "--loss", "relativistic", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "discriminator_batch_normalization no, dropout 0.0" in said and "slope_weight 1.0" in said


def test_the_machine_chooses_the_networks(monkeypatch):
    """Would catch a laptop given a GPU's networks, a typed width that is not taken, or networks of mixed kinds."""
    for devices, row in ((["cpu:0"], presets.ON_A_CPU), (["gpu:0", "cpu:0"], presets.ON_A_GPU)):
        monkeypatch.setattr(settings.machine, "devices", lambda devices=devices: devices)
        values = train.PRESETS["modern"] | {"mixed_precision": False}
        chosen, (remark,) = settings.fit_to_machine(values, presets.ON_A_CPU, presets.ON_A_GPU)
        assert {name: chosen[name] for name in row} == row
        assert remark.startswith(f"chosen    network {row['network']}, filters {row['filters']}, ")
        assert values["network"] is None and train.PRESETS["modern"]["network"] is None  # what was given stays as it is
    monkeypatch.setattr(settings.machine, "devices", lambda: ["cpu:0"])
    values = train.PRESETS["modern"] | {"mixed_precision": False, "filters": 7, "network": "residual"}
    chosen, _ = settings.fit_to_machine(values, presets.ON_A_CPU, presets.ON_A_GPU)
    assert (chosen["filters"], chosen["generator_batch_normalization"], chosen["learning_rate"]) == (7, False, 2e-4)
    values = train.PRESETS["cifar10"] | {"mixed_precision": True}
    assert settings.fit_to_machine(values, presets.ON_A_CPU, presets.ON_A_GPU) == (values, [])


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--mixed-precision"], True),
        (["--mixed-precision", "yes"], True),
        (["--mixed-precision", "no"], False),
        (["--no-mixed-precision"], False),
        (["--mixed-precision", "auto"], "auto"),
        ([], None),
    ],
)
def test_the_words_of_mixed_precision(words, value):
    """Would catch "no" that counts as yes because it is a text, or the flag without a word, as it was typed before."""
    assert parsed(*words).mixed_precision == value


def test_a_resumed_run_keeps_its_precision(data, tmp_path, capsys, monkeypatch):
    """Would catch a run that goes on with another precision on another machine, or `auto` that stops `--resume`."""
    out = tmp_path / "run"
    assert play(data, out, "--epochs", "1") == 0
    monkeypatch.setattr(settings.machine, "gains_from_bfloat16", lambda: True)
    assert train.main(["--resume", "--epochs", "2", "--mixed-precision", "auto", "--out", str(out)]) == 0
    assert "mixed_precision no" in capsys.readouterr().out
    assert "--mixed-precision is no in this run" in error_of(
        capsys, "--resume", "--epochs", "3", "--mixed-precision", "--out", str(out)
    )


@pytest.mark.parametrize(
    ("flags", "chosen"), [("avx2 fma", "float32"), ("avx512_vnni avx512_bf16", "bfloat16"), (None, "float32")]
)
def test_the_machine_chooses_the_precision(tmp_path, monkeypatch, flags, chosen):
    """Would catch bfloat16 on a processor that only imitates it, where a step takes eight times as long."""
    processor_file = tmp_path / "cpuinfo"
    if flags:
        processor_file.write_text(f"model name : any\nflags : fpu sse {flags} erms\n")
    monkeypatch.setattr(settings.machine, "devices", lambda: ["cpu:0"])
    monkeypatch.setattr(settings.machine.keras.backend, "backend", lambda: "tensorflow")
    gains = settings.machine.gains_from_bfloat16
    monkeypatch.setattr(settings.machine, "gains_from_bfloat16", lambda: gains(processor_file))
    values = train.PRESETS["cifar10"]
    fitted_values, (remark,) = settings.fit_to_machine(values, presets.ON_A_CPU, presets.ON_A_GPU)
    assert fitted_values["mixed_precision"] == (chosen == "bfloat16")
    assert f"precision {chosen}, the faster one" in remark
    monkeypatch.setattr(settings.machine.keras.backend, "backend", lambda: "jax")
    assert not gains(processor_file)


def test_one_rate_that_is_typed_is_both_players(monkeypatch):
    """Would catch `--learning-rate` leaving G's at the preset's twice as high one."""
    monkeypatch.setattr(settings.machine, "devices", lambda: ["cpu:0"])
    values = train.PRESETS["modern"] | {"mixed_precision": False, "learning_rate": 1e-4}
    chosen, _ = settings.fit_to_machine(values, presets.ON_A_CPU, presets.ON_A_GPU)
    assert chosen["generator_learning_rate"] is None and chosen["learning_rate"] == 1e-4


def test_each_setting_is_said_once():
    """Would catch a setting that is added to the presets and never printed, or one that is printed twice."""
    said = list(itertools.chain(*announce.THEMES.values()))
    assert sorted(said) == sorted([*presets.CLASSIC, "seed"])


def test_each_setting_is_a_flag():
    """Would catch a setting of the presets that nobody can type."""
    assert {*presets.CLASSIC, "seed"} <= set(vars(parsed()))


def test_a_misspelt_setting_of_a_preset():
    """Would catch a preset's row whose value changes nothing, as its name is wrong."""
    assert presets.preset(epochs=3) == presets.CLASSIC | {"epochs": 3}
    with pytest.raises(ValueError, match="no setting 'misspelt'; choose from data, image_size, "):
        presets.preset(misspelt=1)


# Few pictures


def fitted(count, typed=(), **values):
    """Fit the folder preset to so many pictures; return the settings."""
    given = {"seed": 0, "dry_run": False} | train.PRESETS["folder"] | values
    pictures = defDATA.Pictures(np.zeros((count, 8, 12, 3), "uint8"), None, None, "here")
    arguments = argparse.Namespace(**{name: given[name] for name in typed})
    before = dict(given)
    chosen, _ = settings.fit_to_pictures(given, pictures, arguments, augment.FOR_FEW_PICTURES)
    assert given == before  # what was given stays as it is
    return chosen


@pytest.mark.parametrize(
    ("count", "batch", "plot", "save"),
    [
        (250, 31, 11, 44),  # 250 / 8 = 31.25; then 9 steps an epoch: 100 / 9 = 11.1, 400 / 9 = 44.4
        (20, 16, 50, 200),  # not below 16; 2 steps
        (10, 10, 100, 400),  # nor above what is there; 1 step
        (1023, 127, 11, 44),
        (1024, 128, 12, 50),  # 8 steps
        (60_000, 128, 1, 10),  # 469 steps: the preset's own
    ],
)
def test_what_few_pictures_change(count, batch, plot, save):
    """Would catch two steps an epoch, a batch too small for batch normalization, or a run that only draws."""
    chosen = fitted(count)
    assert (chosen["batch_size"], chosen["plot_every"], chosen["save_every"]) == (batch, plot, save)


def test_what_was_typed_stays():
    """Would catch a typed value that is overruled, and a frequency that does not follow from the typed batch."""
    chosen = fitted(250, ["batch_size", "save_every"], batch_size=100, save_every=3)
    assert (chosen["batch_size"], chosen["save_every"], chosen["plot_every"]) == (100, 3, 33)  # 100 / 3 steps


def test_few_pictures_are_augmented_unless_told():
    """Would catch the limit one off, a list shared by all runs, and a typed "none" taken for "not typed"."""
    assert fitted(1999)["augment"] == ["color", "translation", "cutout"]
    assert fitted(2000)["augment"] == []
    assert fitted(50, ["augment"], augment=[])["augment"] == []
    assert fitted(5000, ["augment"], augment=["cutout"])["augment"] == ["cutout"]


def test_a_resumed_run_keeps_what_it_had():
    """Would catch a run that was begun with other limits and is resumed with another batch or augmentation."""
    stored = fitted(250) | {"batch_size": 128, "plot_every": 1, "save_every": 1, "augment": []}
    assert fitted(250, **stored) == stored


@pytest.mark.parametrize(
    ("text", "kinds"), [("none", []), ("cutout,color", ["color", "cutout"]), ("translation", ["translation"])]
)
def test_augment_flag(text, kinds):
    """Would catch kinds in the order of typing, which would make the same run another one."""
    assert parsed("--augment", text).augment == kinds


@pytest.mark.parametrize("text", ["colour", "color,", "all", ""])
def test_augment_flag_misspelled(text, capsys):
    """Would catch a misspelled kind that is left out in silence."""
    line = error_of(capsys, "--augment", text)
    assert repr(text) in line and "color,translation,cutout,noise" in line


@pytest.mark.parametrize(
    ("name", "said"),
    [("tensorflw", "tensorflw"), ("torch", "No module named 'torch'"), ("jax", "DLL load failed twice")],
)
def test_a_backend_that_does_not_start(tmp_path, name, said):
    """Would catch a traceback where KERAS_BACKEND is misspelt, or names what is not installed or does not load."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    (tmp_path / "jax.py").write_text("raise ImportError('DLL load failed\\n twice')")
    environment = os.environ | {"KERAS_BACKEND": name, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import support.system.silent_start"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert said in done.stderr and "KERAS_BACKEND=tensorflow, jax or torch" in done.stderr


@pytest.mark.parametrize("program", ["train.py", "samples.py", "evaluate.py", "defDATA.py", "deploy/export.py"])
@pytest.mark.parametrize(
    ("ends", "said", "code"),
    [
        ("raise KeyboardInterrupt", ["stopped before it began"], -signal.SIGINT),
        ("import package_of_nobody", ["package_of_nobody", "pip install -r requirements.txt"], 2),
    ],
)
def test_a_program_that_ends_while_it_loads(tmp_path, program, ends, said, code):
    """Would catch a traceback after Ctrl-C in the seconds in which Keras loads, or where a package is missing."""
    (tmp_path / "numpy.py").write_text(ends)
    command = [sys.executable, str(ROOT / program), "x"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and all(words in lines[0] for words in said)
    assert done.returncode == code


def test_the_device_of_torch_is_the_one_that_keras_takes(monkeypatch):
    """Would catch an Apple chip's GPU called a CPU: `modern` would choose its small networks there."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setattr(keras.ops, "zeros", lambda shape: types.SimpleNamespace(device="mps:0"))
    assert settings.machine.devices() == ["mps:0"] and settings.machine.is_accelerated()


def test_minutes_decide_when_a_run_ends():
    """Would catch --minutes 40 that is over after 15, because the preset's epochs are."""

    def epochs(minutes=None, typed=None, resume=False, dry_run=False):
        arguments = types.SimpleNamespace(minutes=minutes, epochs=typed, resume=resume)
        row = {"epochs": typed or 10, "dry_run": dry_run}
        return settings.fit_to_minutes(row, arguments, seconds=0.5, steps_per_epoch=4)[0]["epochs"]

    assert epochs(minutes=1) == 60  # 30 epochs of 2 s, twice
    assert epochs(minutes=0.3) == 10  # 9 epochs: the preset's are enough
    assert epochs() == epochs(minutes=1, dry_run=True) == epochs(minutes=1, resume=True) == 10
    assert epochs(minutes=1, typed=12) == 12
