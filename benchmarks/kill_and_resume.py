"""Does a run that is killed at random moments and resumed end with the same bytes as a run that never stopped?

    python benchmarks/kill_and_resume.py                      30 runs, 9 minutes on two cores
    python benchmarks/kill_and_resume.py --runs 5 --seed 1    fewer, killed at other moments

A reference run of train.py (tiny networks on forty drawn pictures) plays to its end. Every other run starts the same,
is killed one to three times with SIGKILL, and is resumed until it ends normally. Half of the kills happen at any time
between the first file and the last. The others wait for a difficult moment: while a checkpoint, a generator or a plot
is being written (half a file could remain), or after the last checkpoint but before the last generator (the resumed run
could believe that all is done). After every kill each file with a final name must be completely readable. At the end
the generators' files, the arrays of the newest checkpoint, the plots and the history (without its times) must be those
of the reference, and no half-written file may remain. The exit code is 1 if anything is wrong.
"""

import argparse
import contextlib
import csv
import dataclasses
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import h5py
import numpy as np
from PIL import Image

from support.data.shapes import draw_shapes

ROOT = pathlib.Path(__file__).resolve().parent.parent
EPOCHS = 50
PICTURES = 40
STEPS = EPOCHS * PICTURES // 8
# Five steps an epoch, and a checkpoint every 0.18 s beside those that come with a generator: mostly within an epoch.
GAME = ["--preset", "folder", "--image-size", "16", "--filters", "4", "--batch-size", "8"]
WRITING = ["--save-every", "2", "--plot-every", "5"]
OFTEN = ["--checkpoint-minutes", "0.003"]

# What a kill waits for after its random step: nothing, or that one of these files is new or changed. They match the
# hidden names under which files are written, and the final names in case one is written in its place. The last epoch's
# checkpoint stands for a run that is over while its last generator and plots are still to be written.
AIMS = ("*checkpoint_*.npz", "*generator_*.h5", "*.png", f"checkpoint_{STEPS:08d}.npz")
AIMS += (None,) * len(AIMS)
LATER = {True: 0.03, False: 0.5}  # seconds, at most, until the kill: with such a file in sight, and without
AT_ONCE = 0.1  # share of the kills that wait for no step: they may come before the process has written a checkpoint
PATIENCE = 600  # seconds; a process that neither trains nor ends for so long is a mistake
MOST_PROCESSES = 20  # for one run; each is killed, resumed or started anew
REFUSED = 2  # train.py's exit code for what a person can put right: there is nothing to resume, or nothing left to play
SHOWN = 5  # mistakes of a run that are printed
TIMES = {"seconds", "pictures_per_second"}  # the history's columns that no two runs share


@dataclasses.dataclass
class Kill:
    """One SIGKILL: seconds after training began, the newest checkpoint's step (0: none), what was half written."""

    seconds: float
    step: int
    half_written: list

    def __str__(self):
        writing = f", writing {' and '.join(self.half_written)}" if self.half_written else ""
        return f"after checkpoint {self.step} ({self.seconds:.2f} s{writing})"


@dataclasses.dataclass
class Story:
    """What happened to one run until it ended.

    Attributes:
        kills: A `Kill` for each time it was killed.
        started_anew: Times that a kill came before the first checkpoint, so that there was nothing to resume.
        nothing_left: Whether a kill came so late that the resumed run found all steps played, and said so.
        mistakes: A line for each thing that should not have happened; empty if all is well.
    """

    kills: list = dataclasses.field(default_factory=list)
    started_anew: int = 0
    nothing_left: bool = False
    mistakes: list = dataclasses.field(default_factory=list)

    def __str__(self):
        told = "; ".join(str(kill) for kill in self.kills) or "not at all: it ended before"
        if self.started_anew:
            told += f"; started anew {self.started_anew} times"
        return told + ("; nothing left to play" if self.nothing_left else "")


def is_half_written(path):
    """Say whether a file has the hidden name under which it is written, before it gets its final one."""
    return path.name.startswith(".") and ".partial" in path.name


