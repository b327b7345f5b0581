"""Describes the machine of a run."""

import importlib
import pathlib
import platform

import keras

from support import VERSION
from support.system.silent_start import without_stderr


def versions():
    """Return the versions that influence a result: a dictionary from a name to a version."""
    backend = keras.backend.backend()
    return {
        "suite": VERSION,
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: importlib.import_module(backend).__version__,
    }


def set_random_seed(seed):
    """Seed every random number generator, without a word.

    With another backend Keras imports TensorFlow for it where that is installed, and TensorFlow writes messages.
    """
    with without_stderr():
        keras.utils.set_random_seed(seed)


def devices():
    """List the devices of the backend: `["cpu:0"]`, `["gpu:0"]`."""
    if keras.backend.backend() == "torch":  # keras.distribution does not support torch
        return [str(keras.ops.zeros(1).device)]
    return keras.distribution.list_devices()


def is_accelerated():
    """Say whether the backend computes on anything but the CPU."""
    return any(not device.startswith("cpu") for device in devices())


def gains_from_one_call():
    """Say whether a step of the game is better compiled into one call: on JAX with a GPU or TPU, on TensorFlow without.

    On a CPU JAX would take minutes to compile one more function. On a GPU Keras lets TensorFlow compile each turn by
    XLA; one call for all of them was never tried there.
    """
    return keras.backend.backend() == ("jax" if is_accelerated() else "tensorflow")


def gains_from_bfloat16(processor_file="/proc/cpuinfo"):
    """Say whether mixed precision makes this machine faster: on a GPU, and on processors with bfloat16 arithmetic.

    Other processors emulate it: a step of `modern` takes eight times as long as in float32 on an EPYC of 2021.

    Args:
        processor_file: File in which Linux lists the features of the processor. Without it the answer is no.
    """
    if is_accelerated():
        return True
    if keras.backend.backend() == "jax":  # on a CPU its compiler turns bfloat16 into float32 and back
        return False
    try:
        words = set(pathlib.Path(processor_file).read_text().split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16"})


def describe_machine():
    """Return one line with the backend, its version and its devices."""
    return ", ".join(f"{name} {version}" for name, version in versions().items()) + f", on {', '.join(devices())}"


def duration_in_words(seconds):
    """Return a duration in words: `duration_in_words(5025)` is "1 h 24 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"
