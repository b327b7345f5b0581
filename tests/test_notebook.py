"""The notebook, run from its first cell to its last as a reader runs it, on few pictures."""

import base64
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

import keras
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "gan_in_a_notebook.ipynb"
EPOCHS = 2
TITLE_HEIGHT = 30  # of a picture: below its title it must differ from the others too

# A last cell of the tests' own, in the same kernel: it plays one step twice from the same weights, the notebook's way
# and train.py's, looks for kernels that are still as they were made, and stops two trainings of three epochs early.
QUESTIONS = """
import json
import signal

from support.models.on_device import to_numbers


def copies(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def same_game(own_step, players, pictures, settings):
    generator, discriminator, combined, *_ = players
    parts = generator, discriminator, discriminator.optimizer, combined.optimizer
    variables = [variable for part in parts for variable in part.variables]
    images, classes, noise = train.step_inputs(pictures, settings, 1, 0)
    inputs = players, defDATA.to_floats(images), classes, noise
    before = copies(variables)
    values, after = own_step(*inputs), copies(variables)
    for variable, array in zip(variables, before, strict=True):
        variable.assign(array)
    expected, _ = train.play_step(*inputs)
    return np.allclose(values, to_numbers(expected), rtol=1e-6) and all(map(np.array_equal, after, copies(variables)))


def still(players, settings, class_count):
    keras.utils.set_random_seed(SEED)
    untrained = train.build_players(settings, class_count)
    return [
        variable.path
        for player, other in zip(players[:2], untrained[:2], strict=True)
        for variable, old in zip(player.trainable_variables, other.trainable_variables, strict=True)
        if variable.path.endswith("kernel") and np.array_equal(*copies([variable, old]))
    ]


def steps_until_stopped(own_step, minutes):
    classes = np.arange(kinds).reshape(-1, 1)
    history, epoch = play(own_step, players, shapes, settings, 3, noise[:kinds], classes, minutes)
    return [len(history), epoch]


def interrupt(*inputs):
    signal.raise_signal(signal.SIGINT)
    return [0.5] * 5


print(json.dumps({
    "still": still(players, settings, len(shapes.class_names)) + still(cifar10_players, cifar10_settings, 0),
    "same shapes": same_game(play_own_step, players, shapes, settings),
    "same cifar10": same_game(play_own_step, cifar10_players, photographs, cifar10_settings),
    "no time": steps_until_stopped(play_own_step, 1e-9),
    "interrupt": steps_until_stopped(interrupt, None),
}))
"""


def read():
    """Read the notebook as it is stored."""
    return nbformat.read(NOTEBOOK, as_version=4)


def images_of(cell):
    """The pictures that a cell shows, as arrays."""
    data = [output.data for output in cell.outputs if output.output_type == "display_data"]
    files = [io.BytesIO(base64.b64decode(shown["image/png"])) for shown in data if "image/png" in shown]
    return [np.asarray(Image.open(file)) for file in files]


def answers(cells):
    """What the tests' own cell found out."""
    (text,) = (output.text for output in cells["questions"].outputs if output.output_type == "stream")
    return json.loads(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of what a reader has: the suite's files and, in `notebooks`, the notebook."""
    folder = tmp_path_factory.mktemp("copy")
    for path in [*ROOT.glob("*.py"), ROOT / "requirements.txt"]:
        shutil.copy(path, folder)
    for room in ("support", "modern"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks").mkdir()
    return folder


@pytest.fixture(scope="module")
def cells(folder):
    """Every cell after a run inside `notebooks`, by its name: two epochs of two steps, for both games."""
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), "uint8")
    np.savez(folder / "photographs.npz", x_train=images)
    values = {
        "SHAPES_EPOCHS": EPOCHS,
        "SHAPES_PICTURES": 128,
        "CIFAR10_DATA": "../photographs.npz",
        "CIFAR10_EPOCHS": EPOCHS,
    }
    notebook = read()
    (settings,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    for name, value in values.items():
        settings.source, replaced = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value!r}", settings.source)
        assert replaced == 1, name
    notebook.cells.append(nbformat.v4.new_code_cell(QUESTIONS, id="questions"))
    place = {"metadata": {"path": str(folder / "notebooks")}}
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=place).execute()
    return {cell.id: cell for cell in notebook.cells}


def run_first_cell(**changes):
    """Run the cell that looks for the suite's files, in this process, with other values for its names."""
    source = next(cell.source for cell in read().cells if cell.cell_type == "code")
    for name, value in changes.items():
        source, replaced = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value!r}", source)
        assert replaced == 1, name
    names = {}
    exec(source, names)
    return names


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty current folder, and a `sys.path` that lacks the suite and may be changed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if pathlib.Path(place).resolve() != ROOT])
    return tmp_path


def test_every_cell_runs_without_a_warning(cells):
    """Would catch a cell that calls the suite as it no longer is, and a warning that a reader would have to explain."""
    ran = [cell for cell in cells.values() if cell.cell_type == "code"]
    assert [cell.execution_count for cell in ran] == list(range(1, len(ran) + 1))
    for cell in ran:
        for output in cell.outputs:
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize(("name", "others"), [("shapes", 0), ("cifar10-training", 2)])
def test_pictures_are_shown_after_every_epoch(cells, name, others):
    """Would catch a loop that shows only the last epoch, or the same pictures again and again."""
    shown = images_of(cells[name])
    assert len(shown) == EPOCHS + others
    assert len({image[TITLE_HEIGHT:].tobytes() for image in shown}) == len(shown)


