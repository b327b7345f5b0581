"""Makes the noise for the pictures: in batches, along a walk, or truncated."""

import statistics

import numpy as np

# A walk leads through this many noise points and back to the first one: 4 x 12 frames, four seconds.
WALK_POINTS = 4
STEPS_BETWEEN_POINTS = 12
WALK_FRAMES = WALK_POINTS * STEPS_BETWEEN_POINTS


def noise_batches(seed, count, size, batch):
    """Yield noise in arrays `(at most batch, size)`; its numbers do not depend on `batch`."""
    random = np.random.default_rng(seed)
    for start in range(0, count, batch):
        yield random.standard_normal((min(batch, count - start), size), dtype="float32")


def split_into_batches(noise, batch):
    """Cut noise `(n, size)` into a list of arrays `(at most batch, size)`."""
    return np.split(noise, range(batch, len(noise), batch))


def truncate(noise, threshold):
    """Bring every value within the threshold (truncation trick): the pictures look better, but are more alike.

    Values far from 0 are rare in training, so the generator draws them worst. Brock et al. ("Large Scale GAN Training
    for High Fidelity Natural Image Synthesis", 2019, section 3.1) draw values beyond a threshold again until they are
    within it: the noise then has a truncated normal distribution. This function gives the same distribution without a
    new draw. Each value keeps its rank: a value above 90 % of a normal distribution becomes the value above 90 % of the
    truncated one. So each picture stays similar, only less extreme, and does not depend on --n or --batch.

    StyleGAN's truncation scales instead. It scales the output of a mapping network, not the noise; the generators here
    have no mapping network.

    Args:
        noise: Array of floats `(n, z)`, normally distributed.
        threshold: In standard deviations, above 0. The standard deviation becomes 0.88 times as large with 2, 0.54 with
            1, 0.28 with 0.5; near 0 all pictures are the same.

    Returns:
        Array of float32 `(n, z)`, from -threshold to threshold.

    Example:

    ```python
    truncate(np.array([[-2.0, 0.0, 0.5, 2.0]]), 1.0)  # [[-0.94, 0.00, 0.33, 0.94]]
    ```
    """
    normal = statistics.NormalDist()
    lowest, highest = normal.cdf(-threshold), normal.cdf(threshold)
    # cdf(value) is the share of a normal distribution below the value. The new value has this share of the truncated
    # one below it.
    shares = (lowest + normal.cdf(value) * (highest - lowest) for value in noise.ravel().tolist())
    values = np.fromiter(map(normal.inv_cdf, shares), "float64", noise.size).reshape(noise.shape)
    return np.clip(values, -threshold, threshold).astype("float32")


def walk_through_latent_space(seed, count, size):
    """Yield the noise of each frame of a closed walk: after the last frame comes the first one again.

    Args:
        seed: Seed of the noise points; the first one is also the noise of a grid with this seed.
        count: How many pictures each frame shows.
        size: How many numbers of noise a picture takes.

    Returns:
        Iterator over arrays of floats `(count, size)`, one for each frame.
    """
    points = np.random.default_rng(seed).standard_normal((WALK_POINTS, count, size), dtype="float32")
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        for step in range(STEPS_BETWEEN_POINTS):
            yield spherical_interpolation(start, end, step / STEPS_BETWEEN_POINTS)


def spherical_interpolation(start, end, fraction):
    """Return the noise at a fraction of the way between two noise points, along an arc.

    Noise with many dimensions lies close to a sphere of radius sqrt(z). A straight line between two points passes
    through the inside of the sphere. The generator has seen no noise from there in training, and draws dull pictures.
    The arc stays near the sphere.

    Args:
        start: Array of floats `(n, z)`.
        end: Array of floats `(n, z)`.
        fraction: 0 gives `start`, 1 gives `end`.

    Returns:
        Array of float32 `(n, z)`.
    """
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    angle = np.arccos(np.clip((start * end).sum(axis=1) / lengths, -1.0, 1.0))[:, None]
    # Two points in one line with the centre (only likely in few dimensions) have no arc between them: use a straight
    # line.
    has_arc = np.sin(angle) > 1e-3
    sine = np.where(has_arc, np.sin(angle), 1.0)
    share_of_start = np.where(has_arc, np.sin((1.0 - fraction) * angle) / sine, 1.0 - fraction)
    share_of_end = np.where(has_arc, np.sin(fraction * angle) / sine, fraction)
    return (share_of_start * start + share_of_end * end).astype("float32")
