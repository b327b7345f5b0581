"""A run at its limits: few pictures, too little memory, pictures that go away, packages that are missing."""

import builtins
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import train
from small_runs import SMALL, error_of, newest_checkpoint, written
from support.data.picture_files import PictureFolder
from support.system import memory
from support.system.errors import InputError, is_out_of_memory, one_line_errors


@pytest.fixture
def folder(tmp_path):
    """Forty small pictures in a folder."""
    random = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        picture = Image.fromarray(random.integers(0, 256, (8, 8, 3), "uint8"))
        picture.save(tmp_path / "pictures" / f"{number:02d}.png")
    return tmp_path / "pictures"


# Mirrored pictures


def test_flipped_pictures(folder):
    """Would catch pictures turned upside down, all or none of them mirrored, and the stored ones mirrored for good."""
    pictures = train.defDATA.load_pictures(str(folder), 8, 8, 3)
    settings = {"seed": 0, "batch_size": 40, "shuffle_window": 0, "conditional": False, "noise_size": 4}
    shares = []
    for epoch in range(1, 11):
        order = train.defDATA.epoch_order(40, 40, 0, epoch)[0]
        plain, _, noise = train.step_inputs(pictures, settings | {"flip": False}, epoch, 0)
        flipped, _, same_noise = train.step_inputs(pictures, settings | {"flip": True}, epoch, 0)
        assert (plain == pictures.images[order]).all()
        assert (noise == same_noise).all()
        mirrored = (flipped == plain[:, :, ::-1]).all(axis=(1, 2, 3))
        assert ((flipped == plain).all(axis=(1, 2, 3)) != mirrored).all()
        shares.append(mirrored.mean())
    assert 0.4 < np.mean(shares) < 0.6  # 400 tosses: a deviation of 0.025
    assert len(set(shares)) > 1


# Too little memory


def test_memory_of_a_picture_by_hand():
    """Would catch a layer that is not counted, or bytes taken for numbers: 4 x (12 + 24 + 5) = 164 bytes a picture."""
    inputs = keras.Input((2, 2, 3))  # 12 numbers
    wider = keras.layers.Conv2D(6, 1)(inputs)  # 24
    small = keras.Input((5,))  # 5
    models = [keras.Model(inputs, wider), keras.Model(small, small)]
    memory.refuse_too_large_a_batch(models, 100, 16_400)
    memory.refuse_too_large_a_batch(models, 100, None)
    with pytest.raises(InputError, match=r"--batch-size 101 needs 0\.0 GB .*; --batch-size 80 would fit"):
        memory.refuse_too_large_a_batch(models, 101, 16_400)  # 16,400 / (164 x 1.25) = 80
    inside = keras.Model(inputs, [wider, inputs])  # several outputs, and a layer of another model
    assert memory.values_of_a_picture(keras.Model(inputs, keras.layers.Flatten()(inside(inputs)[0]))) == 12 + 36 + 24


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's is."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 2 GiB"),
        ResourceExhaustedError("OOM when allocating tensor"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
    ids=["numpy", "tensorflow", "jax", "torch", "cuda"],
)
def test_every_backend_s_lack_of_memory_is_one_line(error, capsys):
    """Would catch a backend whose words are not known, and a page of traceback where a line would help."""
    assert is_out_of_memory(error)
    with pytest.raises(SystemExit) as stopped, one_line_errors("train.py"):
        raise error
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and len(lines) == 1
    assert "not enough memory" in lines[0] and "--batch-size" in lines[0]


def test_other_errors_keep_their_traceback():
    """Would catch our own mistakes being reported as a lack of memory."""
    for error in (RuntimeError("shapes differ"), KeyError("memory")):
        assert not is_out_of_memory(error)
        with pytest.raises(type(error)), one_line_errors("train.py"):
            raise error


def too_large_above(limit, monkeypatch, then=None):
    """Let every step with more pictures than `limit` fail as TensorFlow fails; with `then`, later ones with that."""
    play_step, failed = train.play_step, []

    def limited(players, real, *more):
        if failed and then:
            raise then
        if real.shape[0] > limit:
            failed.append(real.shape[0])
            raise ResourceExhaustedError("OOM when allocating tensor")
        return play_step(players, real, *more)

    monkeypatch.setattr(train, "play_step", limited)


