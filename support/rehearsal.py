"""A few steps before the first one, played and taken back: does each player learn, and how long does a step take?"""

import time

import keras

from support.checkpoints import all_variables, assign_variables, copy_variables
from support.errors import InputError, is_out_of_memory

STEPS, SECONDS = 5, 2.0  # timed at most


def prove_and_time(play, count, players, step_check, learning_rate):
    """Play a step that is checked and a few that are timed, and put every variable back.

    Args:
        play: Function of a count of pictures and of a check, or None, that plays a step.
        count: Pictures in a step.
        players: `train.Players`.
        step_check: Class that makes the check: of G and D, with a method `moved` that raises RuntimeError.
        learning_rate: Named in the error.

    Returns:
        Seconds a step takes, compilation left out.

    Raises:
        InputError: If a player stands still or moves in the other's turn, so that training would be in vain.
    """
    variables = [variable for group in all_variables(players).values() for variable in group]
    before = copy_variables(variables)
    try:
        play(count, step_check(*players[:2]))
    except RuntimeError as error:
        if is_out_of_memory(error):  # JAX and torch say so in a RuntimeError: see support.memory
            raise
        raise InputError(
            f"{error}; --learning-rate {learning_rate} may be too small to move a float32 number, "
            f"otherwise please report this with Keras {keras.__version__}"
        ) from error
    start, played = time.monotonic(), 0
    while played < STEPS and time.monotonic() - start < SECONDS:
        play(count)
        played += 1
    seconds = (time.monotonic() - start) / played
    assign_variables(variables, before)
    return seconds
