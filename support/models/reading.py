"""Takes what `reading_child.py` reads out of a model file: texts and plain arrays.

The other process may crash, hang or need too much memory; then the file is refused in one line.
"""

import dataclasses
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading

import numpy as np

from support.models.reading_child import DTYPES, MOST_NUMBERS, MOST_TEXT
from support.system.errors import InputError

CHILD = pathlib.Path(__file__).with_name("reading_child.py")
SECONDS = 60  # for a slow disk; how long the child may compute, it limits itself


@dataclasses.dataclass
class ModelFile:
    """What a model file holds.

    Args:
        config: The architecture as parsed JSON, or None where the file has weights alone.
        keras_version: Version of the Keras that wrote the file; "" if the file does not say.
        backend: The Keras backend that wrote the file, or "".
        gan: What train.py stored, as text; or None.
        in_order: Weights of a `.h5` file, `[layer, [[name, array], ...]]` for each layer; or None.
        by_path: Weights of a `.weights.h5` file or a `.keras` file, from a group's path to `{name: array}`; or None.
        keras_1: Whether Keras 1 wrote it.
    """

    config: dict | None = None
    keras_version: str = ""
    backend: str = ""
    gan: str | None = None
    in_order: list | None = None
    by_path: dict | None = None
    keras_1: bool = False

    def arrays(self):
        """List all weights."""
        if self.in_order is not None:
            return [array for _, weights in self.in_order for _, array in weights]
        return [array for group in (self.by_path or {}).values() for array in group.values()]


def read_model_file(path):
    """Read a model file in a process of its own.

    Args:
        path: Path of a file that is HDF5, a zip or JSON.

    Returns:
        A `ModelFile`.

    Raises:
        InputError: If the file is refused, is damaged, or keeps the process busy for too long.
    """
    # Without the variables of this process: PYTHONPATH and others would change what the child imports.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    environment = kept | {
        "OPENBLAS_NUM_THREADS": "1",  # each thread takes memory
        "HDF5_PLUGIN_PRELOAD": "::",  # HDF5 loads no code for filters that a file names
        "HDF5_USE_FILE_LOCKING": "FALSE",  # network disks without locks
    }
    child = subprocess.Popen(
        [sys.executable, "-I", "-B", str(CHILD), str(path.absolute())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    late = threading.Event()
    timer = threading.Timer(SECONDS, lambda: (late.set(), child.kill()))
    timer.start()
    try:
        with child.stdout as output:
            description = json.loads(block(output, 4 * MOST_TEXT))
            arrays = received_arrays(output, description["arrays"]) if "refused" not in description else []
        child.wait()
    except EOFError:
        child.wait()
        raise InputError(f"{path} {end_of(child.returncode, late.is_set())}") from None
    finally:
        timer.cancel()
        child.kill()
        child.wait()
    if "refused" in description:
        raise InputError(f"{path} {description['refused']}")
    return model_file(description, arrays)


def block(output, most):
    """Read one block: its length, then that many bytes.

    Raises:
        EOFError: If the output ends before, or the length is above `most`.
    """
    (length,) = struct.unpack("<Q", exactly(output, 8))
    if length > most:
        raise EOFError
    return exactly(output, length)


def exactly(output, length):
    """Read `length` bytes. Raises EOFError if there are fewer."""
    content = output.read(length)
    if len(content) < length:
        raise EOFError
    return content


def received_arrays(output, descriptions):
    """Read the arrays that follow the description. They are bytes and a type; nothing in them can run."""
    arrays = []
    for description in descriptions:
        dtype = np.dtype(description["dtype"])
        if dtype.name not in DTYPES:
            raise EOFError
        values = np.frombuffer(block(output, 8 * MOST_NUMBERS), dtype)
        arrays.append(values.reshape(description["shape"]))
    return arrays


def end_of(returncode, late):
    """Say why the child ended without an answer."""
    if late or returncode in (-24, -9):  # SIGXCPU, and SIGKILL where that does not help
        return "keeps the HDF5 library busy without end: it is damaged, or made to do that; copy it again"
    how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
    return f"is damaged: it crashes the HDF5 library ({how}); copy it again or take another file"


def model_file(description, arrays):
    """Put the arrays into their places."""
    result = ModelFile(
        config=None if description.get("config") is None else json.loads(description["config"]),
        keras_version=plain_version(description.get("keras_version")),
        backend=str(description.get("backend") or ""),
        gan=description.get("gan"),
    )
    if description.get("in_order") is not None:
        result.in_order = [
            [layer, [[name, arrays[number]] for name, number in weights]] for layer, weights in description["in_order"]
        ]
    if description.get("by_path") is not None:
        result.by_path = {}
        for group, name, number in description["by_path"]:
            result.by_path.setdefault(group, {})[name] = arrays[number]
    return result


def plain_version(text):
    """Return a version from a file, "2.15.0" or "2.1.6-tf"; "" for anything else: it is printed."""
    plain = str(text or "").strip()
    numbers = plain.replace("-", ".").split(".")
    return plain if len(plain) < 30 and numbers[0].isdecimal() and all(part.isalnum() for part in numbers) else ""
