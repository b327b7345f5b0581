"""Shows the progress of long work: a bar on a terminal, otherwise one line per epoch."""

import math
import sys
import time

from tqdm import tqdm

from support.system.machine import duration_in_words


class Progress:
    """Show the progress of a run, and its measurements.

    Args:
        settings: The run's settings.
        steps_per_epoch: Steps in an epoch.
        played: Steps that were played before a resume.
        minutes: After how many the run is going to stop, or None.
    """

    def __init__(self, settings, steps_per_epoch, played, minutes=None):
        self.epochs, self.batch_size = settings["epochs"], settings["batch_size"]
        self.score = ""
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf
        self.bar = tqdm(
            total=self.epochs * steps_per_epoch * self.batch_size,
            initial=played * self.batch_size,
            unit=" pictures",
            unit_scale=True,
            smoothing=0.05,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def step(self, epoch, values):
        """Move the bar by one step; `values` are the five measurements of `support.run.history`."""
        d_loss, g_loss, real, fake, _ = values
        self.bar.set_description(f"epoch {epoch}/{self.epochs}", refresh=False)
        numbers = f"D {d_loss:.2f} G {g_loss:.2f} D(x) {real:.2f} D(G(z)) {fake:.2f}{self.score}"
        self.bar.set_postfix_str(numbers, refresh=False)
        self.bar.update(self.batch_size)

    def epoch(self, epoch, means, steps, seconds, steps_left, score=None):
        """Without a bar, print a line for an epoch. With a bar, the bar shows its score from now on.

        Args:
            epoch: Its number, from 1.
            means: Means of the five measurements.
            steps: Steps of this epoch that were played.
            seconds: Seconds that these steps took.
            steps_left: Steps to the end of the run.
            score: The epoch's score, or None.
        """
        scored = "" if score is None else f"  score {score:.3f}"
        self.score = scored[1:] or self.score
        if not self.bar.disable:
            return
        d_loss, g_loss, real, fake, _ = means
        until_the_end = max(0.0, self.end - time.monotonic())
        left = duration_in_words(min(seconds / steps * steps_left, until_the_end))
        print(
            f"epoch {epoch}/{self.epochs}  D {d_loss:.3f}  G {g_loss:.3f}  D(x) {real:.2f}  D(G(z)) {fake:.2f}{scored}"
            f"  {steps * self.batch_size / seconds:,.0f} pictures/s  {left} left",
            flush=True,
        )

    def say(self, text):
        """Print a line above the bar; None prints nothing."""
        if text:
            tqdm.write(text, file=sys.stderr)
