"""Plays a few steps before the first one and undoes them: does each player learn, and how long does a step take?"""

import time

import keras
import numpy as np
from keras import ops

from support.models.on_device import to_numbers
from support.run.checkpoints import assign_variables, copy_variables, variables_of
from support.system import machine, memory
from support.system.errors import InputError, is_out_of_memory
from support.system.several_devices import device_count

STEPS, SECONDS = 5, 1.0  # the most that is timed: steps, seconds
PICTURES_CHECKED = 8  # in a step that is not compiled: each kernel changes, and more pictures would need more memory


class StepCheck:
    """Check in one step that each player changes in its own turn, and only there.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        may_stand_still: Accept kernels that do not change in their player's turn. In a game that has gone on for long,
            D may be sure of a whole batch; with the hinge loss, its gradient is then exactly 0.

    Example:
        check = StepCheck(generator, discriminator)
        discriminator.train_on_batch(...)
        check.moved(discriminator)
        combined.train_on_batch(...)
        check.moved(generator)
    """

    def __init__(self, generator, discriminator, may_stand_still=False):
        self.players = (generator, discriminator)
        self.may_stand_still = may_stand_still
        self.before = [self._weights(player) for player in self.players]

    @staticmethod
    def _weights(player):
        return {variable.path: np.array(ops.convert_to_numpy(variable)) for variable in player.trainable_variables}

    def moved(self, mover):
        """Compare the weights with those before this turn.

        Args:
            mover: The player whose turn it was.

        Raises:
            RuntimeError: If a kernel of the mover did not change, or a trainable variable of the other player did.
        """
        now = [self._weights(player) for player in self.players]
        for player, old, new in zip(self.players, self.before, now, strict=True):
            if player is mover:
                still = [path for path in new if path.endswith("kernel") and old[path].tobytes() == new[path].tobytes()]
                if not new or (still and not self.may_stand_still):
                    what = ", ".join(still) or "no trainable variables at all"
                    raise RuntimeError(f"the {player.name} does not learn: its step left {what} unchanged")
            else:
                moved = [path for path in new if old[path].tobytes() != new[path].tobytes()]
                if moved:
                    raise RuntimeError(f"the {player.name} moved in the {mover.name}'s step: {', '.join(moved)}")
        self.before = now


def check_inputs(generator, discriminator, class_count):
    """Refuse networks, perhaps somebody's first own ones, that do not take what this game gives them.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        class_count: The number of classes; 0 without.

    Raises:
        InputError: If one has another number of inputs.
    """
    for network, first in ((generator, "noise"), (discriminator, "pictures")):
        takes, gets = len(network.inputs), 2 if class_count else 1
        if takes != gets:
            given = f"{first} and class numbers" if class_count else f"{first} alone"
            way_out = "build the second input where class_count is above 0, or give --no-conditional"
            raise InputError(
                f"the {network.name} has {takes} input{'s' * (takes > 1)}, and this run gives it {given}; "
                f"{way_out if class_count else 'build one input where class_count is 0'}"
            )


def rehearse(play_step, players, real, classes, noise, settings, is_new=True):
    """Play one checked step and a few timed ones, then restore every variable.

    Args:
        play_step: That of train.py, or of another game.
        players: `train.Players`.
        real: Real pictures, float32 `(b, height, width, channels)`.
        classes: Their class numbers `(b, 1)`, or None.
        noise: float32 `(2, b, z)`.
        settings: The run's settings.
        is_new: Whether the networks have their first weights, so that every kernel must change in a step.

    Returns:
        Seconds per step, without compilation.

    Raises:
        InputError: If a player does not learn or changes in the other's turn, so that training would be useless; or if
            the batch does not fit in memory.
    """

    def play(count, check=None):
        some = None if classes is None else classes[:count]
        measured, _ = play_step(players, real[:count], some, noise[:, :count], check)
        to_numbers(measured)  # waits until the step is over

    networks = (players.generator, players.discriminator)
    memory.refuse_too_large_a_batch(networks, len(real), memory.free_memory())
    variables = variables_of(players)
    before = copy_variables(variables)
    one_call = machine.gains_from_one_call()
    checked = min(PICTURES_CHECKED * device_count(), len(real)) if one_call else len(real)
    with memory.or_propose_a_batch(play, len(real)):
        prove(play, checked, StepCheck(*networks, may_stand_still=not is_new), settings["learning_rate"])
        if one_call:
            play(len(real))  # compiles the step without checks
        seconds = seconds_of_a_step(lambda: play(len(real)))
    assign_variables(variables, before)
    return seconds


def prove(play, count, check, learning_rate):
    """Play one checked step.

    Raises:
        InputError: If a player did not learn, or changed in the other's turn.
    """
    try:
        play(count, check)
    except RuntimeError as error:
        if is_out_of_memory(error):  # JAX and torch raise a RuntimeError for it: see support/system/memory.py
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
