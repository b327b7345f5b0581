"""benchmarks/ten_seeds.py: what counts as a kind that was found."""

import numpy as np

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
