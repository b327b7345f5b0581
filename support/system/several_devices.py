"""Several devices for one run: `--devices`. Each computes a part of every batch, and all have the same weights.

Keras does the work (`keras.distribution.DataParallel`), on JAX alone: it calls the TensorFlow form unfinished, and has
none for torch. The step is the one of a single device, with the same batch: JAX splits the arrays, adds up the
gradients, and takes batch normalization's statistics over the whole batch. So the results differ by rounding alone.

On several computers, or in several processes, the same program runs in each. Every process makes the whole batch from
the seed, and its devices take their part of it. Only the first process prints, and writes into `--out`.
"""

import contextlib
import os
import sys
import tempfile

import keras

from support.system.errors import InputError

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"  # Keras reads it: the first process' host and port


def use_devices(wanted):
    """Spread all batches over several devices from now on. Call it before Keras makes any variable.

    Args:
        wanted: How many devices, "all" for those of all processes, or None: then nothing changes.

    Raises:
        InputError: If the backend cannot do it, or there are fewer devices.
    """
    if wanted is None:
        return
    backend = keras.backend.backend()
    if backend != "jax":
        raise InputError(
            f"--devices {wanted} needs JAX, and this is {backend}; pip install jax, and start with KERAS_BACKEND=jax"
        )
    if os.environ.get(ADDRESSES):
        keras.distribution.initialize()  # finds the other processes by Keras' environment variables
    names = keras.distribution.list_devices()
    count = len(names) if wanted == "all" else wanted
    if count > len(names):
        raise InputError(f"--devices {wanted} is more than there are ({', '.join(names)}); give --devices {len(names)}")
    if process_count() > 1 and count < len(names):
        raise InputError(
            f"--devices {wanted} would leave out some of the {len(names)} devices of {process_count()} processes; give "
            "--devices all"
        )
    if process_number() > 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names[:count]))


def device_count():
    """Count the devices that share each batch; 1 without `--devices`."""
    distribution = keras.distribution.distribution()
    return distribution.num_model_replicas if distribution else 1


def refuse_unequal_parts(batch_size):
    """Raise `InputError` if the devices cannot have equal parts of a batch."""
    count = device_count()
    if batch_size % count:
        nearest = max(count, batch_size - batch_size % count)
        raise InputError(
            f"{count} devices cannot share a batch of {batch_size} pictures equally; give --batch-size {nearest}"
        )


def spread(array):
    """Give each device its part of a batch, and return the array of all parts. Without `--devices`: the array itself.

    The last batch of an epoch may be smaller. If it has no equal parts, each device computes the whole of it.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    if array.shape[0] % distribution.num_model_replicas:
        layout = keras.distribution.TensorLayout([None] * len(array.shape), distribution.device_mesh)
    return keras.distribution.distribute_tensor(array, layout)


def process_count():
    """Count the processes that train together."""
    return _jax().process_count() if keras.distribution.distribution() or os.environ.get(ADDRESSES) else 1


def process_number():
    """Return the number of this process, from 0."""
    return _jax().process_index() if process_count() > 1 else 0


def folder_to_write(out):
    """Return the folder for this process' files: `out` in the first one, in the others one that is deleted at the end.

    All processes play the same game, so their files are the same.
    """
    if process_number() == 0:
        return out
    folder = tempfile.TemporaryDirectory(prefix="gan_")
    _kept.append(folder)
    return folder.name


def agreed(reason, reasons):
    """Return a reason to stop that all processes have, so that none goes on alone and waits for the others.

    Args:
        reason: This process' reason, or None.
        reasons: All that there can be. If processes have different ones, the last one in this list counts.

    Returns:
        One of `reasons`, or None if no process has one.
    """
    if process_count() == 1:
        return reason
    from jax.experimental import multihost_utils

    choices = [None, *reasons]
    numbers = multihost_utils.process_allgather(keras.ops.array(choices.index(reason), "int32"))
    return choices[int(numbers.max())]


def of_first_process(number):
    """Return the first process' number in all processes, for numbers on which their game depends, such as a time."""
    if process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return float(multihost_utils.broadcast_one_to_all(keras.ops.array(number, "float32")))


@contextlib.contextmanager
def refused_together():
    """If the block fails in one process, let all processes end, so that none waits for the others.

    Yields:
        Whether this is the first process, which alone writes into `--out`.

    Raises:
        InputError: That of the block; in the other processes, one that names the first process.
        OSError: That of the block.
    """
    refusal = None
    try:
        yield process_number() == 0
    except (InputError, OSError) as error:
        refusal = error
    together = agreed("refused" if refusal else None, ("refused",))
    if together:
        raise refusal or InputError("the first process refused to start; see what it printed")


def _jax():
    import jax

    return jax


_kept = []  # folders that are deleted when the process ends
