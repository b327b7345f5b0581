"""A watch on the three ways in which a game ends early, each with a flag to try."""

import math

import numpy as np

MEMORY = 0.99  # of the running means: they look back over about 100 steps
PATIENCE = 500  # steps that a failure must last before it is named: the first few hundred prove nothing
LOST_VARIETY = 0.2  # G has collapsed: its pictures differ by less than this share of what the real ones do


def variety(pictures):
    """Measure how much the pictures of a batch differ: the standard deviation over the batch, averaged over pixels.

    Args:
        pictures: Array of floats `(b, height, width, channels)`.

    Returns:
        A float; 0 when all are the same picture.
    """
    return float(np.asarray(pictures, "float32").std(axis=0).mean())


class Monitor:
    """Watch the measurements of each step and name a failure once, when it has lasted.

    Args:
        loss: "bce", "hinge" or "relativistic". The hinge loss stops pushing D at logits of 1 and -1, which are
            probabilities of 0.73 and 0.27: a D that has won stands there and not near 1 and 0.
        label_smoothing: s of binary cross-entropy: a D that has won says 1 - s to real pictures.

    Example:
        >>> monitor = Monitor()
        >>> monitor.check_finite(1, 0.69, float("nan"))
        Traceback (most recent call last):
        ...
        FloatingPointError: the generator's loss is nan at step 1
    """

    def __init__(self, loss="bce", label_smoothing=0.0):
        self.loss = loss
        self.sure_real, self.sure_fake = (0.7, 0.3) if loss == "hinge" else (0.97 * (1 - label_smoothing), 0.03)
        self.means = {"D(x)": 0.5, "D(G(z))": 0.5, "variety": 1.0}
        self.lasted = {"won": 0, "collapsed": 0}

    def check_finite(self, step, discriminator_loss, generator_loss):
        """Stop at a loss that is no number.

        Raises:
            FloatingPointError: If a loss is infinite or not a number.
        """
        for player, loss in (("discriminator", discriminator_loss), ("generator", generator_loss)):
            if not math.isfinite(loss):
                raise FloatingPointError(f"the {player}'s loss is {loss} at step {step}")

    def watch(self, d_real, d_fake, variety_share):
        """Follow one step.

        Args:
            d_real: D(x), the mean probability that D gives to real pictures.
            d_fake: D(G(z)), the same for fakes.
            variety_share: `variety` of the fakes divided by that of the real pictures.

        Returns:
            None, or a line that names a failure and a flag to try; each failure once.
        """
        for name, value in (("D(x)", d_real), ("D(G(z))", d_fake), ("variety", variety_share)):
            self.means[name] = MEMORY * self.means[name] + (1 - MEMORY) * value
        signs = {
            "won": self.means["D(x)"] > self.sure_real and self.means["D(G(z))"] < self.sure_fake,
            "collapsed": self.means["variety"] < LOST_VARIETY,
        }
        for failure, seen in signs.items():
            self.lasted[failure] = self.lasted[failure] + 1 if seen else 0
            if self.lasted[failure] == PATIENCE:
                return self.describe(failure)
        return None

    def describe(self, failure):
        """Word a failure."""
        if failure == "won":
            flags = {"hinge": "a higher --dropout", "relativistic": "a higher --slope-weight"}
            flag = flags.get(self.loss, "--augment noise, --label-smoothing 0.1, or a higher --dropout")
            return (
                f"D has won: over {PATIENCE} steps D(x) is near 1 ({self.means['D(x)']:.3f}) and D(G(z)) near 0 "
                f"({self.means['D(G(z))']:.3f}), so G learns little; start again with {flag}"
            )
        flag = ("--augment noise, or " if self.loss == "bce" else "") + "a smaller --learning-rate"
        return (
            f"G has collapsed: over {PATIENCE} steps its pictures differ by {self.means['variety']:.0%} of what the "
            f"real ones do; start again with {flag}"
        )
