"""The order of an epoch: every picture once, from the seed and the epoch's number alone."""

import numpy as np
import pytest

from defDATA import epoch_order


@pytest.mark.parametrize("window", [0, 4])
@pytest.mark.parametrize(("count", "batch", "steps"), [(10, 4, 3), (8, 4, 2), (7, 7, 1), (5, 1, 5)])
def test_every_picture_once_an_epoch(count, batch, steps, window):
    """Would catch a dropped last batch, a short one, and one filled up with anything but the epoch's first pictures."""
    order = epoch_order(count, batch, seed=3, epoch=1, shuffle_window=window)
    assert order.shape == (steps, batch)
    flat = order.reshape(-1).tolist()
    assert sorted(flat[:count]) == list(range(count))
    assert flat[count:] == flat[: steps * batch - count]


def test_order_depends_on_seed_and_epoch_alone():
    """Would catch an order that repeats every epoch, ignores the seed, or hangs on what was drawn before it."""
    np.random.seed(0)
    first = epoch_order(100, 10, seed=1, epoch=5)
    np.random.seed(1)
    for epoch in range(4):
        epoch_order(100, 10, seed=1, epoch=epoch)
    assert (epoch_order(100, 10, seed=1, epoch=5) == first).all()
    others = [epoch_order(100, 10, 1, 6), epoch_order(100, 10, 2, 5), epoch_order(100, 10, 5, 1)]
    for other in others:  # of 100 places, one agrees by chance
        assert (other == first).mean() < 0.1


@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_shuffle_window_bounds_the_way(window):
    """Would catch a window that lets a picture move by its width or more, and one that hardly mixes."""
    farthest = 0
    for epoch in range(20):
        order = epoch_order(200, 200, seed=0, epoch=epoch, shuffle_window=window)[0]
        farthest = max(farthest, np.abs(order - np.arange(200)).max())
    assert 0.6 * (window - 1) <= farthest <= window - 1


@pytest.mark.parametrize("window", [0, 200, 8000])
def test_no_window_mixes_everything(window):
    """Would catch 0 read as "not at all": in a full mix the mean way is a third of the length, 66.7 of 200."""
    orders = [epoch_order(200, 200, 0, epoch, window)[0] for epoch in range(20)]
    ways = [np.abs(order - np.arange(200)).mean() for order in orders]
    assert np.mean(ways) == pytest.approx(200 / 3, rel=0.1)
