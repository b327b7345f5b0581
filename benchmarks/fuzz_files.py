"""Damages model files in many ways, opens and draws each, and counts how that ends.

    python benchmarks/fuzz_files.py                      1,000 cases, about 10 minutes on two cores
    python benchmarks/fuzz_files.py --n 100 --seed 5     fewer, others
    python benchmarks/fuzz_files.py --keep bad           keep the files of bad endings in the folder `bad`

Good endings are a picture, or one line and exit code 2, within 20 seconds and 2 GB. Bad ones are a traceback, a crash,
more time or more memory. The result of a seed is the same on each machine, apart from the times. It is printed as a
table; docs/compatibility.md has the last one.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import argparse
import collections
import contextlib
import io
import json
import multiprocessing
import random
import shutil
import tempfile
import time
import traceback
import zipfile

import h5py
import numpy as np

SECONDS = 20
MEMORY = 2_000_000_000  # bytes, with Keras and TensorFlow
STARTING = 120  # seconds for Keras to start


# ---- Files to damage ----


def make_files(folder):
    """Save small generators in each format. Returns their paths."""
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    noise = keras.Input((8,))
    x = layers.Reshape((4, 4, 8))(layers.Dense(128)(noise))
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Conv2DTranspose(8, 4, 2, "same")(x)))
    plain = keras.Model(noise, layers.Conv2D(3, 3, padding="same", activation="tanh")(x))
    with_operations = keras.Model(noise, ops.clip(layers.Conv2D(1, 3, padding="same")(x) * 0.5, -1.0, 1.0))
    number = keras.Input((1,), dtype="int32")
    both = layers.Concatenate()([noise, layers.Flatten()(layers.Embedding(5, 4)(number))])
    of_classes = keras.Model([noise, number], layers.Reshape((8, 8, 1))(layers.Dense(64, activation="tanh")(both)))
    nested = keras.Sequential([keras.Input((8,)), plain, layers.Rescaling(0.5, 0.5)])
    paths = []
    for name, model in (("plain", plain), ("ops", with_operations), ("classes", of_classes), ("nested", nested)):
        for ending in (".h5", ".keras"):
            paths.append(folder / f"{name}{ending}")
            model.save(paths[-1])
    with h5py.File(folder / "plain.h5", "r+") as file:
        file.attrs["gan"] = json.dumps({"preset": "shapes", "epoch": 3, "class_names": None, "noise_size": 8})
    old = pathlib.Path(__file__).resolve().parent.parent / "tests" / "keras2"
    return paths + sorted(path for path in old.iterdir() if path.suffix in (".h5", ".keras"))


# ---- Ways to damage a file ----


def flip_bits(content, chance):
    """Flip a few bits anywhere."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 3, 10, 100))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def flip_bits_at_the_start(content, chance):
    """Flip a few bits where HDF5 and zip keep their tables."""
    first = min(len(content), 4096)
    return flip_bits(content[:first], chance) + content[first:]


def cut(content, chance):
    """Keep the beginning, the end, or leave out a piece."""
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    return chance.choice((content[:end], content[start:], content[:start] + content[end:]))


