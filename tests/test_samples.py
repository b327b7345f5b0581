"""samples.py: the right pixels in the right form, the same noise whatever the batch, and nothing half-written."""

import json
import math
import os
import pathlib
import subprocess
import sys
import weakref

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import samples
from drawing_runs import names_in, real_file, refused, run
from support.drawing import class_grid, plan, writing
from support.drawing.noise import spherical_interpolation, truncate, walk_through_latent_space
from support.models.generator import in_mixed_precision
from support.models.opening import open_generator
from support.system import machine

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


def conditional_file(path, classes=3, class_names=None):
    """Save a generator that draws class k in the one colour k / 10 - 0.5, whatever the noise."""
    noise, number = keras.Input((4,), name="noise"), keras.Input((1,), dtype="int32", name="class")
    embedding = layers.Embedding(classes, 1)
    colour = layers.Flatten()(embedding(number))
    nothing = layers.Dense(1, kernel_initializer="zeros")(noise)
    value = layers.Dense(16, kernel_initializer="ones", name="all_pixels")(layers.Add()([colour, nothing]))
    model = keras.Model([noise, number], layers.Reshape((4, 4, 1))(value))
    embedding.set_weights([np.arange(classes)[:, None] / 10 - 0.5])
    model.save(path)
    if class_names:
        with h5py.File(path, "r+") as file:
            file.attrs["gan"] = json.dumps({"class_names": class_names})
    return path


def colour_of_class(number):
    """The 8-bit value of class `number`: (number / 10 - 0.5 + 1) * 127.5, rounded."""
    return round((number / 10 + 0.5) * 127.5)


def arrays(path):
    """The pictures in a .npz."""
    with np.load(path) as file:
        assert file.files == ["arr_0"]
        return file["arr_0"]


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


def test_the_grids_of_two_classes_are_two_files(tmp_path):
    """Would catch a class whose grid writes over that of another, and a name that leaves the model's folder."""
    path = conditional_file(tmp_path / "c.h5", class_names=["cat", "a dog", "../owl"])
    for name in ("cat", "a dog", "../owl"):
        run(path, "--n", 2, "--class", name)
    assert names_in(tmp_path) == ["c.h5", "c__owl.png", "c_a_dog.png", "c_cat.png"]


def test_words_for_the_files_of_classes():
    """Would catch two classes in one file, on disks without capitals too, or one that writes over the class grid."""
    names = ["c++", "c#", "Dog", "dog", "classes", "cat", "é" * 100]
    assert plan.file_words(names) == ["c__0", "c__1", "Dog_2", "dog_3", "classes_4", "cat", "é" * 60]


def test_a_class_is_found_by_its_name_in_any_case_or_its_number(tmp_path, capsys):
    """Would catch "CAT" refused where "cat" is meant, a number in the file's name, and a line that names no class."""
    path = conditional_file(tmp_path / "c.h5", class_names=["cat", "dog", "Dog"])
    for word, kind, file in (
        ("CAT", "cat", "cat"),
        ("0", "cat", "cat"),
        ("dog", "dog", "dog_1"),
        ("Dog", "Dog", "Dog_2"),
    ):
        run(path, "--n", 2, "--class", word)
        assert f"c_{file}.png: 2 pictures of {kind} in a grid" in capsys.readouterr().out
    assert "--class 'DOG': there is no such class" in refused(capsys, path, "--class", "DOG")  # which of the two?


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
    walk = np.stack(list(walk_through_latent_space(3, 2, 200)))
    assert walk.shape == (48, 2, 200)
    np.testing.assert_array_equal(walk[0], np.random.default_rng(3).standard_normal((2, 200), dtype="float32"))
    steps = np.linalg.norm(np.roll(walk, -1, axis=0) - walk, axis=2)
    assert steps.max() < 1.3 * steps.min()
    # On the arc the length stays near sqrt(200) = 14.1; on a straight line it falls to 10 half-way.
    assert np.linalg.norm(walk, axis=2).min() > 12.0


def test_spherical_interpolation_by_hand():
    """Catches wrong shares: half-way between two unit vectors at a right angle lies (0.7071, 0.7071)."""
    start, end = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(spherical_interpolation(start, end, 0.5), [[0.70711, 0.70711]], atol=1e-5)
    np.testing.assert_allclose(spherical_interpolation(start, -start, 0.25), [[0.5, 0.0]], atol=1e-5)
    np.testing.assert_allclose(spherical_interpolation(start, 3 * start, 0.5), [[2.0, 0.0]], atol=1e-5)


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

    monkeypatch.setattr(writing, "to_image", no_space)
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


