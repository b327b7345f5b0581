"""Reads one model file in a process of its own: little memory, little time, no other file. Imports h5py and NumPy only.

    python -I reading_child.py MODEL_FILE

A file from a stranger may crash the HDF5 library, keep it busy for ever, or point at other files. So this process reads
it. It first opens the file, then gives up the right to open or to write any other file, and then copies what a model
needs to its output: texts (the configuration) and plain arrays (the weights). `reading.py` starts it and takes them.

The output is a row of blocks, each with its length in bytes before it: first JSON that describes what follows, then the
bytes of each array. If the file is refused, the JSON is `{"refused": "the reason"}`.
"""

import codecs
import contextlib
import io
import json
import math
import os
import struct
import sys
import time
import zipfile

import h5py
import numpy as np

MOST_TEXT = 16_000_000  # bytes of a configuration; the largest published generators have 1,000,000
MOST_DEPTH = 100  # brackets within brackets in JSON
MOST_VALUES = 500_000  # values, lists and dictionaries in JSON
MOST_NUMBERS = 100_000_000  # weights in a file: 400 MB; BigGAN's 512x512 generator has 82,000,000
MOST_OBJECTS = 100_000  # groups and arrays in an HDF5 file
MOST_INFLATED = 1032  # deflate, the compression of HDF5 and zip, makes data at most 1032 times smaller
MEMORY = 1_500_000_000  # address space of this process, of which the libraries take 300 MB
SECONDS = 2  # of computing, after the libraries have started; a small file takes 0.05
SECONDS_FOR_A_GIGABYTE = 10

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")
FOLDERS_FROM_KERAS = {"_layer_checkpoint_dependencies": "layers"}  # Keras 2.12 called it so
NO_WEIGHTS_IN = ("optimizer", "optimizer_weights", "loss_tracker", "metrics", "_metrics")  # not needed for drawing


class Refused(ValueError):
    """What the file holds is not taken; the message ends the sentence that begins with the file's name."""


# ---- What this process may do ----


def give_up_rights(size):
    """Limit memory and computing time, and forbid to open or to write any further file (on Linux and macOS).

    Args:
        size: Length of the model file in bytes.
    """
    try:
        import resource
    except ImportError:  # Windows; there the time limit of the parent remains
        return
    for encoding in ("ascii", "utf-8", "latin-1", "cp437"):  # Python opens a file for each when it is first used
        codecs.lookup(encoding)
    seconds = math.ceil(time.process_time()) + SECONDS + round(size / 1e9 * SECONDS_FOR_A_GIGABYTE)
    limits = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 0}
    if sys.platform == "linux":  # macOS counts the address space of the whole system into a process
        limits["RLIMIT_AS"] = MEMORY
    for name, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a lower limit of the system stays
            resource.setrlimit(getattr(resource, name), (limit, limit))


# ---- HDF5 ----


def check_length(thing, name):
    """Refuse an attribute that is larger than a configuration can be, before it is read."""
    attribute = thing.attrs.get_id(name)
    if attribute.get_space().get_simple_extent_npoints() * attribute.get_type().get_size() > MOST_TEXT:
        raise Refused(f"has an attribute {name} that is too long")


def text_attribute(thing, name):
    """Return an attribute of a group as text, or None if there is none; Keras 2 with an old h5py stored bytes."""
    if name not in thing.attrs:
        return None
    check_length(thing, name)
    value = thing.attrs[name]
    value = value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise Refused(f"has an attribute {name} that is too long")
    return value if isinstance(value, str) else ""


def names_attribute(group, name):
    """Return an attribute that is a list of names. Keras cuts long ones into pieces: `layer_names0`, `layer_names1`."""
    pieces = [name] if name in group.attrs else []
    while not pieces or pieces[-1] != name:
        if (piece := f"{name}{len(pieces)}") not in group.attrs:
            break
        pieces.append(piece)
    names = []
    for piece in pieces:
        check_length(group, piece)
        names += np.atleast_1d(group.attrs[piece]).ravel().tolist()
    if len(names) > MOST_OBJECTS:
        raise Refused(f"has an attribute {name} that is too long")
    return [entry.decode("utf-8") if isinstance(entry, bytes) else str(entry) for entry in names]


def member(group, path):
    """Return the group or array at a path below a group. Only what lies in this file, below this group, is taken."""
    for part in path.split("/"):
        if part == "":
            continue
        if part in (".", "..") or group.get(part, getlink=True) is None:
            raise Refused(f"has no weights named {path}")
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise Refused(f"has a link to another place or file where weights should be ({part})")
        group = group[part]
    return group