def test_a_batch_that_fits_is_proposed(folder, tmp_path, monkeypatch, capsys):
    """Would catch a proposal that was not tried, one that is smaller than need be, and a folder left half made."""
    too_large_above(5, monkeypatch)
    line = error_of(capsys, "--data", str(folder), *SMALL, "--batch-size", "40", "--out", str(tmp_path / "run"))
    assert "--batch-size 40 needs more memory than there is; --batch-size 5 fits" in line  # 40, 20, 10, 5
    assert not (tmp_path / "run").exists()


def test_a_backend_in_pieces_is_not_asked_again(folder, tmp_path, monkeypatch, capsys):
    """Would catch a second error's traceback in place of the line."""
    too_large_above(5, monkeypatch, then=ValueError("buffer was deleted"))
    line = error_of(capsys, "--data", str(folder), *SMALL, "--batch-size", "40", "--out", str(tmp_path / "run"))
    assert "--batch-size 40 needs more memory than there is; try --batch-size 20" in line


# Pictures that go away, packages that are missing


def test_a_vanished_folder_loses_nothing(folder, tmp_path, monkeypatch, capsys):
    """Would catch the steps since the last checkpoint being lost, or others standing in for pictures that went away."""
    flags = ["--preset", "folder", "--data", str(folder), *SMALL, "--epochs", "4", "--augment", "color"]
    assert train.main([*flags, "--out", str(tmp_path / "whole")]) == 0

    read, times = PictureFolder._read, []

    def read_and_remove(self, name):
        times.append(name)
        if len(times) == 25:
            shutil.move(folder, tmp_path / "elsewhere")
        return read(self, name)

    monkeypatch.setattr(PictureFolder, "_read", read_and_remove)
    capsys.readouterr()
    out = tmp_path / "run"
    line = error_of(capsys, *flags, "--out", str(out))
    assert str(folder) in line and "put the pictures back" in line
    _, groups, _ = newest_checkpoint(out / "training_checkpoints_folder")
    assert (
        1 <= len(groups["history"][0]) <= 3
    )  # 24 pictures were read: three steps of eight, the rehearsal's among them
    shutil.move(tmp_path / "elsewhere", folder)
    assert train.main(["--resume", "--out", str(out)]) == 0
    assert written(out) == written(tmp_path / "whole")


def without(monkeypatch, package):
    """Let the import of a package fail, as where it is not installed."""
    real = builtins.__import__

    def import_or_fail(name, *more, **named):
        if name == package or name.startswith(package + "."):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", import_or_fail)


def test_packages_that_are_missing(folder, tmp_path, monkeypatch, capsys):
    """Would catch a traceback, or a run begun and lost, where an optional package is not installed."""
    out = str(tmp_path / "run")
    without(monkeypatch, "tensorboard")
    line = error_of(capsys, "--data", str(folder), *SMALL, "--tensorboard", "--out", out)
    assert "pip install -r requirements-tensorboard.txt" in line
    without(monkeypatch, "deeplake")
    line = error_of(capsys, "--preset", "cars", "--out", out)
    assert "hub://activeloop/stanford-cars-train" in line and "pip install -r requirements-deeplake.txt" in line
    assert not (tmp_path / "run").exists()


def test_tensorboard_beside_the_plots(folder, tmp_path):
    """Would catch a flag that writes nothing, or a run that differs because it was watched."""
    flags = ["--data", str(folder), *SMALL, "--epochs", "2"]
    train.main([*flags, "--tensorboard", "--out", str(tmp_path / "watched")])
    train.main([*flags, "--out", str(tmp_path / "plain")])
    assert written(tmp_path / "watched") == written(tmp_path / "plain")
    (events,) = (tmp_path / "watched/training_logs/tensorboard").iterdir()
    assert events.stat().st_size > 1000
    assert not (tmp_path / "plain/training_logs/tensorboard").exists()
    assert json.loads((tmp_path / "plain/training_logs/settings.json").read_text())["augment"] == []
