"""`--devices`: the same game as on one device, with two simulated devices and in two processes."""

import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks.free_port import free_port
from small_runs import SMALL, error_of, newest_checkpoint, save_twenty_pictures

ROOT = pathlib.Path(__file__).resolve().parent.parent
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="Keras spreads a batch on JAX alone")
# Batch normalization in both networks, classes, noise and dropout: all that depends on the whole batch or on chance.
GAME = ["--network", "dcgan", "--generator-batch-normalization", "--discriminator-batch-normalization"]
GAME += ["--conditional", "--augment", "noise", "--dropout", "0.3", "--averaging", "0.9"]


@pytest.fixture
def data(tmp_path):
    """Twenty pictures in batches of eight: the last batch has four, two for each device."""
    return save_twenty_pictures(tmp_path / "pictures.npz")


def start(data, out, *more, devices=2, **environment):
    """Start train.py in a process that has so many simulated devices."""
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"} | environment
    new = [] if "--resume" in more else ["--data", data, *SMALL, *GAME]
    command = [sys.executable, ROOT / "train.py", "--out", out, *new, *more]
    return subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_two(data, out, *more):
    """Start train.py in two processes with a device each, which train together."""
    together = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    return [
        start(data, out, *more, "--devices", "all", devices=1, KERAS_DISTRIBUTION_PROCESS_ID=str(number), **together)
        for number in range(2)
    ]


def ended(process):
    """Wait for the end of a process; return what it printed, without the line in which JAX greets other processes."""
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return "".join(line for line in printed.splitlines(keepends=True) if not line.startswith("[Gloo]"))


def state(out):
    """All variables of a run's newest checkpoint, and its measurements."""
    (folder,) = pathlib.Path(out).glob("training_checkpoints_*")
    _, groups, _ = newest_checkpoint(folder)
    return [array for arrays in groups.values() for array in arrays]


def assert_close(one, other):
    for expected, found in zip(state(one), state(other), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@on_jax
def test_devices_and_processes_play_the_game_of_one_device(data, tmp_path):
    """Would catch batch statistics, noise or gradients of a part of the batch, weights that drift apart, a checkpoint
    that fits one number of devices alone, and a second process that prints or writes into the same folder."""
    alone, shared, together = tmp_path / "alone", tmp_path / "shared", tmp_path / "together"
    printed = ended(start(data, alone, "--epochs", "2"))
    assert "devices " not in printed

    printed = ended(start(data, shared, "--epochs", "1", "--devices", "2"))
    assert "devices   2 share each batch of 8 pictures" in printed
    ended(start(data, shared, "--resume", "--epochs", "2"))
    assert_close(alone, shared)

    first, second = map(ended, start_two(data, together, "--epochs", "1"))
    assert "devices   2 share" in first and "epoch 1/1" in first and second == ""
    files = sorted(path.name for path in together.rglob("*.*"))
    assert files == sorted(
        path.name for path in shared.rglob("*.*") if "e002" not in path.name and "6" not in path.stem
    )
    first, second = map(ended, start_two(data, together, "--resume", "--epochs", "2"))
    assert "resuming from" in first and second == ""
    assert_close(alone, together)


@on_jax
def test_a_signal_to_one_process_stops_all(data, tmp_path):
    """Would catch a process that waits for ever for one that has stopped, or that stops some steps later."""
    processes = start_two(data, tmp_path / "run", "--epochs", "100000")
    try:
        for line in processes[0].stdout:
            if line.startswith("epoch 2/"):
                break
        processes[1].send_signal(signal.SIGINT)
        printed = processes[0].communicate(timeout=120)[0]
        processes[1].communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [130, 130]
    assert "stopped   by Ctrl-C, in epoch " in printed and "; everything is saved in " in printed


@on_jax
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--devices", "3"], "--devices 3 is more than there are (cpu:0, cpu:1); give --devices 2"),
        (
            ["--devices", "2", "--batch-size", "9"],
            "2 devices cannot share a batch of 9 pictures equally; give --batch-size 8",
        ),
    ],
)
def test_what_the_devices_cannot_do_is_one_line(data, tmp_path, flags, words):
    """Would catch Keras' ZeroDivisionError for a batch that does not divide, or an index error for a missing device."""
    process = start(data, tmp_path / "run", *flags)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and errors == f"train.py: {words}\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX can")
def test_other_backends_refuse(data, tmp_path, capsys):
    """Would catch a run that silently uses one device of four."""
    line = error_of(capsys, "--data", data, "--devices", "2", "--out", str(tmp_path / "run"))
    backend = keras.backend.backend()
    assert line == (
        f"train.py: --devices 2 needs JAX, and this is {backend}; pip install jax, and start with KERAS_BACKEND=jax"
    )


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5"])
def test_a_wrong_number_of_devices_is_one_line(capsys, value):
    """Would catch a nonsense number that reaches Keras."""
    assert f"received '{value}'; give a whole number from 1 up, or all" in error_of(capsys, "--devices", value)
