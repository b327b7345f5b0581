"""samples.py: the right pixels in the right form, the same noise whatever the batch, and nothing half-written."""

import os
import pathlib
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import samples
from support import drawing_to_files
from support.opening_models import open_generator

ROOT = pathlib.Path(__file__).parent.parent
KERAS_2 = ROOT / "tests" / "keras2"


def generator_file(path, activation="tanh", channels=3, weights="random", size=8):
    """Save a generator of pictures (size, size, channels) from 4 numbers of noise."""
    keras.utils.set_random_seed(1)
    noise = keras.Input((4,), name="noise")
    kernel = "zeros" if weights == "zeros" else keras.initializers.RandomNormal(stddev=0.5)
    x = layers.Dense(size * size * channels, kernel_initializer=kernel, activation=activation)(noise)
    keras.Model(noise, layers.Reshape((size, size, channels))(x)).save(path)
    return path


def conditional_file(path, classes=3):
    """Save a generator that draws class k in the one colour k / 10 - 0.5, whatever the noise."""
    noise, number = keras.Input((4,), name="noise"), keras.Input((1,), dtype="int32", name="class")
    embedding = layers.Embedding(classes, 1)
    colour = layers.Flatten()(embedding(number))
    nothing = layers.Dense(1, kernel_initializer="zeros")(noise)
    value = layers.Dense(16, kernel_initializer="ones", name="all_pixels")(layers.Add()([colour, nothing]))
    model = keras.Model([noise, number], layers.Reshape((4, 4, 1))(value))
    embedding.set_weights([np.arange(classes)[:, None] / 10 - 0.5])
    model.save(path)
    return path


def colour_of_class(number):
    """The 8-bit value of class `number`: (number / 10 - 0.5 + 1) * 127.5, rounded."""
    return round((number / 10 + 0.5) * 127.5)


def arrays(path):
    """The pictures in a .npz."""
    with np.load(path) as file:
        assert file.files == ["arr_0"]
        return file["arr_0"]


def refused(capsys, *arguments):
    """Run samples.py and return the one line on stderr with which it ends."""
    with pytest.raises(SystemExit) as caught:
        samples.main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("samples.py: ") and captured.err.count("\n") == 1
    return captured.err


def names_in(folder):
    """All names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def run(*arguments):
    """Run samples.py in this process."""
    samples.main([str(argument) for argument in arguments])


def test_mid_grey_of_a_sigmoid_is_128(tmp_path):
    """Catches pictures in [0, 1] that are taken for [-1, 1]: 0.5 would become 191."""
    run(generator_file(tmp_path / "grey.h5", "sigmoid", weights="zeros"), "--n", 2, "--out", tmp_path / "grey.npz")
    np.testing.assert_array_equal(arrays(tmp_path / "grey.npz"), np.full((2, 8, 8, 3), 128, "uint8"))


def test_pixels_are_those_of_the_model_called_by_hand(tmp_path):
    """Catches other noise than default_rng(seed)'s, and pictures that are flipped, transposed or out of order."""
    path = generator_file(tmp_path / "g.h5")
    run(path, "--n", 5, "--seed", 7, "--batch", 2, "--out", tmp_path / "g.npz")
    noise = np.random.default_rng(7).standard_normal((5, 4), dtype="float32")
    by_hand = keras.ops.convert_to_numpy(open_generator(path).model(noise, training=False))
    expected = np.rint((by_hand + 1.0) * 127.5)
    drawn = arrays(tmp_path / "g.npz")
    assert drawn.dtype == np.uint8 and drawn.shape == (5, 8, 8, 3)
    # A float32 that falls on the border between two steps may be rounded to either side.
    assert np.abs(drawn - expected).max() <= 1 and np.mean(drawn != expected) < 0.01


