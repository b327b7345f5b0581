"""A few steps before the first one, played and taken back: does each player learn, and how long does a step take?"""

import time

import keras
import numpy as np
from keras import ops

from support.run.checkpoints import all_variables, assign_variables, copy_variables
from support.system import memory
from support.system.errors import InputError, is_out_of_memory

STEPS, SECONDS = 5, 2.0  # timed at most


class StepCheck:
    """Prove in one step that each player moves in its own turn, and only there.

    Args:
        generator: The generator.
        discriminator: The discriminator.

    Example:
        check = StepCheck(generator, discriminator)
        discriminator.train_on_batch(...)
        check.moved(discriminator)
        combined.train_on_batch(...)
        check.moved(generator)
    """

    def __init__(self, generator, discriminator):
        self.players = (generator, discriminator)
        self.before = [self._weights(player) for player in self.players]

    @staticmethod
    def _weights(player):
        return {variable.path: np.array(ops.convert_to_numpy(variable)) for variable in player.trainable_variables}

    def moved(self, mover):
        """Compare with the weights before this turn.

        Args:
            mover: The player whose turn it was.

        Raises:
            RuntimeError: If a kernel of the mover stood still, or any trainable variable of the other one moved.
        """
        now = [self._weights(player) for player in self.players]
        for player, old, new in zip(self.players, self.before, now, strict=True):
            if player is mover:
                still = [path for path in new if path.endswith("kernel") and old[path].tobytes() == new[path].tobytes()]
                if still or not new:
                    what = ", ".join(still) or "no trainable variables at all"
                    raise RuntimeError(f"the {player.name} does not learn: its step left {what} unchanged")
            else:
                moved = [path for path in new if old[path].tobytes() != new[path].tobytes()]
                if moved:
                    raise RuntimeError(f"the {player.name} moved in the {mover.name}'s step: {', '.join(moved)}")
        self.before = now


def rehearse(play_step, players, real, classes, noise, settings):
    """Play a step that is checked and a few that are timed, and put every variable back.

    Args:
        play_step: train.py's, or another game's.
        players: `train.Players`.
        real: Real pictures, float32 `(b, height, width, channels)`.
        classes: Their class numbers `(b, 1)`, or None.
        noise: float32 `(2, b, z)`.
        settings: The run's settings.

    Returns:
        Seconds a step takes, compilation left out.

    Raises:
        InputError: If a player stands still or moves in the other's turn, so that training would be in vain; or if
            the batch is too large for the memory.
    """

    def play(count, check=None):
        play_step(players, real[:count], None if classes is None else classes[:count], noise[:, :count], check)

    networks = (players.generator, players.discriminator)
    memory.refuse_too_large_a_batch(networks, len(real), memory.free_memory())
    variables = [variable for group in all_variables(players).values() for variable in group]
    before = copy_variables(variables)
    with memory.or_propose_a_batch(play, len(real)):
        prove(play, len(real), StepCheck(*networks), settings["learning_rate"])
        seconds = seconds_of_a_step(lambda: play(len(real)))
    assign_variables(variables, before)
    return seconds


def prove(play, count, check, learning_rate):
    """Play one step that is checked.

    Raises:
        InputError: If a player stood still or moved in the other's turn.
    """
    try:
        play(count, check)
    except RuntimeError as error:
        if is_out_of_memory(error):  # JAX and torch say so in a RuntimeError: see support/system/memory.py
            raise
        raise InputError(
            f"{error}; --learning-rate {learning_rate} may be too small to move a float32 number, "
            f"otherwise please report this with Keras {keras.__version__}"
        ) from error


def seconds_of_a_step(play):
    """Time a few steps. Returns the mean, in seconds."""
    start, played = time.monotonic(), 0
    while played < STEPS and time.monotonic() - start < SECONDS:
        play()
        played += 1
    return (time.monotonic() - start) / played
