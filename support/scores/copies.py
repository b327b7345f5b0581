"""Counts the generated pictures that are copies: those much nearer to one training picture than to all others.

A picture is a copy if its distance to the nearest training picture is at most half of its distance to the second
nearest. The distance is that of nearest.py, on pixels; a mirror image counts like the picture itself.

A fixed limit for the distance does not work. Dull pictures (of a sky, or from an early epoch) lie near to many training
pictures without copying one. Measured on CIFAR-10 (300 pictures held out, 20,000 to compare with): take a limit below
which 1 % of the training pictures lie. It calls 1 % of the held-out pictures copies, but 10 % of the same pictures at
half their contrast. The comparison with the second nearest calls 0.3 % and 0 % of them copies, and 100 % of training
pictures that were mirrored and got noise of 8 grey levels. It uses pixels, not Inception's features, because a copy has
the same pixels, and because this needs no download. It finds few shifted copies (30 % of those shifted by one pixel):
for these, look at samples.py --nearest.

The training pictures themselves, each compared with all others, show the share to expect without copying. It is above 0
if the data set has near duplicates, or few kinds of picture.
"""

import numpy as np

from support.scores.nearest import COPIES_BELOW, find_nearest

MOST_LOOKED_AT = 1000  # generated pictures, and training pictures; each is compared with all training pictures
MOST_BYTES = 2**25  # of pixels in these; fewer of large pictures are examined, but at least a hundred


def are_copies(distances):
    """Decide for each picture whether it is a copy.

    Args:
        distances: Floats `(n, 2)`, to the nearest and the second nearest training picture; infinite if there is none.

    Returns:
        bool `(n,)`. A picture that equals two training pictures is a copy of both. Without a second nearest picture
        nothing can be said, so it does not count as a copy.
    """
    nearest, second = distances.T
    return np.isfinite(second) & (nearest <= COPIES_BELOW * second)


def copied_shares(pictures, images, seed=0):
    """Compute the share of copies among the pictures, and among the training pictures themselves.

    Args:
        pictures: uint8 `(n, height, width, channels)`.
        images: The training pictures: an object with a length that returns uint8 `(m, height, width, channels)` for an
            array of m positions.
        seed: Chooses which pictures are examined, if there are many.

    Returns:
        `(share, expected, looked_at)`: shares from 0 to 1, and the number of examined pictures.
    """
    random = np.random.default_rng(seed)
    most = min(MOST_LOOKED_AT, max(100, MOST_BYTES // pictures[0].size))
    chosen, chosen_real = (np.sort(random.permutation(len(each))[:most]) for each in (pictures, images))
    own = np.concatenate([np.full(len(chosen), -1), chosen_real])
    # One pass for both, because the training pictures may have to be decoded.
    both = np.concatenate([pictures[chosen], images[chosen_real]])
    copies = are_copies(find_nearest(both, images, count=2, own=own)[0])
    return copies[: len(chosen)].mean(), copies[len(chosen) :].mean(), len(chosen)
