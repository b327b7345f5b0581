"""Runs that are killed at random moments end in the same bytes; and the checker that says so sees when they do not."""

import json
import random
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from PIL import Image

from benchmarks import kill_and_resume as checker

EPOCHS = 10
# A trainer that starts at once: each step adds to a weight, and resuming goes on from the newest checkpoint. Writing a
# checkpoint takes a second, in which the file is there and cut off, so that a kill falls into it on a busy machine too.
# The fault it is given is what the checker has to find.
TRAINER = """
import contextlib, io, pathlib, sys, time
sys.path.insert(0, "HERE")
import h5py, numpy as np
from support.system.atomic_files import written_beside

fault, way, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
logs, folder = out / "training_logs", out / "training_checkpoints_sum"

def place(path):
    return contextlib.nullcontext(path) if fault == "writes in place" else written_beside(path)

for path in (logs, folder):
    path.mkdir(parents=True, exist_ok=True)
kept = sorted(folder.glob("checkpoint_*"))
if way == "resume" and not kept:
    sys.exit(print("nothing to resume", file=sys.stderr) or 2)
if way == "resume" and fault in ("will not go on", "has played all steps already"):
    sys.exit(print(fault, file=sys.stderr) or 2)
if fault == "leaves a half behind":
    (out / ".old.partial.npz").touch()
with place(logs / "settings.json") as path:
    path.write_text("{}")
time.sleep(0.1)
first, weight = 0, np.zeros(3)
if kept:
    first, weight = int(kept[-1].stem.split("_")[1]), np.load(kept[-1])["weight"]
    weight = weight * (fault != "forgets")
for step in range(first, 4):
    weight = weight + step
    whole = io.BytesIO()
    np.savez(whole, weight=weight, information="{}")
    with place(folder / f"checkpoint_{step + 1:08d}.npz") as path:
        path.write_bytes(whole.getvalue()[:300])
        time.sleep(1.0)
        path.write_bytes(whole.getvalue())
with place(out / "generator_e004.h5") as path, h5py.File(path, "w") as file:
    file["weight"], file.attrs["gan"] = weight, "{}"
"""


def trainer_command(fault, out):
    """Give the function that `kill_and_resume` asks for the commands of the trainer of a few lines."""
    return lambda way: [sys.executable, "-c", TRAINER.replace("HERE", str(checker.ROOT)), fault, way, str(out)]


@pytest.fixture(scope="module")
def whole_of_trainer(tmp_path_factory):
    """What the trainer of a few lines leaves when it is never stopped."""
    out = tmp_path_factory.mktemp("trainer") / "whole"
    assert checker.play(trainer_command("none", out)("start"), out)[0] == 0
    return out


@pytest.fixture
def trainer(whole_of_trainer, tmp_path):
    """Kill and resume that trainer: a function from its fault and the kills to the `Story` and all differences."""

    def play(fault, kills, aim):
        out = tmp_path / "run"
        # As if there were one step only: each kill waits for its aim alone, so that its moment is known.
        story = checker.kill_and_resume(trainer_command(fault, out), out, kills, random.Random(0), 1, [aim])
        return story, checker.differences(whole_of_trainer, out)

    return play


@pytest.fixture
def run(tmp_path):
    """A folder with one sound file of each kind that a run writes."""
    folder = tmp_path / "run"
    for name in ("training_logs", "training_checkpoints_folder"):
        (folder / name).mkdir(parents=True)
    write_checkpoint(folder, np.arange(1000, dtype="float32"))
    with h5py.File(folder / "generator_e001.h5", "w") as file:
        file["layers/kernel"], file.attrs["gan"] = np.arange(1000, dtype="float32"), "{}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), "uint8")
    Image.fromarray(noise).save(folder / "training_logs/losses.png")
    frames = [Image.fromarray(np.roll(noise, step)) for step in (0, 7)]
    frames[0].save(folder / "training_logs/progress.gif", save_all=True, append_images=frames[1:])
    (folder / "training_logs/history.csv").write_text("epoch,loss,seconds\n1,0.5,3.0\n2,0.25,3.0\n")
    (folder / "training_logs/settings.json").write_text(json.dumps({"preset": "folder"}))
    return folder


