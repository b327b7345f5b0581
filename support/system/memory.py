"""When the memory is not enough: to see it coming, and to say which batch would fit."""

import contextlib
import math

from support.system.errors import InputError, is_out_of_memory
from support.system.machine import devices

MEASURED_SHARE = 1.25  # a step's peak was 0.94 to 1.14 times what all layers of both players put out, on TensorFlow


def refuse_too_large_a_batch(models, batch_size, free):
    """Stop before a step that cannot fit: a CPU's system would kill the process, without a word.

    Args:
        models: The two players, functional Keras models.
        batch_size: Pictures in a batch.
        free: Bytes of memory that are free, or None where that is not known.

    Raises:
        InputError: If what the layers put out is more than that.
    """
    one_picture = 4 * sum(values_of_a_picture(model) for model in models)
    if free is not None and one_picture * batch_size > free:
        fitting = max(2, int(free / (one_picture * MEASURED_SHARE)))
        raise InputError(
            f"--batch-size {batch_size} needs {one_picture * batch_size / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free; --batch-size {fitting} would fit, or a smaller --image-size or --filters"
        )


def values_of_a_picture(model):
    """Count the values that all layers of a functional model put out for one picture, those of models inside it too."""
    count = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            count += values_of_a_picture(layer)
        else:
            count += math.prod(layer.output.shape[1:])
    return count


@contextlib.contextmanager
def or_propose_a_batch(play, batch_size):
    """Turn a step's lack of memory into one line that proposes a batch which fits, found by trying.

    Args:
        play: Function that plays a step with as many pictures as its argument says.
        batch_size: The batch that is played inside the block.

    Raises:
        InputError: If the memory was not enough.
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
    """Try the half, the quarter and so on of a batch that was too large. Returns the first that fits, or None."""
    count = batch_size // 2
    while count >= 2:
        try:
            play(count)
            return count
        except Exception as error:
            if not is_out_of_memory(error):
                return None  # the failure before left the backend in pieces: nothing can be tried
        count //= 2
    return None


def free_memory():
    """Give the bytes of memory that a program on the CPU may take, or None: on a GPU, or where Linux does not tell."""
    if any(not device.startswith("cpu") for device in devices()):
        return None
    try:
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
