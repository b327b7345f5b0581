"""The same game on JAX: its tests again, in a process of their own, since a backend is chosen once."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.mark.skipif(
    keras.backend.backend() == "jax" or not importlib.util.find_spec("jax"),
    reason="this process plays on JAX, or cannot",
)
def test_the_game_on_jax():
    """Would catch D baked into G's compiled step as constants, which TensorFlow does not do and JAX does."""
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_game.py", "tests/test_augment.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout[-3000:]
