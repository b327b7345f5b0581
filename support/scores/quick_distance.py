"""Measures how far generated pictures are from real ones, fast enough for every epoch, without a download.

FID compares two sets of pictures by the means and covariances of features of a network that was trained on ImageNet.
Here the features come from the real pictures themselves, as in Coates, Lee and Ng (2011,
https://proceedings.mlr.press/v15/coates11a.html). Random patches of them, whitened, are the filters of one convolution.
The part of each answer above a threshold (and below its negative) is averaged over each quarter of the picture. This is
done at full size and at each half size down to 8 pixels, so that both fine texture and the layout count.

It is not FID: compare its numbers only between generators of the same data set, and trust large differences alone. On
CIFAR-10 one change made it a tenth smaller, and the distance by a network trained on ImageNet a quarter larger.
"""

import numpy as np

MOST_REAL = 10_000  # real pictures that are used; more would change little
FITTED_ON = 2_000  # pictures of these that the patches are cut from
PATCHES = 20_000  # cut at each size, to compute the whitening
PATCH = 6  # pixels on a side
FILTERS = 32  # at each size
THRESHOLD = 0.5  # in standard deviations of a filter's answers to real patches
FLATTENED = 1e-3  # of the patches' largest variance, added to all: whitening must not enlarge JPEG noise
LONGEST_SHORT_SIDE = 64  # pixels; larger pictures are reduced first
SHORTEST_SIDE = 8  # pixels, of the smallest size
DENSE_BELOW = 16  # pixels; from this size on the convolution skips every second place
BLOCK = 2**19  # pixels at a time: their patches take about fifty megabytes


def frechet_distance(features_a, features_b):
    """Compute the Fréchet distance between the normal distributions with two sets' means and covariances.

    |mean_a - mean_b|^2 + trace(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)), as in FID.

    Args:
        features_a: Array of floats `(n, d)`, n at least 2.
        features_b: Array of floats `(m, d)`, m at least 2.

    Returns:
        A float; 0 if means and covariances are equal.

    Raises:
        ValueError: If the shapes do not fit, or a number is not finite.

    Example:
        >>> frechet_distance(np.array([[-1.0], [1.0]]), np.array([[2.0], [4.0]]))
        9.0
    """
    features_a, features_b = np.asarray(features_a, "float64"), np.asarray(features_b, "float64")
    if features_a.ndim != 2 or features_b.ndim != 2 or features_a.shape[1] != features_b.shape[1]:
        raise ValueError(f"features are (n, d) and (m, d), received {features_a.shape} and {features_b.shape}")
    return distance_of_normals(mean_and_covariance(features_a), mean_and_covariance(features_b))


def mean_and_covariance(features):
    """Return the mean `(d,)` and the covariance `(d, d)` of features `(n, d)`, both float64.

    Raises:
        ValueError: If n is below 2, or a number is not finite.
    """
    if len(features) < 2:
        raise ValueError(f"a covariance takes two rows of features or more, received {len(features)}")
    if not np.isfinite(features).all():
        raise ValueError("the features hold numbers that are not finite")
    mean = features.mean(axis=0, dtype="float64")
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def distance_of_normals(normal_a, normal_b):
    """Compute the Fréchet distance between two normal distributions, each `(mean, covariance)`.

    The eigenvalues of cov_a cov_b are those of R cov_b R, where R is the symmetric root of cov_a. This matrix is
    symmetric, so rounding cannot make its eigenvalues complex. Eigenvalues that rounding makes negative are set to 0.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = normal_a, normal_b
    root = symmetric_root(covariance_a)
    product = root @ covariance_b @ root
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0.0))
    traces = np.trace(covariance_a) + np.trace(covariance_b)
    return max(0.0, float(((mean_a - mean_b) ** 2).sum() + traces - 2.0 * roots.sum()))


def symmetric_root(covariance):
    """Return the symmetric matrix whose square is this covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def reduced(pictures, factor):
    """Average squares of `factor` x `factor` pixels; remaining pixels at the right and bottom are cut off."""
    if factor == 1:
        return pictures
    count, height, width, channels = pictures.shape
    height, width = height // factor, width // factor
    pictures = pictures[:, : height * factor, : width * factor]
    return pictures.reshape(count, height, factor, width, factor, channels).mean(axis=(2, 4))


