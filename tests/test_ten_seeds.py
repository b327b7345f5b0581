"""benchmarks/ten_seeds.py: what counts as a kind that was found, and what its judge learns from."""

import numpy as np
import pytest

from benchmarks.shapes_found import with_mirrored
from benchmarks.ten_seeds import kinds_found, last_gap, poorest_kind, spread_of_backgrounds, spread_of_outlines, weave


def test_a_kind_is_found_by_sure_answers_and_often_enough():
    """Would catch unsure answers that count, a share of all the sure ones only, or kinds named by a wrong number.

    Of 300 pictures 1 % are 3: three sure stars are enough, two sure hearts are not, nor are 295 unsure circles.
    """
    answers = np.full((300, 10), 0.01)
    answers[:295, 0] = 0.89
    answers[295:298, 3] = 0.91
    answers[298:, 6] = 0.95
    assert kinds_found(answers) == ["star"]


def test_backgrounds_by_hand():
    """Would catch shapes that count as backgrounds, and a spread over a picture's corners instead of over pictures.

    Red is -1 in one picture and 1 in the other: deviation 1, of the three colours' mean 1/3. The middle does not count,
    nor do corners that differ alike in all pictures.
    """
    pictures = np.zeros((2, 8, 8, 3))
    pictures[0, ..., 0], pictures[1, ..., 0] = -1.0, 1.0
    pictures[1, 2:6, 2:6] = 0.5
    pictures[:, :2, :2, 1] = 1.0
    assert spread_of_backgrounds(pictures) == pytest.approx(1 / 3)


def test_the_poorest_kind():
    """Would catch a kind that was not found, or pictures of which the judge is not sure, among those that count."""
    answers = np.full((12, 10), 0.01)
    answers[:6, 0] = answers[6:10, 3] = 0.95  # six circles and four stars
    answers[10:, 3] = 0.5  # two that may be stars
    pictures = np.zeros((12, 8, 8, 3))
    pictures[:6:2], pictures[6], pictures[10] = 1.0, 0.5, 0.9  # circles: deviation 1/2; stars: of 1/2, 0, 0, 0
    assert poorest_kind(pictures, answers, 0.5) == "star 0.43"  # sqrt(3) / 8 = 0.2165, beside 0.5


def test_a_weave_by_hand():
    """Would catch a mean without the pixel itself, differences in [-1, 1] instead of grey levels, or shapes.

    In a chessboard of -1 and 1, five of the 3x3 pixels around a 1 are 1: their mean is 1/9, and 1 - 1/9 = 113.3 levels.
    A shape in the middle is no part of it, and one colour, or a slow change, has no weave.
    """
    rows, columns = np.indices((32, 32))
    board = np.where((rows + columns) % 2, 1.0, -1.0)[None, :, :, None].repeat(3, axis=3)
    board[:, 8:24, 8:24] = 0.3
    assert weave(board) == pytest.approx(127.5 * 8 / 9)
    assert weave(np.full((2, 32, 32, 3), 0.7)) == pytest.approx(0, abs=1e-4)
    assert weave((columns / 32.0)[None, :, :, None]) == pytest.approx(0, abs=1e-4)


def test_outlines_by_hand():
    """Would catch colours that count as outlines, or kinds mixed up: 2 of 4 circles have another 4x4 than the others.

    Half of the pictures have each of these 2 x 16 pixels: variance 1/4. 32 / 4 of 1024 pixels is 1/128. The stars are
    all alike but for their colour.
    """
    pictures = np.full((16, 32, 32, 3), -0.8)  # the other kinds, one picture each, do not matter
    pictures[0:4, 10:20, 10:16] = 0.5
    pictures[0:2, 10:14, 20:24] = 0.5
    pictures[2:4, 14:18, 20:24] = 0.5
    pictures[4:8, 10:20, 10:20] = np.array([0.1, 0.4, 0.7, 1.0])[:, None, None, None]
    pictures[4, ..., 2] -= 0.1
    spreads = spread_of_outlines(pictures, np.array([0] * 4 + [3] * 4 + [1, 2, 4, 5, 6, 7, 8, 9]))
    assert spreads[0] == pytest.approx(1 / 128) and spreads[3] == 0


def test_the_gap_is_that_of_the_last_epoch(tmp_path):
    """Would catch the first epoch, or a column that has another meaning."""
    logs = tmp_path / "training_logs"
    logs.mkdir()
    (logs / "history.csv").write_text("epoch,d_of_real,d_of_fake\n1,0.9,0.1\n2,0.7,0.25\n")
    assert last_gap(tmp_path) == pytest.approx(0.45)


def test_mirrored_pictures_keep_their_labels():
    """Would catch pictures turned upside down or with exchanged colours, or labels that belong to other pictures."""
    images = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)  # two pictures of 2x3
    both, labels = with_mirrored(images, np.array([7, 4]))
    assert np.array_equal(both[:2], images) and labels.tolist() == [7, 4, 7, 4]
    assert both[2, 0].tolist() == [[6, 7, 8], [3, 4, 5], [0, 1, 2]]  # its first row, from the right
    assert both[3, 1, 0].tolist() == images[1, 1, 2].tolist()