# ---- Truncation ----


def truncated_spread(threshold):
    """The standard deviation of a normal distribution truncated at +-t: root of 1 - 2 t phi(t) / (2 Phi(t) - 1)."""
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    within = math.erf(threshold / math.sqrt(2))
    return math.sqrt(1 - 2 * threshold * density / within)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 1.0, 2.0])
def test_truncated_noise_is_what_drawing_again_gives(threshold):
    """Catches values that are clipped to the threshold, or scaled: both have another spread and other quantiles.

    The reference is the published way: of many normal values those within the threshold, drawn with another seed. Two
    samples of 100,000 whose distribution functions are 0.01 apart would come from the same one once in 10,000,000
    times. Scaled to the same spread they are 0.04 apart with 0.5, clipped ones more.
    """
    normal = np.random.default_rng(0).standard_normal((1000, 100), dtype="float32")
    truncated = truncate(normal, threshold)
    assert truncated.dtype == np.float32 and truncated.shape == (1000, 100)
    assert 0.99 * threshold < np.abs(truncated).max() <= np.float32(threshold)
    assert abs(truncated.mean()) < 0.01 * threshold
    np.testing.assert_allclose(truncated.std(), truncated_spread(threshold), rtol=0.01)
    again = np.random.default_rng(1).standard_normal(1_000_000)
    again = np.sort(again[np.abs(again) <= threshold][:100_000])
    below = np.searchsorted(again, np.sort(truncated.ravel())) / len(again)
    assert np.abs(below - np.arange(100_000) / 100_000).max() < 0.01


def test_truncated_values_by_hand():
    """Catches ranks that are not kept: a picture that becomes another one, or its opposite.

    Below 0.6745 lie 75 % of a normal distribution. Within 1 of 0 lie 68.27 %, and 15.87 % below; 15.87 + 0.75 x 68.27
    = 67.07 % lie below 0.4418: between 0.44 (67.00 %) and 0.45 (67.36 %) of the table.
    """
    drawn = np.array([[0.67449, 0.0, -0.67449, 7.0, -7.0]], "float32")
    np.testing.assert_allclose(truncate(drawn, 1.0), [[0.4418, 0.0, -0.4418, 1.0, -1.0]], atol=1e-4)


@pytest.mark.parametrize("threshold", [1e-300, 1e-9, 8.0, 1e300])
def test_thresholds_at_the_ends(threshold):
    """Catches values drawn again without end, infinite ones, and a large threshold that changes the noise after all."""
    normal = np.random.default_rng(0).standard_normal((10, 100), dtype="float32")
    truncated = truncate(normal, threshold)
    expected = normal if threshold > 1 else np.zeros((10, 100))
    np.testing.assert_allclose(truncated, expected, atol=1e-6)


def noise_file(path, size=64):
    """Save a generator whose one row of pixels is its noise, halved: +-2 become black and white."""
    noise_input = keras.Input((size,), name="noise")
    keras.Model(noise_input, layers.Reshape((1, size, 1))(layers.Rescaling(0.5)(noise_input))).save(path)
    return path


