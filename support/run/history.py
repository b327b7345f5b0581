"""The measurements of a run: five numbers per step, some scores, and one row per epoch in history.csv."""

import csv
import time

import numpy as np

from support.system.atomic_files import written_beside

MEASURED = ["discriminator_loss", "generator_loss", "d_of_real", "d_of_fake", "d_of_fake_after_discriminator_step"]


class History:
    """The measurements of all steps, for the curves, and their means over each epoch.

    Attributes:
        steps: A list of five numbers for each step, in the order of `MEASURED`.
        seconds: For each epoch that began, the seconds spent on it so far.
        scores: Dictionary from a scored epoch to its score, as `support.run.scoring.Scorer` measures it.
    """

    def __init__(self, steps=(), seconds=(), scores=()):
        self.steps = [tuple(step) for step in steps]
        self.seconds = list(seconds)
        self.scores = dict(scores)
        self.mark = time.monotonic()

    def add(self, epoch, values):
        """Store one step of `epoch` (from 1), and add the time since the last call to that epoch.

        The values are rounded to float32, as in a checkpoint, so that a resumed run writes the same table.
        """
        self.steps.append(tuple(float(np.float32(value)) for value in values))
        while len(self.seconds) < epoch:
            self.seconds.append(0.0)
        now = time.monotonic()
        self.seconds[epoch - 1] += now - self.mark
        self.mark = now

    def start_clock(self):
        """Start the time measurement again: nothing was trained since the last step."""
        self.mark = time.monotonic()

    def steps_of(self, epoch, steps_per_epoch):
        """Count how many steps of one epoch (from 1) were played so far."""
        return min(steps_per_epoch, len(self.steps) - (epoch - 1) * steps_per_epoch)

    def means(self, epoch, steps_per_epoch):
        """Return the means of the five measurements over the steps of one epoch (from 1) that were played so far."""
        played = self.steps[(epoch - 1) * steps_per_epoch : epoch * steps_per_epoch]
        return np.mean(np.array(played, "float64"), axis=0)

    def array(self):
        """Return all steps as float32 `(steps, 5)`."""
        return np.array(self.steps, "float32").reshape(-1, len(MEASURED))

    def write_csv(self, path, steps_per_epoch, batch_size):
        """Write one row for each epoch that began, completely or not at all. Without a score its cell is empty."""
        with written_beside(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "steps", *MEASURED, "score", "seconds", "pictures_per_second"])
            for epoch, seconds in enumerate(self.seconds, start=1):
                steps = self.steps_of(epoch, steps_per_epoch)
                means = [f"{mean:.6f}" for mean in self.means(epoch, steps_per_epoch)]
                rate = steps * batch_size / seconds if seconds else 0.0
                score = f"{self.scores[epoch]:.6f}" if epoch in self.scores else ""
                writer.writerow([epoch, steps, *means, score, f"{seconds:.1f}", f"{rate:.1f}"])
