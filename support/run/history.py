"""What a run measured: five numbers a step, now and then a score, a row an epoch in history.csv."""

import csv
import time

import numpy as np

from support.system.atomic_files import written_beside

MEASURED = ["discriminator_loss", "generator_loss", "d_of_real", "d_of_fake", "d_of_fake_after_discriminator_step"]


class History:
    """The steps' own measurements, kept for the curves, and their means over each epoch.

    Attributes:
        steps: A list of five numbers for each step, in the order of `MEASURED`.
        seconds: For each epoch that began, the seconds spent on it so far.
        scores: Dictionary from an epoch that was scored to its score, as `support.run.scoring.Scorer` measures it.
    """

    def __init__(self, steps=(), seconds=(), scores=()):
        self.steps = [tuple(step) for step in steps]
        self.seconds = list(seconds)
        self.scores = dict(scores)
        self.mark = time.monotonic()

    def add(self, epoch, values):
        """Note one step of `epoch` (from 1), and the time since the last note as that epoch's.

        The values are kept as float32, as a checkpoint keeps them: a resumed run must write the same table.
        """
        self.steps.append(tuple(float(np.float32(value)) for value in values))
        while len(self.seconds) < epoch:
            self.seconds.append(0.0)
        now = time.monotonic()
        self.seconds[epoch - 1] += now - self.mark
        self.mark = now

    def start_clock(self):
        """Leave out the time since the last note: nothing was trained in it."""
        self.mark = time.monotonic()

    def steps_of(self, epoch, steps_per_epoch):
        """Count the steps of one epoch (from 1) that were played so far."""
        return min(steps_per_epoch, len(self.steps) - (epoch - 1) * steps_per_epoch)

    def means(self, epoch, steps_per_epoch):
        """Means of the five measurements over the steps of one epoch (from 1) that were played so far."""
        played = self.steps[(epoch - 1) * steps_per_epoch : epoch * steps_per_epoch]
        return np.mean(np.array(played, "float64"), axis=0)

    def array(self):
        """All steps as float32 `(steps, 5)`."""
        return np.array(self.steps, "float32").reshape(-1, len(MEASURED))

    def write_csv(self, path, steps_per_epoch, batch_size):
        """Write a row for each epoch that began, whole or not at all; the score of one not scored stays empty."""
        with written_beside(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "steps", *MEASURED, "score", "seconds", "pictures_per_second"])
            for epoch, seconds in enumerate(self.seconds, start=1):
                steps = self.steps_of(epoch, steps_per_epoch)
                means = [f"{mean:.6f}" for mean in self.means(epoch, steps_per_epoch)]
                rate = steps * batch_size / seconds if seconds else 0.0
                score = f"{self.scores[epoch]:.6f}" if epoch in self.scores else ""
                writer.writerow([epoch, steps, *means, score, f"{seconds:.1f}", f"{rate:.1f}"])
