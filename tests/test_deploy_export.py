"""deploy/export.py: any generator that samples.py opens becomes an ONNX model that draws the same pictures."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

pytest.importorskip("onnx", reason="the export is not installed: deploy/requirements-export.txt")
pytest.importorskip("tf2onnx")
import onnxruntime

import gene_keras
import samples
from deploy import export, page_folder
from deploy.drawing import ExportedGenerator, View
from support.drawing.noise import noise_batches
from support.models.opening import open_generator
from support.run.folder import save_generator

KERAS_2 = pathlib.Path(__file__).resolve().parent / "keras2"
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras exports ONNX on TensorFlow")


def saved(folder, build=gene_keras.smooth_generator, class_names=None, **more):
    """Save a small generator as train.py does; return its path."""
    keras.utils.set_random_seed(0)
    generator = build(12, 16, noise_size=6, class_count=len(class_names or []), filters=4, **more)
    path = folder / "generator_e007.h5"
    information = {"preset": "shapes", "epoch": 7, "noise_size": 6, "class_names": class_names, "seed": 3}
    save_generator(generator, path, information)
    return path


def drawn_by_samples(path, count, seed=0):
    """Draw pictures of all classes in turns with the functions of samples.py."""
    generator = open_generator(path)
    noise = next(noise_batches(seed, count, generator.noise_size, count))
    return samples.draw(generator, noise, np.arange(count) % max(1, generator.class_count), count)


@pytest.mark.parametrize("class_names", [None, ["cat", "dog", "owl"]])
def test_an_exported_generator_draws_as_samples(tmp_path, class_names):
    """Would catch exchanged classes, pictures in another range, or a description that misses what a page needs."""
    path = saved(tmp_path, class_names=class_names)
    assert export.main([str(path)]) == 0
    exported = ExportedGenerator(tmp_path / "generator_e007.onnx")
    pictures = exported.pictures_of(View(seed=5, count=7))
    difference = np.abs(pictures.astype(int) - drawn_by_samples(path, 7, seed=5))
    assert pictures.shape == (7, 12, 16, 3) and difference.max() <= 1 and difference.mean() < 0.01
    about = exported.information
    assert about["class_names"] == class_names and about["picture_shape"] == [12, 16, 3]
    assert (about["preset"], about["epoch"], about["seed"], about["noise_size"]) == ("shapes", 7, 3, 6)
    if class_names:
        owls = exported.pictures_of(View(seed=5, count=3, kind=2))
        assert np.abs(owls[2].astype(int) - pictures[2]).max() <= 1  # the third of all classes in turns is an owl, too


@pytest.mark.parametrize(
    "name", ["dcgan.h5", "conditional.h5", "conditional_one_hot.h5", "sequential_sigmoid.h5", "residual.keras"]
)
def test_files_of_other_people(tmp_path, name):
    """Would catch noise of (1, 1, z), one-hot classes, a class that comes first, or pictures in [0, 1]."""
    path = tmp_path / name
    shutil.copy(KERAS_2 / name, path)
    out = tmp_path / "out.onnx"
    export.main([str(path), "--out", str(out)])
    pictures = ExportedGenerator(out).pictures_of(View(count=6))
    assert np.abs(pictures.astype(int) - drawn_by_samples(path, 6)).max() <= 1


def test_what_the_user_says_of_a_generator_is_exported(tmp_path):
    """Would catch uniform noise, a one-hot tail or a range that the exported model does not know of."""
    keras.utils.set_random_seed(0)
    noise_and_class = keras.Input((9,))
    x = keras.layers.Dense(48, kernel_initializer="random_normal")(noise_and_class)
    model = keras.Model(noise_and_class, keras.layers.Reshape((4, 4, 3))(x))
    model.save(tmp_path / "told.keras")
    flags = ["--noise", "uniform", "--one-hot", "3", "--range=-2:2"]
    export.main([str(tmp_path / "told.keras"), *flags])
    exported = ExportedGenerator(tmp_path / "told.onnx")
    assert exported.information["noise_size"] == 6 and exported.information["class_names"] == ["0", "1", "2"]
    samples.main([str(tmp_path / "told.keras"), *flags, "--n", "6", "--out", str(tmp_path / "drawn.npz")])
    drawn = np.load(tmp_path / "drawn.npz")["arr_0"]
    assert drawn.std() > 5
    assert np.abs(exported.pictures_of(View(count=6)).astype(int) - drawn).max() <= 1


def test_the_inputs_have_standard_names_and_any_batch(tmp_path):
    """Would catch a model that takes one batch length alone, or that names its inputs as the file did."""
    export.main([str(saved(tmp_path, class_names=["a", "b"]))])
    session = onnxruntime.InferenceSession(tmp_path / "generator_e007.onnx")
    assert [(one.name, one.type, one.shape[1:]) for one in session.get_inputs()] == [
        ("noise", "tensor(float)", [6]),
        ("class_number", "tensor(int32)", [1]),
    ]
    for count in (1, 3):
        inputs = {"noise": np.zeros((count, 6), "float32"), "class_number": np.zeros((count, 1), "int32")}
        assert session.run(None, inputs)[0].shape == (count, 12, 16, 3)


def test_other_pictures_are_refused(tmp_path, monkeypatch, capsys):
    """Would catch a check that passes whatever is drawn, and files that it leaves behind."""
    path = saved(tmp_path)
    refuse = export.refuse_if_different
    monkeypatch.setattr(
        export, "refuse_if_different", lambda kind, drawn, expected: refuse(kind, drawn, expected + 2e-4)
    )
    with pytest.raises(SystemExit) as stopped:
        export.main([str(path)])
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and "draws other pictures than Keras: they differ by 0.0002" in line
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    with pytest.raises(ValueError, match="differ by nan"):
        refuse("ONNX", np.full(3, np.nan), np.zeros(3))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.h5"], "there is no such file"),
        (["generator_e007.h5", "--out", "x.h5"], "the name of an ONNX model ends in .onnx"),
        (["generator_e007.h5", "--page", "full"], "--page full holds letter.txt, which is no part of a page"),
        (["generator_e007.h5", "--page", "site"], "--page site holds .git, CNAME, which is no part of a page"),
        (["generator_e007.h5", "--out", "no/x.onnx"], "create it first"),
        (["generator_e007.h5", "--page", "no/page"], "create it first"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    """Would catch a traceback, or files that were written although the page has no place."""
    saved(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "site" / ".git").mkdir(parents=True)  # an older page in somebody's repository
    for name in ("generator.json", "index.html", "CNAME"):
        (tmp_path / "site" / name).write_text("")
    (tmp_path / "full" / "letter.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        export.main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and said in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "generator_e007.h5", "site"]
    assert len(list((tmp_path / "site").iterdir())) == 4


def test_the_page_is_whole(tmp_path, monkeypatch):
    """Would catch a file that the page loads and the folder lacks, or an address of another server."""
    library = tmp_path / "library.mjs"
    library.write_text("")
    for module in (page_folder, export):
        monkeypatch.setattr(module, "vendored", lambda: [library])
    path = saved(tmp_path, class_names=["a", "b"])
    for _ in range(2):  # the second time replaces the page
        export.main([str(path), "--page", str(tmp_path / "page")])
    page = tmp_path / "page"
    assert json.loads((page / "generator.json").read_text())["class_names"] == ["a", "b"]
    assert (page / "generator.onnx").read_bytes() == path.with_suffix(".onnx").read_bytes()
    assert (page / "vendor" / "library.mjs").exists() and (page / "icon.png").exists()
    texts = {found.name: found.read_text() for found in page.iterdir() if found.suffix in (".js", ".html", ".css")}
    assert set(texts) == {"index.html", "style.css", "page.js", "latent.js", "noise.js", "painter.js"}
    assert not [name for name, text in texts.items() if "http:" in text or "https:" in text]


def test_litert_draws_the_same(tmp_path, capsys):
    """Would catch a LiteRT model whose inputs are exchanged."""
    export.main([str(saved(tmp_path, class_names=["a", "b"])), "--litert"])
    assert (tmp_path / "generator_e007.tflite").stat().st_size > 1000
    assert "generator_e007.tflite" in capsys.readouterr().out
