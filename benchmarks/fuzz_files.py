"""Damages generators, pictures, archives and checkpoints in many ways, opens each, and counts how that ends.

    python benchmarks/fuzz_files.py                      1,000 cases, about 20 minutes on two cores
    python benchmarks/fuzz_files.py --n 100 --seed 5     fewer, others
    python benchmarks/fuzz_files.py --of checkpoint zip  of these kinds alone
    python benchmarks/fuzz_files.py --keep bad           keep the files of bad endings in the folder `bad`

A generator is drawn by samples.py; pictures, a .zip and an .npz are looked over by defDATA.py; a run whose only
checkpoint is damaged is resumed by train.py. Good endings are what the program is for (a picture, a contact sheet, a
run that ends), or one line and exit code 2, within 20 seconds and 2 GB. Bad ones are a traceback, a crash, more time or
more memory. The result of a seed is the same on each machine, apart from the times, and but for checkpoints, which hold
the seconds of their run. It is printed as a table;
docs/compatibility.md has the last one. The ways to damage a file are in damage.py.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import argparse
import collections
import contextlib
import io
import itertools
import json
import multiprocessing
import random
import shutil
import tempfile
import time
import traceback
import typing

import h5py
import numpy as np
from PIL import Image

from benchmarks import damage

SECONDS = 20
MEMORY = 2_000_000_000  # bytes, with Keras and TensorFlow
STARTING = 120  # seconds for Keras to start
CASES_OF_A_PROCESS = 40  # TensorFlow keeps something of each network that it has compiled
TINY_RUN = ["--preset", "cifar10", "--filters", "2", "--noise-size", "4", "--batch-size", "4", "--image-size", "8"]
TINY_RUN += ["--augment", "none", "--no-mixed-precision"]


# ---- Files to damage: each function saves some, and returns their paths ----


def make_generators(folder):
    """Small generators in each format, and those that Keras 2 saved."""
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


def make_pictures(folder):
    """One small picture in each of the usual formats."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 20, 3), "uint8"))
    paths = [folder / f"picture.{ending}" for ending in ("png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "avif")]
    for path in paths:
        picture.save(path)
    return paths


def make_zips(folder):
    """Twelve pictures in two folders, and the same with the labels of a dataset.json."""
    members = {}
    for number in range(12):
        place = io.BytesIO()
        values = np.random.default_rng(number).integers(0, 256, (16, 16, 3), "uint8")
        Image.fromarray(values).save(place, "png" if number % 2 else "jpeg")
        members[f"{'ab'[number % 2]}/{number}.{'png' if number % 2 else 'jpg'}"] = place.getvalue()
    labels = {"labels": [[name, number % 2] for number, name in enumerate(members)]}
    paths = [folder / "plain.zip", folder / "labelled.zip"]
    paths[0].write_bytes(damage.zipped(members))
    paths[1].write_bytes(damage.zipped(members | {"dataset.json": json.dumps(labels).encode()}))
    return paths


def make_arrays(folder):
    """Pictures with their class numbers, compressed and not."""
    arrays = {
        "x_train": np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8"),
        "y_train": np.arange(20) % 2,
    }
    paths = [folder / "stored.npz", folder / "compressed.npz"]
    np.savez(paths[0], **arrays)
    np.savez_compressed(paths[1], **arrays)
    return paths


def make_checkpoints(folder):
    """The only checkpoint of a run of two steps."""
    import train

    data = make_arrays(folder)[0]
    with contextlib.redirect_stdout(io.StringIO()):
        train.main(["--data", str(data), "--out", str(folder / "run"), *TINY_RUN, "--epochs", "1"])
    *older, newest = sorted(folder.glob("run/training_checkpoints_*/*.npz"))
    for path in older:
        path.unlink()
    return [newest]


# ---- What is done with a damaged file ----


def draw(path, content, folder):
    """Draw with a generator. Returns the file that must be there afterwards."""
    import samples

    damaged, out = folder / ("damaged" + path.suffix), folder / "drawn.png"
    damaged.write_bytes(content)
    samples.main([str(damaged), "--n", "2", "--out", str(out)])
    return out


def look_over(path, content, folder):
    """Look an archive over."""
    import defDATA

    damaged, out = folder / ("damaged" + path.suffix), folder / "sheet.png"
    damaged.write_bytes(content)
    defDATA.main([str(damaged), "--out", str(out), "--image-size", "16"])
    return out


def look_over_a_folder(path, content, folder):
    """Look three whole pictures and a damaged one over."""
    import defDATA

    pictures, out = folder / "pictures", folder / "sheet.png"
    pictures.mkdir()
    for number in range(3):
        shutil.copy(path, pictures / f"whole_{number}{path.suffix}")
    (pictures / ("damaged" + path.suffix)).write_bytes(content)
    defDATA.main([str(pictures), "--out", str(out), "--image-size", "16"])
    return out


def resume(path, content, folder):
    """Go on with a run whose only checkpoint is damaged."""
    import train

    shutil.copytree(path.parent.parent, folder / "run")
    (folder / "run" / path.parent.name / path.name).write_bytes(content)
    train.main(["--resume", "--epochs", "2", "--out", str(folder / "run")])
    return folder / "run" / "generator_e002.h5"


class Kind(typing.NamedTuple):
    """A kind of file: who makes some, how they get damaged, what is done with one, and which program speaks."""

    make: typing.Callable
    ways: dict
    use: typing.Callable
    program: str
    of_ten: int  # so many of ten cases


KINDS = {
    "generator": Kind(make_generators, damage.MODEL_FILE, draw, "samples.py", 5),
    "picture": Kind(make_pictures, damage.ANY_FILE, look_over_a_folder, "defDATA.py", 2),
    "zip": Kind(make_zips, damage.ZIP_FILE, look_over, "defDATA.py", 1),
    "npz": Kind(make_arrays, damage.NPZ_FILE, look_over, "defDATA.py", 1),
    "checkpoint": Kind(make_checkpoints, damage.NPZ_FILE, resume, "train.py", 1),
}
OPENED, ONE_LINE = "opened", "one line"


# ---- Opening, in a process that is watched ----


def open_all(connection):
    """Open each file that comes through the connection, and send back how it ended."""
    import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)
    import keras

    connection.send("ready")
    while (order := connection.recv()) is not None:
        name, path, content = order
        kind, said = KINDS[name], io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            try:
                with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                    done = kind.use(path, content, pathlib.Path(folder))
                ending = OPENED if done.exists() else "nothing"
            except SystemExit as error:
                lines = said.getvalue().splitlines()
                is_one_line = error.code == 2 and lines and lines[-1].startswith(kind.program + ": ")
                ending = ONE_LINE if is_one_line else f"exit code {error.code}"
            except BaseException:
                ending = "traceback"
                said.write(traceback.format_exc())
        keras.backend.clear_session()
        connection.send((ending, said.getvalue()[-2000:]))


class Opener:
    """A process that opens files; it is started anew after a crash or a hang, and after so many cases."""

    def __init__(self):
        self.process, self.cases = None, 0

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=open_all, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        if not self.connection.poll(STARTING):
            raise SystemExit("Keras did not start")
        self.connection.recv()
        self.cases = 0

    def open(self, kind, path, content):
        """Open one file. Returns `(ending, what was said, seconds)`."""
        if self.process is not None and self.cases == CASES_OF_A_PROCESS:
            self.end()
        if self.process is None:
            self.start()
        self.cases += 1
        start = time.monotonic()
        try:
            self.connection.send((kind, path, content))
            while not self.connection.poll(0.05):
                if time.monotonic() - start > SECONDS:
                    return self.stop("more than 20 s", start)
                if memory_of(self.process.pid) > MEMORY:
                    return self.stop("more than 2 GB", start)
            return *self.connection.recv(), time.monotonic() - start
        except (EOFError, OSError):
            return self.stop("crash", start)

    def end(self):
        """Let the process end by itself."""
        if self.process is not None:
            self.connection.send(None)
            self.process.join()
            self.process = None

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


def cases(kinds, count):
    """Yield `(kind, way)` for so many cases: the kinds in their shares, the ways of each in turn."""
    turns = {name: itertools.cycle(KINDS[name].ways) for name in kinds}
    names = itertools.cycle([name for name in kinds for _ in range(KINDS[name].of_ten)])
    for name in itertools.islice(names, count):
        yield name, next(turns[name])


def main():
    parser = argparse.ArgumentParser(description="Damage files, open them, count the endings.")
    parser.add_argument("--n", type=int, default=1000, help="how many cases (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", nargs="+", choices=KINDS, default=list(KINDS), help="which kinds of file (all)")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep files with bad endings here")
    options = parser.parse_args()
    endings, slowest, opener = collections.defaultdict(collections.Counter), 0.0, Opener()
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name in options.of:
            place = pathlib.Path(folder) / name
            place.mkdir()
            made[name] = sorted(KINDS[name].make(place))
        for case, (name, way) in enumerate(cases(options.of, options.n)):
            chance = random.Random(f"{options.seed} {case}")
            path = chance.choice(made[name])
            content = KINDS[name].ways[way](path.read_bytes(), chance)
            ending, said, seconds = opener.open(name, path, content)
            endings[name, way][ending] += 1
            slowest = max(slowest, seconds)
            if ending not in (OPENED, ONE_LINE):
                print(f"case {case}: {path.name}, {way}: {ending}\n{said}", flush=True)
                if options.keep:
                    options.keep.mkdir(exist_ok=True)
                    (options.keep / f"case_{case}_{path.name}").write_bytes(content)
        opener.end()
    print_table(endings)
    print(f"{options.n:,} cases, seed {options.seed}; the slowest took {slowest:.1f} s")
    return 0 if all(set(counts) <= {OPENED, ONE_LINE} for counts in endings.values()) else 1


def print_table(endings):
    """Print how many cases of each kind and way ended how, as Markdown."""
    columns = [OPENED, ONE_LINE]
    columns += sorted({ending for counts in endings.values() for ending in counts} - set(columns))
    print("| file | damage | cases | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 3) + "|")
    for (name, way), counts in sorted(endings.items(), key=lambda row: list(KINDS).index(row[0][0])):
        print(f"| {name} | {way} | {sum(counts.values())} | " + " | ".join(str(counts[key]) for key in columns) + " |")


if __name__ == "__main__":
    sys.exit(main())
