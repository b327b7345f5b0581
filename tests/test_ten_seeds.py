"""benchmarks/ten_seeds.py: what counts as a kind that was found, and what its judge learns from."""

import numpy as np

from benchmarks.shapes_found import with_mirrored
from benchmarks.ten_seeds import kinds_found


def test_a_kind_is_found_by_sure_answers_and_often_enough():
    """Would catch unsure answers that count, a share of all the sure ones only, or kinds named by a wrong number.

    Of 300 pictures 1 % are 3: three sure stars are enough, two sure hearts are not, nor are 295 unsure circles.
    """
    answers = np.full((300, 10), 0.01)
    answers[:295, 0] = 0.89
    answers[295:298, 3] = 0.91
    answers[298:, 6] = 0.95
    assert kinds_found(answers) == ["star"]


def test_mirrored_pictures_keep_their_labels():
    """Would catch pictures turned upside down or with exchanged colours, or labels that belong to other pictures."""
    images = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)  # two pictures of 2x3
    both, labels = with_mirrored(images, np.array([7, 4]))
    assert np.array_equal(both[:2], images) and labels.tolist() == [7, 4, 7, 4]
    assert both[2, 0].tolist() == [[6, 7, 8], [3, 4, 5], [0, 1, 2]]  # its first row, from the right
    assert both[3, 1, 0].tolist() == images[1, 1, 2].tolist()
