"""tensorboard_log.py: what TensorBoard's own reader finds in the files, also after a kill and a resume."""

import inspect
import io
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from support.run import tensorboard_log
from support.run.history import MEASURED
from support.run.tensorboard_log import NoLog, TensorBoardLog, measured, open_log
from support.system.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent


def read(folder):
    """Read all event files of a folder, as TensorBoard does."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def scalars(folder, name):
    """The curve `name` as a list of `(step, value)`."""
    return [(event.step, event.value) for event in read(folder).Scalars(name)]


def pictures(folder, name):
    """The pictures called `name` as a list of `(step, Pillow image)`."""
    images = read(folder).Images(name)
    return [(event.step, Image.open(io.BytesIO(event.encoded_image_string))) for event in images]


def test_a_resumed_run_shows_each_step_once(tmp_path):
    """Catches two values for the steps between the last checkpoint and the kill, and a gap or a loss beside them."""
    killed = TensorBoardLog(tmp_path, first_step=1)
    for step in range(1, 501):
        killed.scalars(step, {"loss/generator": 1.0})
    killed.picture(400, "generated", np.zeros((8, 8, 3), "uint8"))
    killed.picture(500, "generated", np.zeros((8, 8, 3), "uint8"))
    with open(killed.file.name, "ab") as file:
        file.write(b"\x40\x00\x00")  # killed while it wrote a record
    with TensorBoardLog(tmp_path, first_step=401) as resumed:
        for step in range(401, 451):
            resumed.scalars(step, {"loss/generator": 2.0})
    expected = [(step, 1.0) for step in range(1, 401)] + [(step, 2.0) for step in range(401, 451)]
    assert scalars(tmp_path, "loss/generator") == expected
    assert [step for step, _ in pictures(tmp_path, "generated")] == [400]


def test_a_killed_run_loses_nothing(tmp_path):
    """Catches records that wait in memory: nothing is closed here before the files are read."""
    log = TensorBoardLog(tmp_path, first_step=1)
    log.scalars(1, {"a": 0.5})
    assert scalars(tmp_path, "a") == [(1, 0.5)]
    log.picture(1, "b", np.zeros((8, 8, 1), "uint8"))
    assert len(pictures(tmp_path, "b")) == 1
    log.close()
    log.close()


def test_parts_of_a_run_are_read_in_order_whatever_the_clock(tmp_path, monkeypatch):
    """Catches a part that overwrites another of the same second, and a clock set back that puts the last part first."""
    for part, now in enumerate([1_800_000_000.2, 1_800_000_000.9, 1_700_000_000.0]):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        with TensorBoardLog(tmp_path, first_step=part + 1) as log:
            log.scalars(part + 1, {"part": part})
            log.scalars(part + 2, {"part": -1})  # void once the next part is read
    assert scalars(tmp_path, "part") == [(1, 0), (2, 1), (3, 2), (4, -1)]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_keep_every_pixel(channels, tmp_path):
    """Catches channels that are moved or lost, height and width exchanged, and pictures that are smoothed."""
    picture = np.random.default_rng(0).integers(0, 256, (5, 9, channels), "uint8")
    with TensorBoardLog(tmp_path, first_step=1) as log:
        log.picture(7, "array", picture)
        log.picture(8, "image", Image.fromarray(picture[:, :, 0] if channels == 1 else picture))
    for name, expected_step in (("array", 7), ("image", 8)):
        [(step, image)] = pictures(tmp_path, name)
        assert step == expected_step
        np.testing.assert_array_equal(np.asarray(image).reshape(5, 9, channels), picture)
        [event] = read(tmp_path).Images(name)
        assert (event.height, event.width) == (5, 9)


def test_a_large_grid_is_reduced(tmp_path):
    """Catches logs of gigabytes: 3000 x 1000 pixels become 1024 x 341 in the same colour."""
    with TensorBoardLog(tmp_path, first_step=1) as log:
        log.picture(1, "grid", np.full((1000, 3000, 3), 77, "uint8"))
    [(_, image)] = pictures(tmp_path, "grid")
    assert image.size == (1024, 341) and set(np.unique(image)) == {77}


def test_the_measurements_have_their_own_names(tmp_path):
    """Catches D's loss shown as G's, and a measurement of the history that TensorBoard does not show."""
    values = {name: number for number, name in enumerate(MEASURED)}
    named = measured(list(values.values()))
    assert named["loss/discriminator"] == values["discriminator_loss"]
    assert named["loss/generator"] == values["generator_loss"]
    assert named["probability/D(x)"] == values["d_of_real"]
    assert named["probability/D(G(z)) in D's step"] == values["d_of_fake"]
    assert named["probability/D(G(z)) in G's step"] == values["d_of_fake_after_discriminator_step"]
    assert len(named) == len(MEASURED)
    with TensorBoardLog(tmp_path, first_step=1) as log:
        log.scalars(3, named)
    assert sorted(read(tmp_path).Tags()["scalars"]) == sorted(named)
    assert scalars(tmp_path, "probability/D(x)") == [(3, 2.0)]


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    """Catches a traceback, and a folder that is made although nothing can be written."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(InputError) as caught:
        open_log(True, tmp_path / "log", 1)
    message = str(caught.value)
    assert "\n" not in message and message.startswith("--tensorboard: the package tensorboard ")
    assert "pip install -r requirements-tensorboard.txt" in message
    assert (ROOT / "requirements-tensorboard.txt").is_file() and not (tmp_path / "log").exists()


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said_at_once(tmp_path, monkeypatch):
    """Catches a run that waits for ever for its log, or trains on and logs nothing, and an error without the file."""

    def full(path, mode, **how):
        return open("/dev/full", "wb", **how)

    monkeypatch.setattr(tensorboard_log, "open", full, raising=False)
    with pytest.raises(OSError) as caught:
        TensorBoardLog(tmp_path, first_step=1)
    assert caught.value.strerror == "No space left on device" and caught.value.filename == "/dev/full"


def test_it_works_without_tensorflow(tmp_path):
    """Catches an import that only TensorFlow's users have."""
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from support.run.tensorboard_log import TensorBoardLog\n"
        "import numpy as np\n"
        f"with TensorBoardLog({str(tmp_path)!r}, 1) as log:\n"
        "    log.scalars(1, {'a': 1.0})\n"
        "    log.picture(1, 'b', np.zeros((8, 8, 3), 'uint8'))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
    assert scalars(tmp_path, "a") == [(1, 1.0)]


def test_without_the_flag_nothing_is_written(tmp_path, monkeypatch):
    """Catches calls that only one of the two logs takes, and a package that is asked of those who do not want it."""
    monkeypatch.setattr(tensorboard_log, "require_tensorboard", lambda: pytest.fail("was asked for"))
    with open_log(False, tmp_path / "log", 1) as log:
        log.scalars(1, {"a": 1.0})
        log.picture(1, "b", np.zeros((8, 8, 3), "uint8"))
        log.close()
    assert not (tmp_path / "log").exists()
    for name, method in inspect.getmembers(TensorBoardLog, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(method) == inspect.signature(getattr(NoLog, name))
