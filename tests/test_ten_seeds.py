"""benchmarks/ten_seeds.py: what counts as a kind that was found, and what its judge learns from."""

import numpy as np
import pytest

from benchmarks.shapes_found import with_mirrored
from benchmarks.ten_seeds import kinds_found, poorest_kind, spread_of_backgrounds


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


def test_mirrored_pictures_keep_their_labels():
    """Would catch pictures turned upside down or with exchanged colours, or labels that belong to other pictures."""
    images = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)  # two pictures of 2x3
    both, labels = with_mirrored(images, np.array([7, 4]))
    assert np.array_equal(both[:2], images) and labels.tolist() == [7, 4, 7, 4]
    assert both[2, 0].tolist() == [[6, 7, 8], [3, 4, 5], [0, 1, 2]]  # its first row, from the right
    assert both[3, 1, 0].tolist() == images[1, 1, 2].tolist()