@pytest.mark.parametrize(("name", "count"), [("pictures", 1), ("curves", 2), ("classes", 2), ("cifar10", 1)])
def test_the_other_pictures_are_shown(cells, name, count):
    """Would catch a picture that is made as a cell's value in its middle, where no notebook shows it."""
    assert len(images_of(cells[name])) == count


def test_both_players_learn(cells):
    """Would catch a game in which one player stands still, which the losses alone do not tell."""
    assert answers(cells)["still"] == []


@pytest.mark.parametrize("preset", ["shapes", "cifar10"])
def test_a_step_is_the_step_of_train(cells, preset):
    """Would catch a notebook that teaches another game than `train.play_step`, in a single bit of any weight."""
    assert answers(cells)[f"same {preset}"]


@pytest.mark.parametrize("reason", ["no time", "interrupt"])
def test_a_training_can_be_ended_early(cells, reason):
    """Would catch an interrupt that loses what was learnt, and a time limit that waits for the end of an epoch."""
    assert answers(cells)[reason] == [1, 1]


def test_the_saved_generator_opens_without_the_suite(cells, folder):
    """Would catch a file that needs this suite's code, or one named after another epoch."""
    path = folder / "notebooks" / "runs" / "notebook" / f"generator_e{EPOCHS:03d}.h5"
    generator = keras.models.load_model(path, compile=False)
    noise, classes = np.zeros((10, 100), "float32"), np.arange(10).reshape(-1, 1)
    pictures = generator.predict_on_batch([noise, classes])
    assert pictures.shape == (10, 32, 32, 3)
    assert 0 < np.abs(pictures).max() <= 1
    assert "the same pictures" in cells["saving"].outputs[0].text


@pytest.mark.parametrize("inside", [".", "notebooks"])
def test_the_files_are_found(elsewhere, monkeypatch, inside):
    """Would catch a notebook that works from one of the two folders only in which Jupyter may start it."""
    monkeypatch.chdir(ROOT / inside)
    assert run_first_cell()["folder"].samefile(ROOT)
    assert os.path.samefile(sys.path[0], ROOT)


def test_missing_files_are_said_in_one_line(elsewhere):
    """Would catch a bare "No module named defGAN", which tells no one what to do."""
    with pytest.raises(FileNotFoundError, match="write the address of your copy into REPOSITORY") as raised:
        run_first_cell()
    assert len(str(raised.value).splitlines()) == 1


def test_missing_files_are_fetched(elsewhere, monkeypatch):
    """Would catch a fetched copy that is then looked for in another folder, or fetched twice."""
    commands = []

    def fetch(command, check):
        commands.append(command)
        shutil.copytree(ROOT / "support", elsewhere / "gan" / "support")
        for name in ("defGAN.py", "requirements.txt"):
            shutil.copy(ROOT / name, elsewhere / "gan")

    monkeypatch.setattr(subprocess, "run", fetch)
    for _ in range(2):
        assert run_first_cell(REPOSITORY="https://example.org/gan")["folder"].samefile(elsewhere / "gan")
    (command,) = commands
    assert command[:2] == ["git", "clone"] and command[-2:] == ["https://example.org/gan", "gan"]


@pytest.mark.parametrize(
    ("on_colab", "old", "expected"),
    [
        (True, {"keras": "3.10.0", "tensorflow": "2.19.0"}, "keras had to be upgraded: choose Runtime > Restart"),
        (True, {"grain": None}, "installing grain"),
        (False, {"keras": "3.10.0", "grain": None}, "missing or too old: keras>=3.15.1, grain"),
    ],
)
def test_what_is_missing_is_said_and_on_colab_installed(elsewhere, monkeypatch, capsys, on_colab, old, expected):
    """Would catch an install that nobody asked for, an old Keras that is used all the same, a TensorFlow replaced."""
    import importlib.metadata

    real_version, commands = importlib.metadata.version, []

    def version(name):
        if name in old and old[name] is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return old.get(name) or real_version(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command[5:]))
    monkeypatch.chdir(ROOT)
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    said = ""
    try:
        run_first_cell()
    except RuntimeError as error:
        said = str(error)
    assert expected in capsys.readouterr().out + said
    installed = [[re.split("[<>=]", package)[0] for package in command] for command in commands]
    assert installed == ([[name for name in old if name != "tensorflow"]] if on_colab else [])


def test_the_notebook_is_stored_clean():
    """Would catch outputs, counters or random names of cells that make every save a change, and one machine's paths."""
    notebook = read()
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)
    for cell in notebook.cells:
        assert re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id) and not re.fullmatch("[0-9a-f]{8}", cell.id)
        assert set(cell.metadata) <= {"tags"}
        assert not re.search(r"""(^|["'\s(=])(/\w|~/|[A-Za-z]:\\)""", cell.source), cell.source
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_every_cell_of_code_follows_a_text():
    """Would catch a cell that came without a word about what it is for."""
    kinds = [cell.cell_type for cell in read().cells]
    assert all(before == "markdown" for before, kind in zip([None, *kinds], kinds, strict=False) if kind == "code")
