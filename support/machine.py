"""What a run runs on, in words."""

import importlib
import platform

import keras


def versions():
    """Return the versions that make a result: a dictionary from a name to a version."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: importlib.import_module(backend).__version__,
    }


def devices():
    """List what the backend computes on: `["cpu:0"]`, `["gpu:0"]`."""
    if keras.backend.backend() == "torch":  # keras.distribution does not know torch
        return ["cuda" if importlib.import_module("torch").cuda.is_available() else "cpu"]
    return keras.distribution.list_devices()


def describe_machine():
    """Say in one line the backend, its version and the devices it sees."""
    return ", ".join(f"{name} {version}" for name, version in versions().items()) + f", on {', '.join(devices())}"


def in_words(seconds):
    """Say a duration as a person would: `in_words(5025)` is "1 h 24 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"