def write_checkpoint(folder, moments, step=10, seconds=1.0):
    """Write a checkpoint that holds these moments of an optimizer."""
    arrays = {"generator/0000": np.ones(5), "generator optimizer/0000": moments}
    path = folder / f"training_checkpoints_folder/checkpoint_{step:08d}.npz"
    np.savez(path, information=json.dumps({"seconds": [seconds]}), **arrays)
    return path


def test_killed_runs_end_in_the_same_bytes(tmp_path):
    """Would catch what a kill loses or spoils: a step, an optimizer's moments, a file due at an epoch's end."""
    pictures, reference, steps = tmp_path / "pictures", tmp_path / "reference", 5 * EPOCHS  # 40 pictures, 8 a step
    checker.draw_folder(pictures)

    def play(kills, aim):
        out = tmp_path / f"killed {kills} times, {aim}"
        command_for = checker.training_command(pictures, out, EPOCHS)
        return out, checker.kill_and_resume(command_for, out, kills, random.Random(kills), steps, [aim])

    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(checker.play_reference, pictures, reference, EPOCHS)
        stories = pool.map(play, [2, 1, 1], [None, "*checkpoint_*.npz", f"checkpoint_{steps:08d}.npz"])
    assert whole.result()[1] == steps
    kills = 0
    for out, story in stories:
        assert story.mistakes + checker.differences(reference, out) == [], str(story)
        kills += len(story.kills)
    assert kills >= 3  # of four: one may come too late on a busy machine


def test_a_sound_trainer_passes(trainer):
    """Would catch a checker that finds fault with everything, or one that never kills."""
    story, different = trainer("none", 2, ".checkpoint_*.partial*")
    assert (story.mistakes, different) == ([], [])
    assert [len(kill.half_written) for kill in story.kills] == [1, 1]


def test_a_kill_before_the_first_checkpoint_starts_anew(trainer):
    """Would catch "nothing to resume" taken for a mistake where there is nothing yet."""
    story, different = trainer("none", 1, ".checkpoint_00000001.partial.npz")
    assert (story.mistakes, different, story.started_anew) == ([], [], 1)
    assert [kill.step for kill in story.kills] == [0]


@pytest.mark.parametrize(
    ("fault", "aim", "expected"),
    [
        ("writes in place", "checkpoint_00000003.npz", "after kill 1: training_checkpoints_sum/.*3.npz is unreadable"),
        (
            "leaves a half behind",
            ".checkpoint_00000003.partial.npz",
            "at the end: .old.partial.npz is left half written",
        ),
        (
            "forgets",
            ".checkpoint_00000003.partial.npz",
            "generator_e004.h5 differs.*: 1 arrays differ, weight the first",
        ),
        ("will not go on", ".checkpoint_00000003.partial.npz", "resume ended with exit code 2: will not go on"),
        ("has played all steps already", ".checkpoint_00000003.partial.npz", "generator_e004.h5 is missing"),
    ],
)
def test_a_faulty_trainer_is_found_out(trainer, fault, aim, expected):
    """Would catch a checker that passes half files, lost state, leftovers, or a run that cannot be ended."""
    story, different = trainer(fault, 1, aim)
    assert re.search(expected, "; ".join(story.mistakes + different)), (story, different)
    assert len(story.kills) == 1


