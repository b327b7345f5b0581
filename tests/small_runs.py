"""Runs of train.py that take a second, and what they left behind."""

import numpy as np
import pytest

import train
from support.run import checkpoints
from support.run.stopping import StopRequest

SMALL = ["--filters", "2", "--noise-size", "4", "--batch-size", "8", "--image-size", "8"]
SMALL += ["--plot-every", "100", "--save-every", "10", "--augment", "none"]  # what few pictures would change
SMALL += ["--no-mixed-precision"]  # the same arithmetic on every machine


def save_twenty_pictures(path):
    """Write twenty small colour pictures of two classes to an .npz, three steps of eight an epoch; return its path."""
    random = np.random.default_rng(0)
    np.savez(path, x_train=random.integers(0, 256, (20, 8, 8, 3), "uint8"), y_train=np.arange(20) % 2)
    return str(path)


def play(data, out, *more):
    """Run train.py in this process on small data; return its exit code."""
    return train.main(["--data", data, "--out", str(out), *SMALL, *more])


def error_of(capsys, *arguments):
    """Run train.py and return its one line on stderr, having seen that the exit code is 2."""
    with pytest.raises(SystemExit) as stopped:
        train.main(list(arguments))
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert len(lines) == 1, lines
    return lines[0]


def newest_checkpoint(folder):
    """Read the newest checkpoint: `(path, groups, information)`."""
    checkpoint, _ = checkpoints.load_newest_checkpoint(folder)
    return checkpoint


def written(folder):
    """Everything that must repeat to the byte: the generators' files, and what the last checkpoint holds."""
    generators = {path.name: path.read_bytes() for path in sorted(folder.glob("generator_e*.h5"))}
    (checkpoint_folder,) = folder.glob("training_checkpoints_*")
    _, groups, _ = newest_checkpoint(checkpoint_folder)
    return generators, {name: [array.tobytes() for array in arrays] for name, arrays in groups.items()}


def stop_after(monkeypatch, steps, reason="interrupt"):
    """Let the run be stopped after so many steps, as a signal between two steps does."""
    asked = []

    def stop_reason(self):
        asked.append(None)
        return reason if steps and len(asked) >= steps else None

    monkeypatch.setattr(StopRequest, "reason", property(stop_reason))
