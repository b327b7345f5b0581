"""The curves of a run: what is averaged, by hand."""

import numpy as np

from support.run.plots import averaged


def test_neighbours_are_averaged_in_blocks_of_one_length():
    """Would catch points that lie closer at the end, as if the game had become wilder there: 5 values make 3 and 2."""
    positions, means = averaged([0.0, 1.0, 2.0, 3.0, 4.0], points=2)
    assert positions.tolist() == [1.5, 4.0] and means.tolist() == [1.0, 3.5]


def test_few_values_stay_as_they_are():
    """Would catch a first epoch whose few steps are blurred: with more points than values nothing is averaged."""
    positions, means = averaged([5.0, 7.0, 6.0], points=400)
    assert positions.tolist() == [0.5, 1.5, 2.5] and means.tolist() == [5.0, 7.0, 6.0]
    assert len(averaged(np.zeros(756))[0]) == 378  # blocks of two
