"""The Fréchet distance between two sets of pictures, from the mean and the covariance of their features.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500), equation 6; "FID" is this distance on one certain network. The
arithmetic is that of `support/scores/quick_distance.py`; here a set's moments have names, as they are kept in files.
"""

import typing

import numpy as np

from support.scores.quick_distance import distance_of_normals, mean_and_covariance


class Moments(typing.NamedTuple):
    """What the distance needs to know of a set of pictures."""

    mean: np.ndarray  # float64 (f,)
    covariance: np.ndarray  # float64 (f, f)


def moments(features):
    """Compute the mean and the covariance of features `(n, f)`, in float64; n at least 2.

    Raises:
        ValueError: If there are fewer than two rows, or numbers that are not finite.
    """
    features = np.asarray(features, "float64")
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features must be (n, f) with n at least 2, received {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite numbers")
    return Moments(*mean_and_covariance(features))


def frechet_distance(one, other):
    """Compute the Fréchet distance between two `Moments`: 0 for the same, the squared distance of shifted ones.

    Example:
        >>> frechet_distance(moments([[0.0], [2.0]]), moments([[3.0], [5.0]]))  # the same spread, 3 further
        9.0
    """
    return distance_of_normals(one, other)