def files_in(folder):
    """List all files under a folder, with their names relative to it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def half_written_in(folder):
    """List the files under a folder that have not got their final names."""
    return [name for name in files_in(folder) if is_half_written(name)]


def newest_checkpoint(folder):
    """Find the newest checkpoint of a run. Returns `(path, step)`, or `(None, 0)`."""
    paths = sorted(folder.glob("training_checkpoints_*/checkpoint_*.npz"))
    return (paths[-1], int(paths[-1].stem.split("_")[1])) if paths else (None, 0)


def read_arrays(path):
    """Read an .npz to its last byte, sums of all members included. Returns a dictionary of arrays."""
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} has another sum than was stored")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def read_checkpoint(path):
    """Read a checkpoint: every array, and the JSON among them."""
    json.loads(str(read_arrays(path)["information"]))


def read_hdf5(path):
    """Read every dataset of an HDF5 file, and the JSON that says what made it."""
    with h5py.File(path) as file:
        file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
        json.loads(file.attrs["gan"])


def read_picture(path):
    """Decode a picture to its last row, and check its sums."""
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        image.load()


def read_table(path):
    """Read a table of numbers under a header. Returns its rows without the times."""
    text = path.read_text()
    header, *rows = csv.reader(text.splitlines())
    if not text.endswith("\n") or any(len(row) != len(header) for row in rows):
        raise ValueError("a row is cut")
    named = [dict(zip(header, row, strict=True)) for row in rows]
    return [{name: float(row[name]) if row[name] else None for name in row if name not in TIMES} for row in named]


def read_json(path):
    """Read a JSON file."""
    json.loads(path.read_text())


def read_animation(path):
    """Read the byte that ends a GIF, and every frame."""
    if not path.read_bytes().endswith(b";"):
        raise ValueError("the end is missing")
    with Image.open(path) as opened:
        for number in range(opened.n_frames):
            opened.seek(number)
            opened.load()


READERS = {".npz": read_checkpoint, ".h5": read_hdf5, ".png": read_picture, ".csv": read_table, ".json": read_json}
READERS[".gif"] = read_animation
WITH_TIMES = "report.png"  # its title says how long the run took
UNREADABLE = (OSError, ValueError, KeyError, EOFError, SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error)


def unreadable_files(folder):
    """Read every file under a folder that has its final name.

    Returns:
        A line for each file that cannot be read to its end, or whose kind nobody here knows how to read.
    """
    found = []
    for name in files_in(folder):
        if is_half_written(name):
            continue
        if name.suffix not in READERS:
            found.append(f"{name} is of a kind that is not checked")
            continue
        try:
            READERS[name.suffix](folder / name)
        except UNREADABLE as error:  # Pillow's SyntaxError: a broken PNG
            found.append(f"{name} is unreadable: {type(error).__name__} {error}")
    return found


def differing_arrays(one, other):
    """Name the arrays of two checkpoints that are not the same bit for bit; `information` holds times."""
    one, other = read_arrays(one), read_arrays(other)
    return [
        name
        for name in sorted(one.keys() | other.keys())
        if name != "information"
        and not (
            name in one
            and name in other
            and (one[name].dtype, one[name].shape) == (other[name].dtype, other[name].shape)
            and one[name].tobytes() == other[name].tobytes()
        )
    ]


def differences(reference, folder):
    """Compare what two runs left.

    Args:
        reference: `pathlib.Path` of the run that was never stopped.
        folder: That of the other.

    Returns:
        A line for each file that is missing, too many, or not the same. Checkpoints before the newest come at random
        times, and `settings.json` is not compared: what was played decides.

    Raises:
        ValueError: If the reference holds no generator or no checkpoint: there would be nothing to compare.
    """
    checkpoint, _ = newest_checkpoint(reference)
    if not checkpoint or not list(reference.glob("generator_e*.h5")):
        raise ValueError(f"no generator or no checkpoint in {reference}: nothing to compare with")
    found = []
    compared = {
        where: {
            name
            for name in files_in(where)
            if name.suffix in (".h5", ".png", ".csv") and name.name != WITH_TIMES and not is_half_written(name)
        }
        for where in (reference, folder)
    }
    found += [f"{name} is missing" for name in sorted(compared[reference] - compared[folder])]
    found += [f"{name} is too many" for name in sorted(compared[folder] - compared[reference])]
    for name in sorted(compared[reference] & compared[folder]):
        read = read_table if name.suffix == ".csv" else pathlib.Path.read_bytes
        try:
            same = read(reference / name) == read(folder / name)
        except UNREADABLE:
            same = False
        if not same:
            found.append(f"{name} differs")
    own, newest = folder / checkpoint.relative_to(reference), newest_checkpoint(folder)[0]
    if newest != own:
        return [*found, f"the newest checkpoint is {newest.name if newest else 'missing'}, not {own.name}"]
    try:
        if names := differing_arrays(checkpoint, own):
            found.append(f"{own.name}: {len(names)} arrays differ, {names[0]} the first")
    except UNREADABLE:
        found.append(f"{own.name} is unreadable")
    return found


def version_of(path):
    """Return a value that changes when a file is replaced; None if there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def versions_of(folder, pattern):
    """Return the versions of the files under a folder whose names match a pattern, to notice changes."""
    return {(path, version) for path in folder.rglob(pattern) if (version := version_of(path))}