def test_keras_2_pixels(tmp_path):
    """Catches what only shows from file to pixels: batch statistics instead of stored ones, for instance."""
    run(KERAS_2 / "dcgan.h5", "--n", 4, "--out", tmp_path / "old.npz")
    with np.load(KERAS_2 / "references.npz") as file:
        model = open_generator(KERAS_2 / "dcgan.h5").model
        np.testing.assert_allclose(model.predict_on_batch(file["dcgan.input0"]), file["dcgan.pictures"], atol=1e-5)
    noise = np.random.default_rng(0).standard_normal((4, 6), dtype="float32")
    expected = np.rint((np.asarray(model.predict_on_batch(noise)) + 1.0) * 127.5)
    assert np.abs(arrays(tmp_path / "old.npz") - expected).max() <= 1


def test_more_pictures_begin_with_the_same_ones(tmp_path):
    """Catches noise that depends on --n or on --batch."""
    path = generator_file(tmp_path / "g.h5")
    run(path, "--n", 10, "--out", tmp_path / "few.npz")
    run(path, "--n", 23, "--batch", 7, "--out", tmp_path / "many.npz")
    few, many = arrays(tmp_path / "few.npz"), arrays(tmp_path / "many.npz")
    assert many.shape[0] == 23
    assert np.abs(many[:10].astype(int) - few).max() <= 1
    assert len({picture.tobytes() for picture in many}) == 23


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grid_folder_and_array_hold_the_same_pictures(channels, tmp_path):
    """Catches a grid in the wrong order, and channels that are lost in a PNG."""
    path = generator_file(tmp_path / "g_e007.h5", channels=channels)
    run(path, "--n", 6, "--out", tmp_path / "g.npz")
    run(path, "--n", 6)
    run(path, "--n", 6, "--out", tmp_path / "faces")
    pictures = arrays(tmp_path / "g.npz")
    assert names_in(tmp_path / "faces") == [f"{index:05d}.png" for index in range(6)]
    for index, picture in enumerate(pictures):
        with Image.open(tmp_path / "faces" / f"{index:05d}.png") as image:
            np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)
    with Image.open(tmp_path / "g_e007.png") as image:
        grid = np.asarray(image).reshape(image.height, image.width, channels)
    # 8 pixels are drawn as 64; pictures stand 2 pixels apart, two in a row.
    assert grid.shape == (3 * 66 + 2, 2 * 66 + 2, channels)
    for index, picture in enumerate(pictures):
        top, left = 2 + index // 2 * 66, 2 + index % 2 * 66
        np.testing.assert_array_equal(grid[top : top + 64 : 8, left : left + 64 : 8], picture)


def test_class_draws_that_class(tmp_path, capsys):
    """Catches a class number that is off by one, or that never reaches the Embedding."""
    path = conditional_file(tmp_path / "c.h5")
    run(path, "--n", 5, "--class", "2", "--out", tmp_path / "two.npz")
    np.testing.assert_array_equal(arrays(tmp_path / "two.npz"), np.full((5, 4, 4, 1), colour_of_class(2), "uint8"))
    run(path, "--n", 5, "--batch", 2, "--out", tmp_path / "all.npz")
    expected = [colour_of_class(number) for number in (0, 1, 2, 0, 1)]
    np.testing.assert_array_equal(arrays(tmp_path / "all.npz")[:, 0, 0, 0], expected)
    assert "choose one of 0, 1, 2" in refused(capsys, path, "--class", "3")
    assert "choose one of 0, 1, 2" in refused(capsys, path, "--class", "ring")


def test_a_grid_has_one_column_a_class(tmp_path):
    """Catches classes that are mixed within a column, and a last row with holes."""
    run(conditional_file(tmp_path / "c.h5"))
    with Image.open(tmp_path / "c.png") as image:
        grid = np.asarray(image)
    assert grid.shape == (22 * 66 + 2, 3 * 66 + 2)
    for number in range(3):
        column = grid[:, 2 + number * 66 : 66 + number * 66]
        assert set(np.unique(column)) == {colour_of_class(number), 255}


