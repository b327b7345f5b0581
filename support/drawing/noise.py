"""The noise that pictures are drawn from: in batches, along a walk, and truncated."""

import statistics

import numpy as np

# A walk leads through this many noise points and back to the first one: 4 x 12 frames, four seconds.
WALK_POINTS = 4
STEPS_BETWEEN_POINTS = 12
WALK_FRAMES = WALK_POINTS * STEPS_BETWEEN_POINTS


def noise_batches(seed, count, size, batch):
    """Yield noise, `(at most batch, size)` at a time; drawn in order, so that the batch changes nothing."""
    random = np.random.default_rng(seed)
    for start in range(0, count, batch):
        yield random.standard_normal((min(batch, count - start), size), dtype="float32")


def split_into_batches(noise, batch):
    """Cut noise `(n, size)` into a list of arrays `(at most batch, size)`."""
    return np.split(noise, range(batch, len(noise), batch))


def truncate(noise, threshold):
    """Bring every value within the threshold, the truncation trick: nicer pictures that are more alike.

    Values far from 0 are rare in training, so the generator has practised them least. Brock et al. ("Large Scale GAN
    Training for High Fidelity Natural Image Synthesis", 2019, section 3.1) draw values beyond a threshold again until
    they fall within: the noise then has a truncated normal distribution. Here it has the same one, but no value is left
    to chance. Each keeps its rank: what was larger than 90 % of a normal distribution becomes what is larger than 90 %
    of the truncated one. So a picture stays the same picture, only tamer, and neither --n nor --batch matters.

    StyleGAN's truncation scales instead, but not the noise: it scales what a mapping network makes of it, and there is
    no such network here.

    Args:
        noise: Array of floats `(n, z)`, normally distributed.
        threshold: In standard deviations, above 0. The spread that is left: 0.88 of it with 2, 0.54 with 1, 0.28 with
            0.5; near 0 every picture is the same one.

    Returns:
        Array of float32 `(n, z)`, from -threshold to threshold.

    Example:

    ```python
    truncate(np.array([[-2.0, 0.0, 0.5, 2.0]]), 1.0)  # [[-0.94, 0.00, 0.33, 0.94]]
    ```
    """
    normal = statistics.NormalDist()
    lowest, highest = normal.cdf(-threshold), normal.cdf(threshold)
    # cdf(value) is the share of a normal distribution that lies below the value. Of the truncated one, as much is to.
    shares = (lowest + normal.cdf(value) * (highest - lowest) for value in noise.ravel().tolist())
    values = np.fromiter(map(normal.inv_cdf, shares), "float64", noise.size).reshape(noise.shape)
    return np.clip(values, -threshold, threshold).astype("float32")


def walk_through_latent_space(seed, count, size):
    """Yield the noise of each frame of a closed walk: the first frame follows on the last.

    Args:
        seed: Seed of the noise points; the first of them is the noise of a grid with this seed.
        count: How many pictures walk side by side.
        size: How many numbers of noise a picture takes.

    Returns:
        Iterator over arrays of floats `(count, size)`, one for each frame.
    """
    points = np.random.default_rng(seed).standard_normal((WALK_POINTS, count, size), dtype="float32")
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        for step in range(STEPS_BETWEEN_POINTS):
            yield spherical_interpolation(start, end, step / STEPS_BETWEEN_POINTS)


def spherical_interpolation(start, end, fraction):
    """Go a fraction of the way between two noise points, along the arc.

    Noise of many dimensions lies close to a sphere of radius sqrt(z). A straight line between two points cuts through
    its inside, where the generator has seen no noise in training and draws dull pictures; the arc stays near it.

    Args:
        start: Array of floats `(n, z)`.
        end: Array of floats `(n, z)`.
        fraction: 0 gives `start`, 1 gives `end`.

    Returns:
        Array of float32 `(n, z)`.
    """
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    angle = np.arccos(np.clip((start * end).sum(axis=1) / lengths, -1.0, 1.0))[:, None]
    # Points in one line with the centre (they occur in few dimensions) have no arc of their own: straight on.
    has_arc = np.sin(angle) > 1e-3
    sine = np.where(has_arc, np.sin(angle), 1.0)
    share_of_start = np.where(has_arc, np.sin((1.0 - fraction) * angle) / sine, 1.0 - fraction)
    share_of_end = np.where(has_arc, np.sin(fraction * angle) / sine, fraction)
    return (share_of_start * start + share_of_end * end).astype("float32")
