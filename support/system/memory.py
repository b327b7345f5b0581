"""Finds out before training whether the memory is enough, and which batch would fit."""

import contextlib
import math

from support.system.errors import InputError, is_out_of_memory
from support.system.machine import devices

MEASURED_SHARE = 1.25  # measured on TensorFlow: a step needs 0.94 to 1.14 times the memory of all layer outputs


def refuse_too_large_a_batch(models, batch_size, free):
    """Stop before a step that cannot fit: on a CPU the system would kill the process without a message.

    Args:
        models: The two players, functional Keras models.
        batch_size: Pictures in a batch.
        free: Free memory in bytes, or None if it is not known.

    Raises:
        InputError: If the outputs of all layers need more than the free memory.
    """
    one_picture = 4 * sum(values_of_a_picture(model) for model in models)
    if free is not None and one_picture * batch_size > free:
        fitting = max(2, int(free / (one_picture * MEASURED_SHARE)))
        raise InputError(
            f"--batch-size {batch_size} needs {one_picture * batch_size / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free; --batch-size {fitting} would fit, or a smaller --image-size or --filters"
        )


def values_of_a_picture(model):
    """Count the output values of all layers of a functional model for one picture, also of models inside it."""
    count = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            count += values_of_a_picture(layer)
        else:
            count += math.prod(layer.output.shape[1:])
    return count


@contextlib.contextmanager
def or_propose_a_batch(play, batch_size):
    """If the block runs out of memory, raise an error of one line with a smaller batch that fits, found by trying.

    Args:
        play: Function that plays a step; its argument is the number of pictures.
        batch_size: The batch that is played inside the block.

    Raises:
        InputError: If there was not enough memory.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        fitting = batch_that_fits(play, batch_size)
        way_out = f"--batch-size {fitting} fits" if fitting else f"try --batch-size {max(2, batch_size // 2)}"
        raise InputError(
            f"--batch-size {batch_size} needs more memory than there is; {way_out}, "
            "or a smaller --image-size or --filters"
        ) from None


def batch_that_fits(play, batch_size):
    """Try half of a too large batch, then a quarter, and so on. Returns the first size that fits, or None."""
    count = batch_size // 2
    while count >= 2:
        try:
            play(count)
            return count
        except Exception as error:
            if not is_out_of_memory(error):
                return None  # the backend is broken after the first failure, so no more tries
        count //= 2
    return None


def free_memory():
    """Return the free bytes of memory for a program on the CPU; None on a GPU, or if Linux gives no number."""
    if any(not device.startswith("cpu") for device in devices()):
        return None
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