def wait_until(happened, process, seconds, pause):
    """Wait until `happened()` is true or the process has ended. Returns whether it happened before.

    Raises:
        TimeoutError: If neither comes within `seconds`.
    """
    end = time.monotonic() + seconds
    while process.poll() is None:
        if happened():
            return True
        if time.monotonic() > end:
            raise TimeoutError(f"it neither trained nor ended within {seconds} s")
        time.sleep(pause)
    return False


def play(command, out, step=None, aim=None, delay=0.0):
    """Play a command until it ends by itself, or kill it at a moment.

    Args:
        command: List of words.
        out: `pathlib.Path` of the run's folder.
        step: Wait until the run has written its settings, just before training, and the newest checkpoint is of this
            step or a later one; None: no kill.
        aim: Pattern of a file's name: wait on until one is new or changed. None: do not.
        delay: Seconds from there to the kill.

    Returns:
        `(code, seconds, message)`: the exit code, -9 for a killed process; the seconds from its settings to its end;
        and what it wrote to stderr.
    """
    settings = out / "training_logs/settings.json"
    before = version_of(settings)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            wait_until(lambda: version_of(settings) not in (None, before), process, PATIENCE, 0.005)
            began = time.monotonic()
            if step is not None:
                wait_until(lambda: newest_checkpoint(out)[1] >= step, process, PATIENCE, 0.002)
                if aim:
                    seen = versions_of(out, aim)
                    wait_until(lambda: versions_of(out, aim) - seen, process, PATIENCE, 0.0005)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(delay)
                process.kill()
            code = process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        seconds = time.monotonic() - began
        errors.seek(0)
        return code, seconds, errors.read().decode(errors="replace").strip()


def draw_moment(dice, played, steps, aims):
    """Draw a moment for a kill, as `play` takes it.

    Args:
        dice: `random.Random`.
        played: Step of the newest checkpoint.
        steps: Steps of the whole run.
        aims: What to wait for after the step, one of these: None, or the pattern of a file's name.
    """
    aim = dice.choice(aims)
    last = steps * 4 // 5 if aim else steps - 1  # after an aimed kill's step there must be something left to see
    step = played if dice.random() < AT_ONCE else dice.randint(played, max(played, last))
    return {"step": step, "aim": aim, "delay": LATER[aim is not None] * dice.random() ** 2}


