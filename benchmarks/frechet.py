"""The Fréchet distance between two sets of pictures, each told by the mean and the covariance of its features.

Heusel et al. 2017 (https://arxiv.org/abs/1706.08500), equation 6; "FID" is this distance on one certain network. Both
sets are taken for normal distributions of mean m and covariance C:

    d = |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))

C1 C2 is not symmetric, and a general square root of it is unsure in the last digits, and complex where few pictures
leave C without full rank. It has the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric: two symmetric
eigendecompositions give the trace, and the rounding below 0 is cut off.
"""

import typing

import numpy as np


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
    return Moments(features.mean(axis=0), np.cov(features, rowvar=False).reshape(2 * features.shape[1:]))


def square_root(matrix):
    """Compute the symmetric square root of a symmetric matrix without negative eigenvalues but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T


def frechet_distance(one, other):
    """Compute the Fréchet distance between two `Moments`: 0 for the same, the squared distance of shifted ones.

    Example:
        >>> frechet_distance(moments([[0.0], [2.0]]), moments([[3.0], [5.0]]))  # the same spread, 3 further
        9.0
    """
    root = square_root(one.covariance)
    values = np.linalg.eigvalsh(root @ other.covariance @ root)
    trace_of_root = np.sqrt(np.clip(values, 0.0, None)).sum()
    shift = ((one.mean - other.mean) ** 2).sum()
    return float(shift + np.trace(one.covariance) + np.trace(other.covariance) - 2.0 * trace_of_root)
