"""Import this before Keras, and TensorFlow's notes on its own start stay off the screen.

TensorFlow 2.21 writes them from C++ before it reads TF_CPP_MIN_LOG_LEVEL, past `sys.stderr`. So the file behind stderr
is exchanged while Keras and its backend start. Errors are exceptions and are seen as always; who wants the notes sets
TF_CPP_MIN_LOG_LEVEL=0.

TensorFlow also reads here that it is to compute with oneDNN. By itself it does so on the newest processors only; on the
others (AVX2: most laptops) a step takes 1.5 to 1.8 times as long without.
"""

import contextlib
import os
import sys


@contextlib.contextmanager
def without_stderr():
    """Send what is written to stderr, also by C++, nowhere while the block runs."""
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
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 2 would show "remapper failed", a note on an optimisation not made
if os.environ["TF_CPP_MIN_LOG_LEVEL"] not in ("0", "1") and "keras" not in sys.modules:
    with without_stderr():
        import keras

        # The first array starts the device, which has notes of its own.
        keras.ops.zeros(1)