def kill_and_resume(command_for, out, kills, dice, steps, aims=AIMS):
    """Play one run to its end, and kill and resume it on the way.

    Args:
        command_for: Function that gives the command for "start", "resume" or "overwrite" as a list of words.
        out: `pathlib.Path` of the run's folder, not there yet.
        kills: How often to kill it. A run that ends before its next kill is left alone.
        dice: `random.Random` for the moments.
        steps: How many steps an undisturbed run plays; the kills are spread over them.
        aims: As in `draw_moment`.

    Returns:
        A `Story`. Whether the run ended in the same bytes is for `differences` to say.
    """
    story, way = Story(), "start"
    for _ in range(MOST_PROCESSES):
        played = newest_checkpoint(out)[1]
        moment = draw_moment(dice, played, steps, aims) if len(story.kills) < kills else {}
        code, seconds, message = play(command_for(way), out, **moment)
        newest, step = newest_checkpoint(out)
        if code == -signal.SIGKILL and moment:
            story.kills.append(Kill(seconds, step, [name.name for name in half_written_in(out)]))
            story.mistakes += [f"after kill {len(story.kills)}: {line}" for line in unreadable_files(out)]
            if step < played:
                story.mistakes.append(f"after kill {len(story.kills)}: checkpoint {played} is gone")
            way = "resume"
        elif code == REFUSED and way == "resume" and not newest and "nothing to resume" in message:
            story.started_anew += 1
            way = "overwrite"
        elif code == 0 or (code == REFUSED and step >= steps and "already" in message):
            story.nothing_left = code == REFUSED  # correct if all its files exist; `differences` checks that
            story.mistakes += [f"at the end: {line}" for line in unreadable_files(out)]
            story.mistakes += [f"at the end: {name} is left half written" for name in half_written_in(out)]
            return story
        else:
            story.mistakes.append(f"{way} ended with exit code {code}: {message.splitlines()[-1] if message else ''}")
            return story
    story.mistakes.append(f"did not end in {MOST_PROCESSES} processes")
    return story


def draw_folder(folder, count=PICTURES, size=16):
    """Draw a folder of small pictures to train on."""
    folder.mkdir()
    for index, picture in enumerate(draw_shapes(count, size, size)[0]):
        Image.fromarray(picture).save(folder / f"{index:03d}.png")


def training_command(data, out, epochs):
    """Return the function that gives `kill_and_resume` the commands of a run of train.py."""
    program = [sys.executable, str(ROOT / "train.py"), "--out", str(out), *OFTEN]
    start = [*program, "--data", str(data), "--epochs", str(epochs), *GAME, *WRITING]
    return {"start": start, "resume": [*program, "--resume"], "overwrite": [*start, "--overwrite"]}.__getitem__


def play_reference(data, out, epochs):
    """Play the run that is never stopped.

    Returns:
        `(seconds, steps)`: how long it trained, and how many steps.

    Raises:
        RuntimeError: If it did not end well, or left a file that cannot be read.
    """
    code, seconds, message = play(training_command(data, out, epochs)("start"), out)
    if code or unreadable_files(out):
        raise RuntimeError(f"the reference ended with exit code {code}: {message} {unreadable_files(out)}")
    return seconds, newest_checkpoint(out)[1]


def main():
    """Play the reference and the runs, and print a line for each. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30, help="runs that are killed and resumed (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="fixes number and moments of the kills (default: 0)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data, reference = folder / "pictures", folder / "reference"
        draw_folder(data)
        seconds, steps = play_reference(data, reference, EPOCHS)
        print(f"reference  {steps} steps in {seconds:.1f} s with all that is written", flush=True)
        stories, wrong = [], 0
        for number in range(1, arguments.runs + 1):
            dice, out = random.Random(f"{arguments.seed} {number}"), folder / f"run{number}"
            command_for = training_command(data, out, EPOCHS)
            story = kill_and_resume(command_for, out, dice.randint(1, 3), dice, steps)
            mistakes = story.mistakes + differences(reference, out)
            more = [f"and {len(mistakes) - SHOWN} more"] if len(mistakes) > SHOWN else []
            print(
                f"run {number:2}  killed {story}: {'; '.join(mistakes[:SHOWN] + more) or 'the same bytes'}", flush=True
            )
            stories.append(story)
            wrong += bool(mistakes)
    kills = [kill for story in stories for kill in story.kills]
    print(
        f"{len(stories)} runs, {len(kills)} kills ({sum(bool(kill.half_written) for kill in kills)} left a file half "
        f"written), {sum(story.started_anew for story in stories)} started anew: "
        f"{len(stories) - wrong} ended in the same bytes with every file readable, {wrong} did not"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
