"""The curves of a run: what is averaged, by hand."""

import numpy as np

from support.run.plots import averaged


def test_neighbours_are_averaged_in_blocks_of_one_length():
    """Would catch points that lie closer at the end, as if the game had become wilder there: 5 values make 3 and 2."""
    positions, means = averaged([0.0, 1.0, 2.0, 3.0, 4.0], points=2)
    assert positions.tolist() == [1.5, 4.0] and means.tolist() == [1.0, 3.5]


def test_a_last_block_of_very_few_steps_joins_the_one_before():
    """Would catch a jump at the end of a curve that is one step alone: 13 values become 4, 4 and 5, not 4, 4, 4, 1."""
    positions, means = averaged([0.0] * 4 + [2.0] * 4 + [1.0] * 4 + [6.0], points=4)
    assert positions.tolist() == [2.0, 6.0, 10.5] and means.tolist() == [0.0, 2.0, 2.0]


def test_few_values_stay_as_they_are():
    """Would catch a first epoch whose few steps are blurred: with more points than values nothing is averaged."""
    positions, means = averaged([5.0, 7.0, 6.0], points=400)
    assert positions.tolist() == [0.5, 1.5, 2.5] and means.tolist() == [5.0, 7.0, 6.0]
    assert len(averaged(np.zeros(756))[0]) == 378  # blocks of two
