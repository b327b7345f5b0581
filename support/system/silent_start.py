"""Import this file before Keras: it hides TensorFlow's start messages, and switches oneDNN on.

TensorFlow 2.21 writes these messages from C++ before it reads TF_CPP_MIN_LOG_LEVEL, and not through `sys.stderr`. So
this file redirects the process's stderr while Keras and its backend start. Errors are exceptions and stay visible. To
see the messages, set TF_CPP_MIN_LOG_LEVEL=0.

It sets HDF5_USE_FILE_LOCKING=FALSE: on network disks without locks HDF5 would refuse every file. The suite needs no
locks of HDF5, as it writes each file under another name first and then renames it.

This file also sets TF_ENABLE_ONEDNN_OPTS=1, so that TensorFlow computes with oneDNN. Without it TensorFlow uses oneDNN
only on the newest processors; on others (AVX2: most laptops) a step then takes 1.5 to 1.8 times as long.
"""

import support.system.start  # noqa: F401  # isort: skip  (first)

import contextlib
import os
import sys


@contextlib.contextmanager
def without_stderr():
    """Discard what is written to stderr during the block, also by C++, unless the user wants to see messages."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1"):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 2 would show "remapper failed", a harmless note
if "keras" not in sys.modules:
    try:
        with without_stderr():
            import keras

            # The first array starts the device, which also writes messages. A process that trains together with others
            # must find them before that: see support/system/several_devices.py.
            if "KERAS_DISTRIBUTION_JOB_ADDRESSES" not in os.environ:
                keras.ops.zeros(1)
    except (ImportError, ValueError) as error:  # the backend is missing or does not load, or there is none of this name
        if isinstance(error, ModuleNotFoundError) and error.name == "keras":
            raise
        print(
            f"Keras does not start ({' '.join(str(error).split())}); install the packages again with "
            "pip install -r requirements.txt, or name another backend: KERAS_BACKEND=tensorflow, jax or torch",
            file=sys.stderr,
        )
        sys.exit(2)
