"""How many of the pictures are copies? Those that lie far nearer to one training picture than to all others.

A picture is a copy if its distance to the nearest training picture is at most half of its distance to the second
nearest. The distance is that of nearest.py, in pixels, and a mirror image counts as the picture itself.

Why not a fixed distance: dull pictures, of a sky or of an early epoch, lie near to many training pictures, and copy
none. Measured on CIFAR-10 (300 pictures held out, 20,000 to compare with): a limit below which 1 % of the training
pictures lie calls 1 % of the held-out pictures copies, but 10 % of the same pictures at half their contrast. The
comparison with the second nearest calls 0.3 % and 0 % so, and 100 % of training pictures mirrored and with noise of 8
grey levels. Why pixels and not Inception's features: a copy is a matter of pixels, and this needs no download.
What it hardly finds is a copy that was shifted (30 % of those shifted by one pixel): look at samples.py --nearest.

What to expect of pictures that are no copies, the training pictures say themselves, each compared with all others: the
share that looks like a copy because the set holds near duplicates, or few kinds of picture.
"""

import numpy as np

from support.scores.nearest import COPIES_BELOW, find_nearest

MOST_LOOKED_AT = 1000  # of the pictures, and of the training pictures: each is compared with all of these
MOST_BYTES = 2**25  # of pixels in them: where they are large, fewer; at least a hundred


def are_copies(distances):
    """Say of each picture whether it is a copy.

    Args:
        distances: Floats `(n, 2)`, to the nearest and the second nearest training picture; infinite where none is.

    Returns:
        bool `(n,)`. A picture that lies on two equal training pictures is a copy of both; where the second is missing,
        nothing can be said, and it is none.
    """
    nearest, second = distances.T
    return np.isfinite(second) & (nearest <= COPIES_BELOW * second)


def copied_shares(pictures, images, seed=0):
    """Find which share of the pictures are copies, and which share of the training pictures looks like it.

    Args:
        pictures: uint8 `(n, height, width, channels)`.
        images: The training pictures: has a length, and gives uint8 `(m, height, width, channels)` at an array of m
            positions.
        seed: Chooses which of them are looked at, where they are many.

    Returns:
        `(share, expected, looked_at)`: shares from 0 to 1, and how many of the pictures were looked at.
    """
    random = np.random.default_rng(seed)
    most = min(MOST_LOOKED_AT, max(100, MOST_BYTES // pictures[0].size))
    chosen, chosen_real = (np.sort(random.permutation(len(each))[:most]) for each in (pictures, images))
    own = np.concatenate([np.full(len(chosen), -1), chosen_real])
    # One walk for both: the training pictures may have to be decoded on the way.
    both = np.concatenate([pictures[chosen], images[chosen_real]])
    copies = are_copies(find_nearest(both, images, count=2, own=own)[0])
    return copies[: len(chosen)].mean(), copies[len(chosen) :].mean(), len(chosen)