class Weights:
    """The arrays of a file: checked first, all of them, then sent one by one."""

    def __init__(self):
        self.arrays = []
        self.numbers = 0
        self.objects = 0

    def count_object(self):
        """Stop at files that have no end, for example a group that holds itself."""
        self.objects += 1
        if self.objects > MOST_OBJECTS:
            raise Refused("has too many groups and arrays")

    def add(self, array, path):
        """Check an HDF5 array and note it. Returns its number.

        Raises:
            Refused: If its numbers lie outside of the file, or are more than the file can hold.
        """
        self.count_object()
        if not isinstance(array, h5py.Dataset):
            raise Refused(f"has a group where the weights {path} should be")
        creation = array.id.get_create_plist()
        if creation.get_external_count():
            raise Refused(f"says that the weights {path} lie in another file (external storage)")
        if creation.get_layout() == h5py.h5d.VIRTUAL:
            raise Refused(f"says that the weights {path} lie in other arrays or files (a virtual dataset)")
        if array.shape is None:
            raise Refused(f"has no numbers in the weights {path}")
        bfloat16 = array.dtype.kind == "V" and array.dtype.itemsize == 2  # h5py has no name for it
        if array.dtype.name not in DTYPES and not bfloat16:
            raise Refused(f"has weights {path} of the type {array.dtype.name[:30]}; expected are numbers")
        length = array.size * array.dtype.itemsize
        self.numbers += array.size
        if self.numbers > MOST_NUMBERS:
            raise Refused(f"has more than {MOST_NUMBERS:,} weights ({path} has the shape {array.shape})")
        stored = array.id.get_storage_size()
        if length > stored * (1 if creation.get_layout() != h5py.h5d.CHUNKED else MOST_INFLATED):
            raise Refused(f"says that the weights {path} have the shape {array.shape}, but holds only {stored} bytes")
        self.arrays.append(array)
        return len(self.arrays) - 1

    def described(self):
        """Return type and shape of each array."""
        return [{"dtype": plain_type(array.dtype).str, "shape": array.shape} for array in self.arrays]

    def send(self):
        """Write the bytes of each array."""
        for array in self.arrays:
            values = np.empty(array.shape, array.dtype)
            if array.size:
                array.read_direct(values)
            if array.dtype.kind == "V":  # bfloat16 is the upper half of a float32
                values = (values.view("<u2").astype("<u4") << 16).view("<f4")
            write_block(np.ascontiguousarray(values, plain_type(array.dtype)).data.cast("B") if array.size else b"")


def plain_type(dtype):
    """Return the type in which numbers are sent: the same, with the lowest byte first."""
    return np.dtype("<f4") if dtype.kind == "V" else dtype.newbyteorder("<")


def layers_in_order(group, weights):
    """Read the weights of a `.h5` model: a list of `[layer, [[name, number of the array], ...]]`."""
    found = []
    for layer in names_attribute(group, "layer_names"):
        weights.count_object()
        inside = member(group, layer)
        names = names_attribute(inside, "weight_names")
        found.append([layer, [[name, weights.add(member(inside, name), name)] for name in names]])
    top = "top_level_model_weights"
    if top in group:
        inside = member(group, top)
        names = names_attribute(inside, "weight_names")
        found.append(["", [[name, weights.add(member(inside, name), name)] for name in names]])
    return found


def layers_by_path(group, weights, path="", depth=0):
    """Read the weights of a `.weights.h5` file: a list of `[path of the group, name, number of the array]`.

    Keras 2.12 and 2.13 on Windows wrote backslashes in place of slashes.
    """
    found = []
    if depth > MOST_DEPTH or len(group) > MOST_OBJECTS:
        raise Refused("has groups within groups without end")
    for name in group:
        weights.count_object()
        kind = group.get(name, getclass=True, getlink=True)
        if kind is not h5py.HardLink:
            raise Refused(f"has a link to another place or file where weights should be ({name[:60]})")
        plain = name.replace("\\", "/").strip("/")
        if depth == 0 and plain.split("/")[0] in NO_WEIGHTS_IN:
            continue
        for old, new in FOLDERS_FROM_KERAS.items():
            plain = "/".join(new if part == old else part for part in plain.split("/"))
        inside = group[name]
        if isinstance(inside, h5py.Group):
            found += layers_by_path(inside, weights, f"{path}/{plain}" if path else plain, depth + 1)
        else:
            found.append([path, plain, weights.add(inside, f"{path}/{plain}")])
    return found


def read_hdf5(file):
    """Read an HDF5 file: a whole model, or weights alone.

    Returns:
        `(description, weights)`: a dictionary for the parent, and the `Weights` to send.
    """
    weights = Weights()
    description = {name: text_attribute(file, name) for name in ("keras_version", "backend", "gan")}
    description["config"] = text_attribute(file, "model_config")
    if description["config"] is not None:
        description["config"] = checked_json(description["config"], "its configuration")
        group = member(file, "model_weights") if "model_weights" in file else file
        description["keras_version"] = description["keras_version"] or text_attribute(group, "keras_version")
        description["backend"] = description["backend"] or text_attribute(group, "backend")
        description["in_order"] = layers_in_order(group, weights)
    elif "layer_names" in file.attrs or "layer_names0" in file.attrs or "model_weights" in file:
        group = member(file, "model_weights") if "model_weights" in file else file
        description["in_order"] = layers_in_order(group, weights)
    elif any(name.replace("\\", "/").split("/")[0] in ("layers", *FOLDERS_FROM_KERAS) for name in file):
        description["by_path"] = layers_by_path(file, weights)
    else:
        raise Refused("is HDF5, but no Keras model; save the whole model with model.save(...) and open that")
    return description, weights


