"""The official files of CIFAR-10 and CIFAR-100, `cifar-10-python.tar.gz` for example, packed or unpacked.

They are pickles, which could run any code. So this file reads them with an unpickler that knows only the few commands
for lists, dictionaries, text, bytes and numbers. For a NumPy array it makes an object of its own, which notes the
shape and the bytes.
"""

import gzip
import io
import pathlib
import pickle
import tarfile
import zlib

import numpy as np

from support.system.errors import InputError

BATCHES = [f"data_batch_{number}" for number in range(1, 6)]  # the training split of CIFAR-10
# Of each data set: its training files, the file of class names, and where labels and names are found.
KINDS = (
    (BATCHES, "batches.meta", "labels", "label_names"),
    (["train"], "meta", "fine_labels", "fine_label_names"),
)
MOST_BYTES = 500_000_000  # unpacked, all files together; CIFAR's have 186 million
# The commands of a pickle that are obeyed; all others are refused.
COMMANDS = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES UNICODE BINUNICODE SHORT_BINUNICODE EMPTY_LIST APPEND "
    "APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS PUT BINPUT LONG_BINPUT "
    "MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
).split()


class NotedArray:
    """Stands for a NumPy array in a pickle; it notes what the array would be made of."""

    def __init__(self, *arguments):
        self.shape, self.kind, self.data = (), None, b""

    def __setstate__(self, state):
        _, self.shape, self.kind, _, self.data = state

    def array(self):
        """Return the bytes as an array of this shape, uint8."""
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        if not isinstance(self.kind, NotedKind) or self.kind.name not in ("u1", "|u1", "uint8"):
            raise ValueError("its pictures are not of 8 bits")
        return np.frombuffer(data, "uint8").reshape(self.shape)


class NotedKind:
    """Stands for the kind of number in an array."""

    def __init__(self, name="", *arguments):
        self.name = name.decode("latin1") if isinstance(name, bytes) else name

    def __setstate__(self, state):
        pass  # the order of bytes, which 8 bits do not have


def text_to_bytes(text, encoding):
    """Stand for `_codecs.encode`, with which Python 3 stores bytes in old pickles."""
    return text.encode("latin1")


STANDS_FOR = {
    ("numpy.core.multiarray", "_reconstruct"): NotedArray,
    ("numpy._core.multiarray", "_reconstruct"): NotedArray,
    ("numpy", "ndarray"): NotedArray,
    ("numpy", "dtype"): NotedKind,
    ("_codecs", "encode"): text_to_bytes,
}


class PlainUnpickler(pickle._Unpickler):
    """Reads a pickle of plain values, and runs no code that the pickle names.

    This is Python's own unpickler written in Python. The one in C reserves memory for every number that a damaged
    pickle names.
    """

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in COMMANDS
        if getattr(pickle, name)[0] in pickle._Unpickler.dispatch
    }

    def find_class(self, module, name):
        """Return what stands for a name, or refuse it."""
        try:
            return STANDS_FOR[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no pictures need") from None

    def load_build(self):
        """Give an object its state, but only an array or a kind: others would get attributes that the file chooses."""
        if not isinstance(self.stack[-2], NotedArray | NotedKind):
            raise pickle.UnpicklingError("it changes an object that no pictures need")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def is_cifar(path):
    """Say whether a path is a folder with CIFAR's files, or their archive (a .tar, packed or not)."""
    path = pathlib.Path(path or "?")
    if path.is_dir():
        # `train` alone may be any file, beside pictures for example.
        return any(all((path / name).is_file() for name in (*names, about)) for names, about, *_ in KINDS)
    return path.is_file() and path.name.lower().endswith((".tar.gz", ".tgz", ".tar"))


def load_cifar(path):
    """Read the training split from CIFAR's own files.

    Args:
        path: `cifar-10-python.tar.gz`, `cifar-100-python.tar.gz`, or the folder that one unpacks to.

    Returns:
        `(images, labels, class_names)`: uint8 `(n, 32, 32, 3)`, int32 `(n,)`, and a list of text.

    Raises:
        InputError: If it holds something else, or is damaged.
    """
    path = pathlib.Path(path)
    try:
        files = read_folder(path) if path.is_dir() else read_archive(path)
        kind = next((kind for kind in KINDS if all(name in files for name in (*kind[0], kind[1]))), None)
        if kind is None:
            raise InputError(
                f"{path} holds neither CIFAR-10's nor CIFAR-100's Python files; "
                "unpack it, and give the folder with the pictures"
            )
        names, about, labels_name, class_names = kind
        parts = [PlainUnpickler(io.BytesIO(files[name]), encoding="latin1").load() for name in names]
        images = np.concatenate([part["data"].array() for part in parts]).reshape(-1, 3, 32, 32)
        labels = np.array([label for part in parts for label in part[labels_name]], "int64")
        class_names = PlainUnpickler(io.BytesIO(files[about]), encoding="latin1").load()[class_names]
        if len(labels) != len(images) or labels.min() < 0 or labels.max() >= len(class_names):
            raise ValueError("its labels do not belong to its pictures")
        class_names = [str(name) for name in class_names]
    except (InputError, PermissionError):
        raise
    except Exception as error:  # a pickle can be damaged in any way
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        reason = f"it has no {reason}, or holds what no pictures need" if isinstance(error, KeyError) else reason
        raise InputError(
            f"{path} cannot be read as CIFAR's Python files ({reason}); fetch it again, or, if it holds pictures, "
            "unpack it and give the folder"
        ) from None
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)), labels.astype("int32"), class_names


def wanted_files():
    """Return the names of all files that are read."""
    return {name for names, about, *_ in KINDS for name in (*names, about)}


def read_folder(path):
    """Read the files of a folder: a dictionary from a name to bytes."""
    found = [path / name for name in wanted_files() if (path / name).is_file()]
    if sum(file.stat().st_size for file in found) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    return {file.name: file.read_bytes() for file in found}


def read_archive(path):
    """Read the files of an archive into memory: nothing is unpacked to the disk."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    found = {}
    with gzip.open(path) if packed else open(path, "rb") as file:
        try:
            with tarfile.open(fileobj=AtMost(file, MOST_BYTES), mode="r|") as archive:
                for member in archive:
                    name = pathlib.PurePosixPath(member.name).name
                    if member.isfile() and not member.issparse() and name in wanted_files():
                        found[name] = archive.extractfile(member).read()
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ValueError(f"it is damaged: {error}") from None
    return found


class AtMost:
    """A file of which no more than so many bytes can be read: an archive of zeros unpacks to any size."""

    def __init__(self, file, most):
        self.file, self.left = file, most

    def read(self, size):
        """Return the next bytes."""
        data = self.file.read(min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
        return data