def test_sound_files_are_readable(run):
    """Would catch a checker that finds fault with everything, or with what is rightly still half written."""
    (run / "training_logs/.losses.partial.png").write_bytes(b"half")
    assert checker.unreadable_files(run) == []
    assert [name.name for name in checker.half_written_in(run)] == [".losses.partial.png"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    "name",
    [
        "generator_e001.h5",
        "training_checkpoints_folder/checkpoint_00000010.npz",
        "training_logs/losses.png",
        "training_logs/progress.gif",
        "training_logs/history.csv",
        "training_logs/settings.json",
    ],
)
def test_a_cut_file_is_unreadable(run, name, share):
    """Would catch a reader content with a file's first bytes, wherever the rest is cut off."""
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: int(share * len(content))])
    (found,) = checker.unreadable_files(run)
    assert found.startswith(f"{name} is unreadable: ")


@pytest.mark.parametrize("name", ["training_checkpoints_folder/checkpoint_00000010.npz", "training_logs/losses.png"])
def test_a_changed_byte_is_unreadable(run, name):
    """Would catch a reader that does not compare the sums that checkpoints and PNGs carry."""
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    assert len(checker.unreadable_files(run)) == 1


def test_a_kind_of_file_without_a_reader_is_reported(run):
    """Would catch a new kind of file that a run writes and nobody checks, or a hidden one that is no half file."""
    (run / "training_logs/weights.pickle").write_bytes(b"")
    (run / ".state").write_bytes(b"")
    assert [line.split()[0] for line in checker.unreadable_files(run)] == [".state", "training_logs/weights.pickle"]


def test_each_difference_is_reported(run, tmp_path):
    """Would catch a comparison of names alone, one that looks at times, and an optimizer left out of it."""
    other, history = tmp_path / "other", "training_logs/history.csv"
    shutil.copytree(run, other)
    assert checker.differences(run, other) == []

    write_checkpoint(other, np.arange(1000, dtype="float32"), seconds=2.0)
    write_checkpoint(other, np.arange(1000, dtype="float32"), step=8)
    (other / history).write_text((other / history).read_text().replace("3.0", "4.0"))
    assert checker.differences(run, other) == []  # times, and what older checkpoints there are

    (other / history).write_text((other / history).read_text().replace("0.25", "0.26"))
    assert checker.differences(run, other) == [f"{history} differs"]
    shutil.copy(run / history, other / history)

    moments = np.arange(1000, dtype="float32")
    moments[0] = -0.0  # equal as a number, not as bits
    write_checkpoint(other, moments)
    expected = "checkpoint_00000010.npz: 1 arrays differ, generator optimizer/0000 the first"
    assert checker.differences(run, other) == [expected]
    write_checkpoint(other, np.arange(1000, dtype="float64"))
    assert checker.differences(run, other) == [expected]
    write_checkpoint(other, np.arange(1000, dtype="float32"))

    with h5py.File(other / "generator_e001.h5", "a") as file:
        file["layers/kernel"][999] = 0
    assert checker.differences(run, other) == ["generator_e001.h5 differs"]
    (other / "generator_e001.h5").rename(other / "generator_e002.h5")
    assert checker.differences(run, other) == ["generator_e001.h5 is missing", "generator_e002.h5 is too many"]
    shutil.copy(run / "generator_e001.h5", other / "generator_e001.h5")
    (other / "generator_e002.h5").unlink()

    (other / "training_checkpoints_folder/checkpoint_00000010.npz").write_bytes(b"half")
    (other / history).write_text("half")
    assert checker.differences(run, other) == [f"{history} differs", "checkpoint_00000010.npz is unreadable"]
    shutil.copy(run / history, other / history)

    newer = write_checkpoint(other, np.arange(1000, dtype="float32"), step=12)
    assert checker.differences(run, other) == [f"the newest checkpoint is {newer.name}, not checkpoint_00000010.npz"]


def test_a_reference_that_holds_nothing_is_an_error(tmp_path):
    """Would catch two empty folders counted as the same bytes."""
    with pytest.raises(ValueError, match="nothing to compare with"):
        checker.differences(tmp_path, tmp_path)
