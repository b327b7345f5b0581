"""samples.py --nearest: distances by hand, and a generator that copies is told from one that does not."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from drawing_runs import names_in, real_file, refused, run
from support.scores import nearest


def grey(*values):
    """Pictures of 4 x 4 pixels, each of one grey: uint8 `(n, 4, 4, 1)`."""
    return np.array(values, "uint8").reshape(-1, 1, 1, 1).repeat(4, axis=1).repeat(4, axis=2)


def copying_file(path, picture):
    """Save a generator that draws this one uint8 picture, whatever the noise."""
    noise = keras.Input((4,), name="noise")
    dense = layers.Dense(picture.size, kernel_initializer="zeros")
    keras.Model(noise, layers.Reshape(picture.shape)(dense(noise))).save(path)  # builds the layer
    dense.set_weights([np.zeros((4, picture.size)), picture.reshape(-1) / 127.5 - 1.0])
    keras.Model(noise, layers.Reshape(picture.shape)(dense(noise))).save(path)
    return path


def test_distances_by_hand():
    """Catches a sum instead of a mean, a missing root, and a mirror image that is not looked at.

    (10, 20) to (13, 24): differences 3 and 4, root of (9 + 16) / 2. Mirrored, (24, 13), it would be farther.
    """
    real = np.array([[13, 24], [20, 11], [10, 20]], "uint8").reshape(3, 1, 2, 1)
    distances, positions, mirrored = nearest.find_nearest(np.array([[10, 20]], "uint8").reshape(1, 1, 2, 1), real)
    np.testing.assert_array_equal(positions, [[2, 1, 0]])
    np.testing.assert_array_equal(mirrored, [[False, True, False]])
    np.testing.assert_allclose(distances, [[0, np.sqrt(1 / 2), np.sqrt(25 / 2)]], rtol=1e-12)


def test_distances_are_exact_over_many_numbers():
    """Catches uint8 that wraps around, float32 that rounds, and numbers past the first 1024 that are left out."""
    black, white = np.zeros((1, 40, 41, 3), "uint8"), np.full((1, 40, 41, 3), 255, "uint8")
    spot = white.copy()
    spot[0, 39, 40, 2] = 254
    distances, positions, _ = nearest.find_nearest(white, np.concatenate([black, spot]), count=2)
    np.testing.assert_array_equal(positions, [[1, 0]])
    np.testing.assert_allclose(distances, [[np.sqrt(1 / (40 * 41 * 3)), 255]], rtol=1e-12)


def test_neighbours_come_in_order_across_blocks(monkeypatch):
    """Catches neighbours of an earlier block that are forgotten, places counted within a block, all at once in memory.

    From 100: 97 is 3 away, 101 and 99 are 1, 104 is 4; of 101 and 99 the one that stands first comes first.
    """

    class Lazy:
        longest = 0

        def __len__(self):
            return 7

        def __getitem__(self, positions):
            self.longest = max(self.longest, len(positions))
            return grey(97, 101, 0, 255, 104, 99, 50)[positions]

    monkeypatch.setattr(nearest, "BLOCK", 2)
    real = Lazy()
    distances, positions, _ = nearest.find_nearest(grey(100, 254), real)
    np.testing.assert_array_equal(positions, [[1, 5, 0], [3, 4, 1]])
    np.testing.assert_array_equal(distances, [[1, 1, 3], [1, 150, 153]])
    assert real.longest == 2
    monkeypatch.setattr(nearest, "MOST_BYTES", 16)  # one picture of 4 x 4
    real.longest = 0
    np.testing.assert_array_equal(nearest.find_nearest(grey(100, 254), real)[1], positions)
    assert real.longest == 1


def test_a_picture_is_not_its_own_neighbour_but_a_duplicate_is():
    """Catches real pictures that are 0 from each other because each finds itself, or the mirror image of itself.

    Among 7, 7, 10, 30 the nearest others are 0, 0, 3 and 20 away; the fake 12 is 2, 5 and 5 from its nearest.
    """
    (distances, positions, _), among_real = nearest.compare(grey(12), grey(7, 7, 10, 30))
    np.testing.assert_array_equal(np.sort(among_real), [0, 0, 3, 20])
    np.testing.assert_array_equal(distances, [[2, 5, 5]])
    np.testing.assert_array_equal(positions, [[2, 0, 1]])


def test_of_equally_near_pictures_the_first_comes_first():
    """Catches an order that changes from run to run, and pictures called mirrored that are their own mirror image."""
    _, positions, mirrored = nearest.find_nearest(grey(100), grey(*[90, 110] * 150))
    np.testing.assert_array_equal(positions, [[0, 1, 2]])
    assert not mirrored.any()


def test_the_verdict_by_hand():
    """Catches fakes and real pictures exchanged, a mean for a median, and an accusation without ground."""
    near, far = np.array([[1.0, 9.0], [2.0, 9.0], [90.0, 99.0]]), np.array([[41.0], [41.0], [41.0]])
    real = np.array([4.0, 44.0, 200.0])
    assert nearest.verdict(near, real) == (
        "median distance to the nearest real picture: 2.0 of 255 grey levels; "
        "real pictures among themselves: 44 (so much smaller: the generator copies)"
    )
    assert nearest.verdict(far, real) == (
        "median distance to the nearest real picture: 41 of 255 grey levels; "
        "real pictures among themselves: 44 (much smaller would mean copies)"
    )
    assert "hold duplicates" in nearest.verdict(near, np.zeros(3))
    assert "one real picture only" in nearest.verdict(near, np.array([np.inf]))


def test_a_generator_that_copies_is_recognised(tmp_path, capsys):
    """Catches real pictures that are compared in another size or range, and a neighbour drawn the other way round."""
    real = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    path = copying_file(tmp_path / "copy.h5", real[13, :, ::-1])
    run(path, "--nearest", real_file(tmp_path / "real.npz", real))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("median distance to the nearest real picture: 0 of 255 grey levels; ")
    assert lines[1].endswith(" (so much smaller: the generator copies)")
    sheet_path = tmp_path / "copy_nearest.png"
    assert lines[2] == f"wrote {sheet_path}: 16 pictures beside their nearest real ones, seed 0"
    with Image.open(sheet_path) as image:
        sheet = np.asarray(image)
    # 8 pixels are drawn as 128, from 40 pixels left and 56 down; the first real one begins 4 + 16 pixels beside it.
    fake, first, second = (sheet[56 : 56 + 128 : 16, left : left + 128 : 16] for left in (40, 188, 320))
    np.testing.assert_array_equal(fake, real[13, :, ::-1])
    np.testing.assert_array_equal(first, fake)
    assert not np.array_equal(second, fake)
    assert (sheet[56 + 128 : 56 + 160, 188:260] < 128).any()  # "0, mirrored" below it


def test_a_generator_that_does_not_copy_is_not_accused(tmp_path, capsys):
    """Catches a bound that any generator falls below: these fakes are the mean of all, as near as one can be."""
    real = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), "uint8")
    path = copying_file(tmp_path / "mean.h5", np.rint(real.mean(axis=0)).astype("uint8"))
    run(path, "--nearest", real_file(tmp_path / "real.npz", real), "--n", 3)
    assert "(much smaller would mean copies)" in capsys.readouterr().out


def test_one_real_picture_is_enough(tmp_path, capsys):
    """Catches a comparison of a picture with itself, and neighbours that are drawn although there are none."""
    path = copying_file(tmp_path / "g.h5", grey(9)[0])
    run(path, "--nearest", real_file(tmp_path / "real.npz", grey(12)), "--n", 1)
    expected = "median distance to the nearest real picture: 3.0 of 255 grey levels; there is one real picture only"
    assert capsys.readouterr().out.splitlines()[1] == expected
    with Image.open(tmp_path / "g_nearest.png") as image:
        sheet = np.asarray(image)
    assert (sheet[56:184, 188:316] == 12).all() and (sheet[56:184, 320:] == 255).all()


@pytest.mark.parametrize("shape", [(64, 64, 3), (240, 360, 3), (28, 28, 1), (32, 32, 4)])
def test_sixteen_make_a_sheet_in_two_blocks(shape, tmp_path):
    """Catches a strip that nobody can look at, and pictures that fall off the sheet's edge."""
    pictures = np.zeros((16, *shape), "uint8")
    found = np.zeros((16, 3)), np.zeros((16, 3), int), np.zeros((16, 3), bool)
    nearest.draw_nearest(tmp_path / "sheet.png", pictures, pictures, found, "first line; second line")
    with Image.open(tmp_path / "sheet.png") as image:
        assert 0.8 < image.width / image.height < 1.4
        is_black = np.asarray(image.convert("L")) == 0
    factor = max(1, round(128 / min(shape[:2])))
    # In a row or column through the pictures: 2 x 4 of them, and 8, each as wide and high as it is drawn.
    assert is_black.sum(axis=1).max() == 8 * shape[1] * factor
    assert is_black[:, 45].sum() >= 8 * shape[0] * factor


def test_what_nearest_refuses(tmp_path, capsys):
    """Catches a sheet in a form that cannot hold it, --data in a message of a program without it, long work in vain."""
    path = copying_file(tmp_path / "g.h5", grey(9)[0])
    real = real_file(tmp_path / "real.npz", grey(1, 2))
    before = names_in(tmp_path)
    for out in ("walk.gif", "fake.npz", "faces", "sheet.jpg"):
        assert "--nearest draws one sheet" in refused(capsys, path, "--nearest", real, "--out", tmp_path / out)
    assert "--n 65: --nearest shows 64" in refused(capsys, path, "--nearest", real, "--n", 65)
    message = refused(capsys, path, "--nearest", tmp_path / "nowhere")
    assert "nowhere" in message and "--nearest" in message and "--data" not in message
    assert names_in(tmp_path) == before