def swap_blocks(content, chance):
    """Exchange two blocks of equal length."""
    length = chance.choice((8, 64, 512, 2048))
    length = min(length, len(content) // 3)
    first, second = sorted(chance.sample(range(0, len(content) - length), 2))
    second = max(second, first + length)
    return (
        content[:first]
        + content[second : second + length]
        + content[first + length : second]
        + content[first : first + length]
        + content[second + length :]
    )


def zero_a_block(content, chance):
    """Overwrite a block with zeros, as a broken copy leaves them."""
    start = chance.randrange(len(content))
    length = min(chance.choice((16, 512, 4096)), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def in_the_hdf5(change):
    """Make a way of damage that changes the groups and arrays of the file, or of the weights in a zip."""

    def damage(content, chance):
        if not content.startswith(b"PK"):
            return changed_hdf5(content, change, chance)
        members = unzipped(io.BytesIO(content))
        members["model.weights.h5"] = changed_hdf5(members["model.weights.h5"], change, chance)
        return zipped(members)

    damage.__doc__ = change.__doc__
    return damage


def changed_hdf5(content, change, chance):
    """Return the bytes of an HDF5 file after `change(file, chance)`."""
    place = io.BytesIO(content)
    with h5py.File(place, "r+") as file:
        change(file, chance)
    return place.getvalue()


def unzipped(file):
    """Read the members of a zip, a path or an open file. Returns a dictionary from a name to bytes."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members):
    """Return the bytes of a zip."""
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return place.getvalue()


def places_in(file, kind):
    """List the paths of all groups or arrays in an HDF5 file."""
    found = []
    file.visititems(lambda name, thing: found.append(name) if isinstance(thing, kind) else None)
    return found


def rename(file, chance):
    """Rename an array or a group."""
    place = chance.choice(places_in(file, (h5py.Dataset, h5py.Group)))
    new = chance.choice((place + "_1", place[:-1] or "x", "moved", place.replace("/", "\\")))
    if new != place and new not in file:
        file.move(place, new)


def reshape(file, chance):
    """Give an array another shape, type, or numbers that are none."""
    place = chance.choice(places_in(file, h5py.Dataset))
    values = file[place][()]
    del file[place]
    file[place] = chance.choice(
        (
            values.ravel(),
            np.expand_dims(values, 0),
            values[..., :-1] if values.ndim else values,
            values.T,
            np.zeros((0,), "float32"),
            np.zeros((3, 5, 7), "int64"),
            np.full(values.shape, np.nan, "float32"),
            np.full(values.shape, 1e38, "float32"),
            values.astype("float64"),
            values.astype("complex64"),
            "words",
        )
    )


def drop(file, chance):
    """Leave out an array, a group or an attribute."""
    if chance.random() < 0.5:
        del file[chance.choice(places_in(file, (h5py.Dataset, h5py.Group)))]
        return
    holders = [file] + [file[name] for name in places_in(file, h5py.Group)]
    holders = [holder for holder in holders if len(holder.attrs)]
    if holders:
        holder = chance.choice(holders)
        del holder.attrs[chance.choice(sorted(holder.attrs))]


OTHER_VALUES = (
    None,
    True,
    -1,
    0,
    3,
    2**31,
    2**70,
    1e300,
    float("nan"),
    "",
    "tanh",
    "../x",
    "é",
    [],
    [[]],
    [None],
    {},
) + (
    {"class_name": "Dense", "config": {}},
    {"class_name": "__lambda__", "config": {}},
    {"type": "ndarray", "value": 1},
    [1, 2, 3],
    "x" * 10_000,
)


def change_the_configuration(content, chance):
    """Put another value anywhere into the configuration, leave one out, or exchange two."""
    in_zip = content.startswith(b"PK")
    if in_zip:
        members = unzipped(io.BytesIO(content))
        text = members["config.json"]
    else:
        with h5py.File(io.BytesIO(content)) as file:
            text = file.attrs["model_config"]
    config = json.loads(text)
    for _ in range(chance.choice((1, 1, 3))):
        holders = list(containers_in(config))
        holder = chance.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            continue
        key = chance.choice(keys)
        way = chance.randrange(4)
        if way == 0:
            del holder[key]
        elif way == 1:
            other = chance.choice(holders)
            others = list(other) if isinstance(other, dict) else list(range(len(other)))
            holder[key] = json.loads(json.dumps(other[chance.choice(others)])) if others else None
        else:
            holder[key] = chance.choice(OTHER_VALUES)
    text = json.dumps(config)
    if in_zip:
        return zipped(members | {"config.json": text.encode()})

    def put(file, chance):
        file.attrs["model_config"] = text if len(text) < 60_000 else np.bytes_(text[:60_000])

    return changed_hdf5(content, put, chance)


def containers_in(value):
    """Yield all dictionaries and lists in parsed JSON."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers_in(inner)


WAYS = {
    "bits flipped": flip_bits,
    "bits flipped in the first 4 kB": flip_bits_at_the_start,
    "cut": cut,
    "blocks swapped": swap_blocks,
    "a block of zeros": zero_a_block,
    "arrays and groups renamed": in_the_hdf5(rename),
    "arrays of other shapes and types": in_the_hdf5(reshape),
    "arrays, groups, attributes left out": in_the_hdf5(drop),
    "configuration changed": change_the_configuration,
}


# ---- Drawing, in a process that is watched ----


def draw_all(connection):
    """Draw each file whose path comes through the connection, and send back how it ended."""
    import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)
    import samples

    connection.send("ready")
    while (path := connection.recv()) is not None:
        said = io.StringIO()
        out = pathlib.Path(path).with_suffix(".out.png")
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                samples.main([path, "--n", "2", "--out", str(out)])
            ending = "picture" if out.exists() else "nothing"
        except SystemExit as error:
            lines = said.getvalue().splitlines()
            is_one_line = error.code == 2 and lines and lines[-1].startswith("samples.py: ") and not out.exists()
            ending = "one line" if is_one_line else f"exit code {error.code}"
        except BaseException:
            ending = "traceback"
            said.write(traceback.format_exc())
        out.unlink(missing_ok=True)
        connection.send((ending, said.getvalue()[-2000:]))


class Drawer:
    """A process that draws; it is started anew after a crash or a hang."""

    def __init__(self):
        self.process = None

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=draw_all, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        if not self.connection.poll(STARTING):
            raise SystemExit("Keras did not start")
        self.connection.recv()

    def draw(self, path):
        """Draw one file. Returns `(ending, what was said, seconds)`."""
        if self.process is None:
            self.start()
        start = time.monotonic()
        self.connection.send(str(path))
        try:
            while not self.connection.poll(0.05):
                if time.monotonic() - start > SECONDS:
                    return self.stop("more than 20 s", start)
                if memory_of(self.process.pid) > MEMORY:
                    return self.stop("more than 2 GB", start)
            return *self.connection.recv(), time.monotonic() - start
        except (EOFError, ConnectionResetError):
            return self.stop("crash", start)

    def end(self):
        """Let the process end by itself."""
        if self.process is not None:
            self.connection.send(None)
            self.process.join()

    def stop(self, ending, start):
        self.process.kill()
        self.process.join()
        self.process = None
        return ending, "", time.monotonic() - start


def memory_of(process):
    """Return the bytes of memory that a process holds now; 0 where Linux does not say."""
    try:
        with open(f"/proc/{process}/status") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS")), 0)
    except OSError:
        return 0


def main():
    parser = argparse.ArgumentParser(description="Damage model files, draw them, count the endings.")
    parser.add_argument("--n", type=int, default=1000, help="how many cases (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep files with bad endings here")
    options = parser.parse_args()
    endings, slowest, drawer = collections.defaultdict(collections.Counter), 0.0, Drawer()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        contents = {path: path.read_bytes() for path in make_files(folder)}
        for case in range(options.n):
            chance = random.Random(f"{options.seed} {case}")
            path, way = chance.choice(sorted(contents)), list(WAYS)[case % len(WAYS)]
            damaged = folder / f"case_{case}{path.suffix}"
            damaged.write_bytes(WAYS[way](contents[path], chance))
            ending, said, seconds = drawer.draw(damaged)
            endings[way][ending] += 1
            slowest = max(slowest, seconds)
            if ending not in ("picture", "one line"):
                print(f"case {case}: {path.name}, {way}: {ending}\n{said}", flush=True)
                if options.keep:
                    options.keep.mkdir(exist_ok=True)
                    shutil.copy(damaged, options.keep)
            damaged.unlink()
    drawer.end()
    print_table(endings)
    print(f"{options.n} cases, seed {options.seed}; the slowest took {slowest:.1f} s")
    return 0 if all(set(counts) <= {"picture", "one line"} for counts in endings.values()) else 1


def print_table(endings):
    """Print how many cases of each way ended how, as Markdown."""
    kinds = ["picture", "one line"] + sorted(
        {kind for counts in endings.values() for kind in counts} - {"picture", "one line"}
    )
    print("| damage | cases | " + " | ".join(kinds) + " |")
    print("|---" * (len(kinds) + 2) + "|")
    for way, counts in endings.items():
        print(f"| {way} | {sum(counts.values())} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |")


if __name__ == "__main__":
    sys.exit(main())