def test_truncation_reaches_every_way_of_drawing(tmp_path, capsys):
    """Catches a way that forgets it, a sentence that does, and frames of a walk that leave the threshold on the arc.

    Noise of at most 0.5 makes pixels from (-0.25 + 1) x 127.5 = 95.6 to 159.4; without truncation 62 % lie outside.
    """
    path = noise_file(tmp_path / "g.h5")
    for out in ("g.png", "g.gif", "g.npz", "faces"):
        run(path, "--n", 6, "--out", tmp_path / out, "--truncation", "0.5")
        assert capsys.readouterr().out.splitlines()[1].endswith(", seed 0, truncation 0.5")
    pictures = arrays(tmp_path / "g.npz")
    assert 96 <= pictures.min() < 98 and 158 <= pictures.max() <= 159
    normal = np.random.default_rng(0).standard_normal((6, 64), dtype="float32")
    expected = np.rint((truncate(normal, 0.5) / 2 + 1) * 127.5)
    assert np.abs(pictures[:, 0, :, 0] - expected).max() <= 1
    for index, picture in enumerate(pictures):
        with Image.open(tmp_path / "faces" / f"{index:05d}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), picture[:, :, 0])
    # One pixel is drawn as 64, and pictures stand 2 pixels apart: 6 below each other.
    middles = 2 + np.arange(6) * 66 + 32, 2 + np.arange(64) * 64 + 32
    with Image.open(tmp_path / "g.png") as image:
        np.testing.assert_array_equal(np.asarray(image)[np.ix_(*middles)], pictures[:, 0, :, 0])
    with Image.open(tmp_path / "g.gif") as image:
        for index in range(image.n_frames):
            image.seek(index)
            values = np.asarray(image.convert("L"))[np.ix_(*middles)]
            assert 95 <= values.min() < 100 and 155 < values.max() <= 160
            if index == 0:
                np.testing.assert_allclose(values, pictures[:, 0, :, 0], atol=1)


def test_more_truncated_pictures_begin_with_the_same_ones(tmp_path):
    """Catches values drawn again out of the stream of the later pictures: --n or --batch would matter."""
    path = generator_file(tmp_path / "g.h5")
    run(path, "--n", 10, "--truncation", "0.7", "--out", tmp_path / "few.npz")
    run(path, "--n", 23, "--truncation", "0.7", "--batch", 7, "--out", tmp_path / "many.npz")
    few, many = arrays(tmp_path / "few.npz"), arrays(tmp_path / "many.npz")
    assert np.abs(many[:10].astype(int) - few).max() <= 1
    assert len({picture.tobytes() for picture in many}) == 23
    run(path, "--n", 10, "--out", tmp_path / "free.npz")
    assert np.abs(arrays(tmp_path / "free.npz").astype(int) - few).max() > 1


def test_truncation_reaches_the_comparison(tmp_path):
    """Catches --nearest with noise as it comes: noise near 0 makes a picture of one grey, 127 or 128."""
    path = noise_file(tmp_path / "g.h5", 16)
    real = real_file(tmp_path / "real.npz", np.full((2, 1, 16, 1), 128, "uint8"))
    run(path, "--nearest", real, "--n", 1, "--truncation", "1e-6")
    with Image.open(tmp_path / "g_nearest_truncation_1e-06.png") as image:
        generated = np.asarray(image)[56 : 56 + 128, 40 : 40 + 16 * 128]
    assert generated.min() >= 127 and generated.max() <= 128


@pytest.mark.parametrize("value", ["0", "-0.5", "nan", "inf", "much"])
def test_truncation_takes_numbers_above_0(value, tmp_path, capsys):
    """Catches a threshold that no value meets, which would be drawn for ever, or a traceback."""
    message = refused(capsys, generator_file(tmp_path / "g.h5"), f"--truncation={value}")
    assert f"argument --truncation: received '{value}'; give a number above 0" in message
    assert names_in(tmp_path) == ["g.h5"]


# ---- A row a class ----


def class_and_noise_file(path, channels=1, size=(8, 12), classes=3):
    """Save a generator whose pictures are of one value: in the first half of the columns class / 10 - 0.5, in the
    second half the first number of noise, halved; with a fourth channel all are opaque.
    """
    first, number = keras.Input((4,), name="noise"), keras.Input((1,), dtype="int32", name="class")
    embedding, pick = layers.Embedding(classes, 1), layers.Dense(1, use_bias=False)
    both = layers.Concatenate()([layers.Flatten()(embedding(number)), pick(first)])
    spread = layers.Dense(size[0] * size[1] * channels)
    model = keras.Model([first, number], layers.Reshape((*size, channels))(spread(both)))
    embedding.set_weights([np.arange(classes)[:, None] / 10 - 0.5])
    pick.set_weights([np.array([[0.5], [0], [0], [0]])])
    kernel = np.zeros((2, *size, channels))
    kernel[0, :, : size[1] // 2], kernel[1, :, size[1] // 2 :] = 1, 1
    bias = np.zeros((*size, channels))
    if channels == 4:
        kernel[..., 3], bias[..., 3] = 0, 1
    spread.set_weights([kernel.reshape(2, -1), bias.reshape(-1)])
    model.save(path)
    return path


def pictures_in(grid, rows, columns, height, width):
    """Cut the pictures out of a class grid, uint8 `(rows, columns, height, width, c)`, and the names' margin off."""
    grid = grid.reshape(*grid.shape[:2], -1)
    factor = round(64 / min(height, width))
    down, across = height * factor + 2, width * factor + 2
    assert grid.shape[0] == rows * down + 2
    margin = grid.shape[1] - columns * across - 2
    starts = [(2 + row * down, margin + 2 + column * across) for row in range(rows) for column in range(columns)]
    pictures = [grid[top : top + down - 2 : factor, left : left + across - 2 : factor] for top, left in starts]
    return np.reshape(pictures, (rows, columns, height, width, -1)), grid[:, :margin]


@pytest.mark.parametrize("channels, size", [(1, (8, 12)), (3, (12, 8)), (4, (70, 10))])
def test_a_class_grid_has_a_row_a_class_and_the_same_noise_down_a_column(channels, size, tmp_path, capsys):
    """Catches rows and columns exchanged, rows out of order, noise of its own for each picture or of another seed.

    A batch of 5 ends in the middle of a row of 4.
    """
    path = class_and_noise_file(tmp_path / "c.h5", channels, size)
    run(path, "--class-grid", "--n", 4, "--seed", 5, "--batch", 5)
    out = tmp_path / "c_classes_seed_5.png"
    said = capsys.readouterr().out.splitlines()[1]
    assert said == f"wrote {out}: 12 pictures in a grid, a row a class, seed 5"
    with Image.open(out) as image:
        assert image.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        pictures, margin = pictures_in(np.asarray(image), 3, 4, *size)
    first = np.random.default_rng(5).standard_normal((4, 4), dtype="float32")[:, 0]
    expected = np.clip(np.rint((first / 2 + 1) * 127.5), 0, 255)
    colours = pictures[..., : min(channels, 3)]
    for number in range(3):
        assert (colours[number, :, :, : size[1] // 2] == colour_of_class(number)).all()
    noisy = colours[:, :, :, size[1] // 2 :].astype(int)
    assert np.abs(noisy - expected[:, None, None, None]).max() <= 1
    assert (noisy == noisy[:1]).all() and len(np.unique(noisy)) == 4
    if channels == 4:
        assert (pictures[..., 3] == 255).all() and (margin[..., 3] == 255).all()
    dark = margin[..., 0] < 100
    for rows in np.split(dark[1:-1], 3):  # each name is written beside its own row, with room above and below
        assert rows.any() and not rows[: len(rows) // 4].any() and not rows[-len(rows) // 4 :].any()


def test_a_longer_row_begins_with_the_same_pictures(tmp_path):
    """Catches a class grid whose noise depends on --n, and 8 pictures a row that are not the default."""
    path = class_and_noise_file(tmp_path / "c.h5")
    run(path, "--class-grid")
    run(path, "--class-grid", "--n", 11, "--batch", 7, "--out", tmp_path / "long.png")
    run(path, "--class", "1", "--n", 8, "--out", tmp_path / "one.npz")
    with Image.open(tmp_path / "c_classes.png") as image:
        few, _ = pictures_in(np.asarray(image), 3, 8, 8, 12)
    with Image.open(tmp_path / "long.png") as image:
        many, _ = pictures_in(np.asarray(image), 3, 11, 8, 12)
    assert np.abs(many[:, :8].astype(int) - few).max() <= 1
    assert np.abs(arrays(tmp_path / "one.npz").astype(int) - few[1]).max() <= 1


def test_a_class_grid_walks_and_is_truncated(tmp_path):
    """Catches frames without names, rows that walk apart, and truncation that stops at the class grid."""
    path = class_and_noise_file(tmp_path / "c.h5")
    run(path, "--class-grid", "--n", 2, "--truncation", "0.5", "--out", tmp_path / "c.gif")
    run(path, "--class-grid", "--n", 2, "--truncation", "0.5", "--out", tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as image:
        still = np.asarray(image)
    seen = set()
    with Image.open(tmp_path / "c.gif") as image:
        assert image.n_frames > 40  # of 48: Pillow shows equal ones that follow on each other as one, for longer
        for index in range(image.n_frames):
            image.seek(index)
            frame = np.asarray(image.convert("L"))
            assert index or np.abs(frame.astype(int) - still).max() <= 1
            pictures, margin = pictures_in(frame, 3, 2, 8, 12)
            assert (margin < 100).any()
            noisy = pictures[:, :, 0, 6:, 0]
            assert (noisy == noisy[:1]).all() and noisy.min() >= 95 and noisy.max() <= 160
            seen.add(int(noisy[0, 0, 0]))
    assert len(seen) > 10


def test_names_stand_beside_their_rows():
    """Catches names in another order, names cut off at the edge, and a margin that follows the shortest of them."""
    grid = Image.new("L", (500, 5 * 66 + 2), 77)
    names = ["I", "a much longer name", "", "", "I"]
    both = np.asarray(class_grid.with_row_names(grid, names))
    margin = both[:, :-500]
    assert (both[:, -500:] == 77).all()
    inked = [(rows < 128).any(axis=0) for rows in np.split(margin[1:-1], 5)]
    assert [columns.any() for columns in inked] == [True, True, False, False, True]
    np.testing.assert_array_equal(inked[0], inked[4])
    assert inked[0].sum() < 6 and inked[1].sum() > 60
    # All end near the grid, and the longest begins within the picture.
    assert all(
        not columns[:4].any() and columns[-14:].any() and not columns[-4:].any() for columns in (*inked[:2], inked[4])
    )


def test_a_name_that_is_too_long_ends_in_dots():
    """Catches a margin many times as wide as the grid: room is half of its width, and 10 letters' heights at least."""
    grid = Image.new("RGB", (600, 68), "white")
    shown = class_grid.with_row_names(grid, ["Mercedes-Benz " * 20])
    assert 250 < shown.width - 600 <= 300 + 17
    slim = class_grid.with_row_names(Image.new("RGB", (68, 68), "white"), ["Mercedes-Benz " * 20])
    assert 130 < slim.width - 68 <= 170 + 17


def test_a_hundred_classes(tmp_path):
    """Catches names that are left out where a plain grid would no longer give each class a column."""
    run(conditional_file(tmp_path / "c.h5", 100), "--class-grid", "--n", 2)
    with Image.open(tmp_path / "c_classes.png") as image:
        pictures, margin = pictures_in(np.asarray(image), 100, 2, 4, 4)
    expected = [min(255, colour_of_class(number)) for number in range(100)]
    np.testing.assert_array_equal(pictures[:, 1, 0, 0, 0], expected)
    assert all((rows < 128).any() for rows in np.split(margin[1:-1], 100))


def test_what_a_class_grid_refuses(tmp_path, capsys):
    """Catches a flag that is silently without effect, long work in vain, and a way out that is none."""
    plain, path = generator_file(tmp_path / "g.h5"), conditional_file(tmp_path / "c.h5", 30)
    before = names_in(tmp_path)
    assert "--class-grid: this generator was trained without classes" in refused(capsys, plain, "--class-grid")
    message = refused(capsys, path, "--class-grid", "--class", "2")
    assert "--class 2 with --class-grid: " in message and "leave one of the two out" in message
    message = refused(capsys, path, "--class-grid", "--nearest", tmp_path)
    assert "--nearest with --class-grid: " in message and "leave one of the two out" in message
    for out in ("fake.npz", "faces", "grid.jpg"):
        message = refused(capsys, path, "--class-grid", "--out", tmp_path / out)
        assert f"{out}: --class-grid draws one grid; give a name that ends in .png" in message
    message = refused(capsys, path, "--class-grid", "--n", 334)
    assert "--n 334 of each of 30 classes: a .png shows 10000 pictures at most" in message
    message = refused(capsys, path, "--class-grid", "--n", 14, "--out", tmp_path / "c.gif")
    assert "--n 14 of each of 30 classes: a .gif shows 400 pictures at most" in message and ".npz" not in message
    assert names_in(tmp_path) == before


# Mixed precision


@pytest.mark.parametrize("gains", [True, False])
def test_mixed_precision_computes_the_layers_in_bfloat16_and_tanh_in_float32(gains, tmp_path, monkeypatch, capsys):
    """Would catch a flag that changes nothing, a picture rounded to bfloat16, and a slow chip that is made slower."""
    monkeypatch.setattr(machine, "gains_from_bfloat16", lambda: gains)
    noise = keras.Input((4,), name="noise")
    dense = layers.Dense(16, use_bias=False, name="all_pixels")
    model = keras.Model(noise, layers.Activation("tanh")(layers.Reshape((4, 4, 1))(dense(noise))))
    dense.set_weights([np.full((4, 16), 1 + 2**-8, "float32")])  # halfway between two numbers of bfloat16: 1, 1 + 2^-7
    model.save(tmp_path / "model.keras")
    generator = in_mixed_precision(open_generator(tmp_path / "model.keras"))
    drawn = generator.draw(np.full((2, 4), 0.25, "float32"))
    kernel = 1.0 if gains else 1 + 2**-8
    np.testing.assert_allclose(drawn, np.full((2, 4, 4, 1), math.tanh(kernel)), rtol=1e-6)  # bfloat16: 0.7617
    assert generator.model.weights[0].dtype == "float32"
    run(tmp_path / "model.keras", "--mixed-precision", "--n", "1")
    assert ("in bfloat16" if gains else "in float32, the faster one") in capsys.readouterr().out