# ---- JSON and zip ----


def checked_json(text, what):
    """Parse JSON, refuse it if it is too long, deep or large, and write it anew: without spaces and double keys."""
    if len(text) > MOST_TEXT:
        raise Refused(f"is too large: {what} has {len(text):,} characters")
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise Refused(f"has brackets within brackets without end in {what}") from None
    except ValueError as error:
        raise Refused(f"is damaged or cut short: {what} is no JSON ({str(error)[:80]})") from None
    level, count, depth = [parsed], 0, 0
    while level:
        count += len(level)
        if count > MOST_VALUES or depth > MOST_DEPTH:
            raise Refused(f"has {what} that is too large, or brackets within brackets without end")
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        depth += 1
    return json.dumps(parsed)


def read_member(archive, name, most):
    """Inflate a file of a zip, but never more than `most` bytes."""
    information = archive.getinfo(name)
    if information.file_size <= most:
        with archive.open(information) as file:
            content = file.read(most + 1)
        if len(content) <= most:
            return content
    raise Refused(f"is too large: {name} in it has {information.file_size:,} bytes")


def kind_of_zip(names):
    """Say what a zip without a `config.json` is."""
    if any(name.endswith("data.pkl") for name in names):
        return "is a PyTorch file; expected is a generator that Keras saved (.h5 or .keras)"
    if names and all(name.endswith(".npy") for name in names):
        return (
            f"is an .npz of arrays ({', '.join(name[:-4] for name in names[:4])}), pictures perhaps, and no generator; "
            "expected is a model that Keras saved (.h5 or .keras)"
        )
    models = [name for name in names if name.lower().endswith((".h5", ".hdf5", ".keras"))]
    if models and not any(name.endswith("config.json") for name in names):
        return f"is a zip around {models[0][:100]}; unpack it, and give that file"
    if any(name.endswith("saved_model.pb") for name in names):
        return (
            "is a zip around a TensorFlow SavedModel; save the model with model.save('generator.keras') and open that"
        )
    return "is a zip, but no Keras model (it has no config.json); expected is a model that Keras saved (.h5 or .keras)"


def read_keras_zip(file):
    """Read a `.keras` file. Returns the same as `read_hdf5`."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        configs = sorted((name for name in names if name.split("/")[-1] == "config.json"), key=len)
        if not configs:
            raise Refused(kind_of_zip(names))
        folder = configs[0][: -len("config.json")]  # "", or the folder that somebody packed by hand
        texts = {}
        for name in ("config.json", "metadata.json"):
            if folder + name in names:
                texts[name] = checked_json(read_member(archive, folder + name, MOST_TEXT).decode("utf-8"), name)
        if folder + "model.weights.h5" not in names:
            raise Refused("is a .keras file without model.weights.h5; save the model again with model.save(...)")
        content = read_member(archive, folder + "model.weights.h5", 4 * MOST_NUMBERS + MOST_TEXT)
    description, weights = read_weights_file(h5py.File(io.BytesIO(content), "r"))
    metadata = json.loads(texts.get("metadata.json", "{}"))
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return description | {"config": texts["config.json"], "keras_version": version or "3", "backend": None}, weights


def read_weights_file(file):
    """Read the `model.weights.h5` of a `.keras` file; a generator without any weights has an empty one."""
    weights = Weights()
    return {"by_path": layers_by_path(file, weights)}, weights


def read_json(file):
    """Read an architecture that `model.to_json()` wrote."""
    text = checked_json(file.read(MOST_TEXT + 1).decode("utf-8"), "the JSON")
    return {"config": text}, Weights()


# ---- The output ----


def write_block(content):
    sys.stdout.buffer.write(struct.pack("<Q", len(content)))
    sys.stdout.buffer.write(content)


def main(path):
    """Read the file at `path` and write it to the standard output."""
    file = open(path, "rb")  # noqa: SIM115  (stays open to the end)
    give_up_rights(os.fstat(file.fileno()).st_size)
    beginning = file.read(4)
    file.seek(0)
    weights = Weights()
    try:
        if beginning.startswith(b"PK"):
            description, weights = read_keras_zip(file)
        elif beginning.lstrip()[:1] in (b"{", b"["):
            description, weights = read_json(file)
        else:
            description, weights = read_hdf5(h5py.File(file, "r"))
    except Refused as error:
        description, weights = {"refused": str(error)}, Weights()
    except MemoryError:
        description, weights = {"refused": "asks for more memory than a model needs"}, Weights()
    except Exception as error:  # whatever h5py and zipfile raise on a damaged file
        reason = f"{type(error).__name__}: {error}"[:200]
        description = {"refused": f"is damaged or cut short ({reason}); copy it again or take another file"}
        weights = Weights()
    description["arrays"] = weights.described()
    write_block(json.dumps(description).encode())
    weights.send()
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
