"""Watches for the three ways in which a game fails, and says for each what to try."""

import math

import numpy as np

MEMORY = 0.99  # of the running means: they cover about the last 100 steps
PATIENCE = 500  # a failure is reported after this many steps: a few hundred steps prove nothing
LOST_VARIETY = 0.2  # G has collapsed if its pictures differ less than this share of the real differences


def variety(pictures):
    """Measure how much the pictures of a batch differ: the standard deviation over the batch, averaged over pixels.

    Args:
        pictures: Array of floats `(b, height, width, channels)`.

    Returns:
        A float; 0 when all are the same picture.
    """
    return float(np.asarray(pictures, "float32").std(axis=0).mean())


def flag_to_try(name, settings):
    """Say which flag improves a setting of this run; a setting that is already on gets a higher value."""
    if name == "augment":
        kinds = settings["augment"] or []
        # The advice includes the automatic augmentations: a typed --augment would replace them.
        return "a higher --augment-noise" if "noise" in kinds else "--augment " + ",".join([*kinds, "noise"])
    if name == "label_smoothing" and not settings["label_smoothing"]:
        return "--label-smoothing 0.1"
    return ("a smaller --" if name == "learning_rate" else "a higher --") + name.replace("_", "-")


class Monitor:
    """Watch the measurements of each step, and report a failure once, after it has lasted long enough.

    Args:
        loss: The loss' row of the table of losses, as `defGAN.LOSSES` explains it.
        settings: The run's settings.
        refused: Names of settings that this run's loss or networks refuse; the advice never includes them.

    Example:
        >>> monitor = Monitor(defGAN.LOSSES["bce"], {"label_smoothing": 0.0, "augment": []})
        >>> monitor.check_finite(1, 0.69, float("nan"))
        Traceback (most recent call last):
        ...
        FloatingPointError: the generator's loss is nan at step 1
    """

    def __init__(self, loss, settings, refused=()):
        self.loss, self.settings, self.refused = loss, settings, refused
        sure_real, self.sure_fake = loss["sure"]
        self.sure_real = sure_real * (1 - settings["label_smoothing"])  # a D with label smoothing aims at less than 1
        self.means = {"D(x)": 0.5, "D(G(z))": 0.5, "variety": 1.0}
        self.lasted = {"won": 0, "collapsed": 0}

    def check_finite(self, step, discriminator_loss, generator_loss):
        """Stop if a loss is not a finite number.

        Raises:
            FloatingPointError: If a loss is infinite or not a number.
        """
        for player, loss in (("discriminator", discriminator_loss), ("generator", generator_loss)):
            if not math.isfinite(loss):
                raise FloatingPointError(f"the {player}'s loss is {loss} at step {step}")

    def watch(self, d_real, d_fake, variety_share):
        """Watch one step.

        Args:
            d_real: D(x), the mean probability that D gives to real pictures.
            d_fake: D(G(z)), the same probability for fakes.
            variety_share: `variety` of the fakes divided by that of the real pictures.

        Returns:
            None, or a line with a failure and flags to try; each failure is reported only once.
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
        """Describe a failure, "won" or "collapsed", and say what to try."""
        if failure == "won":
            seen = (
                f"D has won: over {PATIENCE} steps D(x) was above {self.sure_real:.2f} ({self.means['D(x)']:.3f}) and "
                f"D(G(z)) below {self.sure_fake:.2f} ({self.means['D(G(z))']:.3f}), so G learns little"
            )
            return f"{seen}; {self.advice(self.loss['when_d_has_won'])}"
        seen = (
            f"G has collapsed: over {PATIENCE} steps its pictures differ by {self.means['variety']:.0%} of what the "
            "real ones do"
        )
        return f"{seen}; {self.advice(self.loss['when_g_has_collapsed'])}"

    def advice(self, names):
        """Say how to start again with these settings changed; settings that this run refuses are left out."""
        flags = [flag_to_try(name, self.settings) for name in names if name not in self.refused]
        return f"start again, in another --out, with {', or '.join(flags) or 'another --loss'}"