def test_the_walk_is_a_closed_loop_of_even_steps():
    """Catches a jump from the last frame to the first, and a straight line instead of the arc."""
    walk = np.stack(list(samples.walk_through_latent_space(3, 2, 200)))
    assert walk.shape == (48, 2, 200)
    np.testing.assert_array_equal(walk[0], np.random.default_rng(3).standard_normal((2, 200), dtype="float32"))
    steps = np.linalg.norm(np.roll(walk, -1, axis=0) - walk, axis=2)
    assert steps.max() < 1.3 * steps.min()
    # On the arc the length stays near sqrt(200) = 14.1; on a straight line it falls to 10 half-way.
    assert np.linalg.norm(walk, axis=2).min() > 12.0


def test_spherical_interpolation_by_hand():
    """Catches wrong shares: half-way between two unit vectors at a right angle lies (0.7071, 0.7071)."""
    start, end = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(samples.spherical_interpolation(start, end, 0.5), [[0.70711, 0.70711]], atol=1e-5)
    np.testing.assert_allclose(samples.spherical_interpolation(start, -start, 0.25), [[0.5, 0.0]], atol=1e-5)
    np.testing.assert_allclose(samples.spherical_interpolation(start, 3 * start, 0.5), [[2.0, 0.0]], atol=1e-5)