def sizes_of(images):
    """Return pictures as floats in [-1, 1], at full size (at most 64 on the short side) and each half size down to 8.

    Args:
        images: uint8 `(n, height, width, channels)`.

    Returns:
        A list of float32 arrays, the largest first.
    """
    pictures = images.astype("float32") / 127.5 - 1.0
    sizes = [reduced(pictures, -(-min(images.shape[1:3]) // LONGEST_SHORT_SIDE))]
    while min(sizes[-1].shape[1:3]) >= 2 * SHORTEST_SIDE:
        sizes.append(reduced(sizes[-1], 2))
    return sizes


def windows(pictures, step):
    """Return a view of all patches, `step` pixels apart: `(n, rows, columns, channels, PATCH, PATCH)`."""
    return np.lib.stride_tricks.sliding_window_view(pictures, (PATCH, PATCH), axis=(1, 2))[:, ::step, ::step]


def quarter_means(answers):
    """Average over each quarter of the picture: `(n, rows, columns, k)` to `(n, 4 k)`."""
    rows, columns = answers.shape[1] // 2, answers.shape[2] // 2
    halves = (answers[:, :rows], answers[:, rows:])
    quarters = [quarter for half in halves for quarter in (half[:, :, :columns], half[:, :, columns:])]
    return np.concatenate([quarter.mean(axis=(1, 2)) for quarter in quarters], axis=1)


class QuickDistance:
    """The distance of generated pictures from the given real ones.

    Args:
        real_images: uint8 `(n, height, width, channels)`, n at least 2, each side at least 8: an array, or an object
            that returns the pictures at an array of positions, such as `support.data.on_demand.KeptPictures`.
        most: How many of them are used at most, chosen by `seed`.
        seed: Seed of the choice of pictures and patches. The global random state is neither read nor changed.

    Raises:
        ValueError: If the real pictures are fewer than 2 or below 8 on a side.

    Example:

    ```python
    distance = QuickDistance(pictures.images)
    distance(fake_images)      # 0.35
    ```
    """

    def __init__(self, real_images, most=MOST_REAL, seed=0):
        self.shape = tuple(real_images.shape[1:])
        if len(real_images) < 2 or min(self.shape[:2]) < SHORTEST_SIDE:
            raise ValueError(f"real pictures are two or more, from 8x8 up, received {tuple(real_images.shape)}")
        random = np.random.default_rng(seed)
        chosen = random.permutation(len(real_images))[:most]
        fitted = chosen[:FITTED_ON]
        sizes = [sizes_of(real_images[fitted[start : start + self._block()]]) for start in self._starts(len(fitted))]
        self.filters = [self._filters(np.concatenate(blocks), random) for blocks in zip(*sizes, strict=True)]
        raw = [self._raw(real_images[chosen[start : start + self._block()]]) for start in self._starts(len(chosen))]
        raw = np.concatenate(raw)
        self.mean, self.deviation = raw.mean(axis=0), raw.std(axis=0)
        self.deviation[self.deviation < 1e-6] = 1.0  # a constant feature, for example of an alpha channel
        self.real = mean_and_covariance((raw - self.mean) / self.deviation)

    def features(self, images):
        """Compute the features; over the real pictures each has mean 0 and deviation 1.

        Args:
            images: uint8 `(n, height, width, channels)`, in the size of the real ones.

        Returns:
            float32 `(n, d)`.

        Raises:
            ValueError: If their size differs.
        """
        if tuple(images.shape[1:]) != self.shape:
            raise ValueError(f"the real pictures are {self.shape}, received {tuple(images.shape[1:])}")
        raw = np.concatenate([self._raw(images[start : start + self._block()]) for start in self._starts(len(images))])
        return (raw - self.mean) / self.deviation

    def __call__(self, fake_images):
        """Compute the Fréchet distance of the features, divided by the number of features.

        Args:
            fake_images: uint8 `(n, height, width, channels)`, n at least 2, in the size of the real ones.

        Returns:
            A float, smaller for better pictures. Copies of one picture with mean features have the distance 1. With
            fewer pictures the distance is larger, so compare only scores of equally many pictures.
        """
        return distance_of_normals(self.real, mean_and_covariance(self.features(fake_images))) / len(self.mean)

    def _block(self):
        return max(1, BLOCK // (self.shape[0] * self.shape[1]))

    def _starts(self, count):
        return range(0, count, self._block())

    @staticmethod
    def _step(pictures):
        return 1 if min(pictures.shape[1:3]) < DENSE_BELOW else 2

    @staticmethod
    def _filters(pictures, random):
        """Make the filters of one size: a matrix `(patch, FILTERS)`, and the offset of its answers."""
        views = windows(pictures, 1)
        places = [random.integers(0, length, PATCHES) for length in views.shape[:3]]
        patches = views[tuple(places)].reshape(PATCHES, -1).astype("float64")
        mean, covariance = mean_and_covariance(patches)
        values, vectors = np.linalg.eigh(covariance)
        flattened = np.maximum(values, 0.0) + FLATTENED * max(values[-1], 1e-6)
        whitening = (vectors / np.sqrt(flattened)) @ vectors.T
        # Places are random, so the first patches are a fair choice. A little noise prevents filters that are all zero.
        chosen = (patches[:FILTERS] - mean) @ whitening + 1e-3 * random.standard_normal((FILTERS, len(mean)))
        kernel = whitening @ (chosen / np.linalg.norm(chosen, axis=1, keepdims=True)).T
        kernel /= np.maximum(((patches - mean) @ kernel).std(axis=0), 1e-6)
        return kernel.astype("float32"), (-mean @ kernel).astype("float32")

    def _raw(self, images):
        features = []
        for pictures, (kernel, offset) in zip(sizes_of(images), self.filters, strict=True):
            views = windows(pictures, self._step(pictures))
            answers = views.reshape(-1, len(kernel)) @ kernel + offset
            answers = answers.reshape(*views.shape[:3], -1)
            features += [quarter_means(np.maximum(sign * answers - THRESHOLD, 0.0)) for sign in (1, -1)]
        return np.concatenate(features, axis=1)
