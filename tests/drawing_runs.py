"""Calls of samples.py in this process, and what they leave."""

import numpy as np
import pytest

import samples


def refused(capsys, *arguments):
    """Run samples.py and return the one line on stderr with which it ends."""
    with pytest.raises(SystemExit) as caught:
        samples.main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("samples.py: ") and captured.err.count("\n") == 1
    return captured.err


def names_in(folder):
    """All names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def run(*arguments):
    """Run samples.py in this process."""
    samples.main([str(argument) for argument in arguments])


def real_file(path, pictures):
    """Save real pictures as an .npz that `--nearest` reads."""
    np.savez(path, x_train=pictures)
    return path