def test_the_animation_loops(tmp_path):
    """Catches an animation that stops, stands still, or jumps where it begins again."""
    run(generator_file(tmp_path / "g.h5", channels=1), "--n", 4, "--batch", 3, "--out", tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as image:
        assert image.n_frames == 48 and image.info["loop"] == 0 and image.info["duration"] == 80
        frames = []
        for index in range(48):
            image.seek(index)
            frames.append(np.asarray(image.convert("L"), "float32"))
    steps = [np.abs(frames[index] - frames[index - 1]).mean() for index in range(48)]
    assert steps[0] <= 1.2 * max(steps[1:]) and min(steps) > 0
    run(tmp_path / "g.h5", "--n", 4, "--out", tmp_path / "g.png")
    with Image.open(tmp_path / "g.png") as image:
        np.testing.assert_allclose(frames[0], np.asarray(image), atol=1)


def test_a_long_array_is_never_whole_in_memory(tmp_path, monkeypatch):
    """Catches a .npz that gathers its batches before it writes: 50,000 pictures would not fit."""
    alive = []

    def draw(generator, noise, classes, batch):
        # Weak: an array that is still held while the third one after it is drawn has been gathered.
        pictures = np.full((len(noise), 8, 8, 3), len(alive) % 256, "uint8")
        alive.append(weakref.ref(pictures))
        assert sum(reference() is not None for reference in alive) <= 3
        return pictures

    path = generator_file(tmp_path / "g.h5")
    monkeypatch.setattr(samples, "draw", draw)
    run(path, "--n", 95, "--batch", 10, "--out", tmp_path / "g.npz")
    np.testing.assert_array_equal(arrays(tmp_path / "g.npz")[:, 0, 0, 0], np.arange(95) // 10)


@pytest.mark.parametrize("out", ["g.png", "g.npz", "g.gif", "faces"])
def test_nothing_is_half_written(out, tmp_path, monkeypatch, capsys):
    """Catches a file or folder that stands there half-full after the disk was."""
    path = generator_file(tmp_path / "g.h5")
    (tmp_path / "g.png").write_bytes(b"what stood there before")
    before = names_in(tmp_path)
    calls = []

    def draw(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise OSError(28, "No space left on device", "disk")
        return whole(*arguments)

    whole = samples.draw
    monkeypatch.setattr(samples, "draw", draw)
    message = refused(capsys, path, "--n", 9, "--batch", 2, "--out", tmp_path / out)
    assert "No space left on device" in message
    assert names_in(tmp_path) == before
    assert (tmp_path / "g.png").read_bytes() == b"what stood there before"


def test_a_failing_disk_leaves_no_folder(tmp_path, monkeypatch, capsys):
    """Catches the temporary folder that stays when a PNG cannot be written."""
    path = generator_file(tmp_path / "g.h5")
    before = names_in(tmp_path)

    def no_space(picture):
        raise OSError(28, "No space left on device", "disk")

    monkeypatch.setattr(drawing_to_files, "to_image", no_space)
    assert "No space left" in refused(capsys, path, "--out", tmp_path / "faces")
    assert names_in(tmp_path) == before


def test_what_a_person_can_get_wrong(tmp_path, capsys):
    """Catches a traceback, a message without the value received, and anything written all the same."""
    path = generator_file(tmp_path / "g.h5")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.png").touch()
    before = names_in(tmp_path)
    assert "argument --n: received '0'; give a whole number from 1 up" in refused(capsys, path, "--n", 0)
    assert "argument --batch: received '-1'" in refused(capsys, path, "--batch", -1)
    assert "argument --seed: received '-5'; give a whole number from 0 up" in refused(capsys, path, "--seed", -5)
    assert "--class ring: this generator was trained without classes" in refused(capsys, path, "--class", "ring")
    for_free_choice = refused(capsys, path, "--out", tmp_path / "g.jpg")
    assert all(way in for_free_choice for way in ("g.jpg", ".png", ".gif", ".npz", "single PNGs"))
    assert "there is no folder" in refused(capsys, path, "--out", tmp_path / "missing" / "g.png")
    assert "files in it" in refused(capsys, path, "--out", tmp_path / "full")
    assert "is a file" in refused(capsys, path, "--out", KERAS_2 / ".." / ".." / "LICENSE")
    assert "10000 pictures at most" in refused(capsys, path, "--n", 10_001)
    assert "no such file" in refused(capsys, tmp_path / "none.h5")
    assert "a discriminator" in refused(capsys, KERAS_2 / "discriminator.h5", "--out", tmp_path / "g.png")
    assert "received 'many'" in refused(capsys, path, "--n", "many")
    assert names_in(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path, capsys):
    """Catches long work whose result cannot be kept."""
    path = generator_file(tmp_path / "g.h5")
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "cannot be written" in refused(capsys, path, "--out", tmp_path / "locked" / "g.png")


def test_a_broken_generator_is_not_drawn(tmp_path, capsys):
    """Catches NaN that is written as black pictures."""
    path = generator_file(tmp_path / "g.h5")
    model = keras.models.load_model(path, compile=False)
    model.set_weights([np.full(weight.shape, np.nan) for weight in model.get_weights()])
    model.save(path)
    assert "take an earlier epoch" in refused(capsys, path)
    assert names_in(tmp_path) == ["g.h5"]


def test_an_existing_empty_folder_is_filled(tmp_path):
    """Catches a folder that was made in advance and is refused, or keeps a hidden sibling."""
    (tmp_path / "faces.v2").mkdir()
    run(generator_file(tmp_path / "g.h5"), "--n", 3, "--out", tmp_path / "faces.v2")
    assert names_in(tmp_path / "faces.v2") == ["00000.png", "00001.png", "00002.png"]
    assert names_in(tmp_path) == ["faces.v2", "g.h5"]


def test_the_command_says_what_it_drew_and_nothing_else(tmp_path):
    """Catches warnings of the libraries between our lines, and a program that does not start from another folder."""
    generator_file(tmp_path / "generator_e012.h5")
    done = subprocess.run(
        [sys.executable, str(ROOT / "samples.py"), "generator_e012.h5", "--n", "4"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"generator_e012.h5: saved by Keras {keras.__version__}, epoch 12, pictures 8x8x3 from 4 numbers of noise",
        "wrote generator_e012.png: 4 pictures in a grid, seed 0",
    ]
