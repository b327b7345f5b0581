"""What a run writes as it goes: checkpoints, and after an epoch its row, its score, its plots and its generator."""

import math
import time

from support import checkpoints, curves, machine, run_folder, scoring
from support.sample_plots import draw_samples


class RunRecord:
    """Write what a run leaves behind.

    Args:
        run: The run's `RunFolder`.
        settings: The run's settings.
        history: Its `History`.
        pictures: The real ones, a `defDATA.Pictures`.
        steps_per_epoch: Steps in an epoch.
        log: What `support.tensorboard_log.open_log` returned.
        scorer: A `support.scoring.Scorer`, or None.

    Attributes:
        saved_at: When the last checkpoint was written, in seconds of `time.monotonic()`; at first, now.
    """

    def __init__(self, run, settings, history, pictures, steps_per_epoch, log, scorer):
        self.run, self.settings, self.history, self.pictures = run, settings, history, pictures
        self.steps_per_epoch, self.log, self.scorer = steps_per_epoch, log, scorer
        self.saved_at = time.monotonic()
        self.information = {name: settings[name] for name in ("preset", "noise_size", "fit", "seed")}
        self.information["class_names"] = pictures.class_names if settings["conditional"] else None
        self.information["versions"] = machine.versions()

    def save_checkpoint(self, players):
        """Write all that `--resume` needs; `players` are `train.Players`."""
        variables = checkpoints.all_variables(players)
        groups = {name: checkpoints.copy_variables(group) for name, group in variables.items()}
        groups["history"] = [self.history.array()]
        about = {"settings": self.settings, "seconds": self.history.seconds, "scores": self.history.scores}
        checkpoints.save_checkpoint(self.run.checkpoints, len(self.history.steps), groups, about)
        self.saved_at = time.monotonic()

    def write_table(self):
        """Write `history.csv`."""
        self.history.write_csv(self.run.logs / "history.csv", self.steps_per_epoch, self.settings["batch_size"])

    def write_epoch(self, epoch, last, make_generator):
        """Write what an epoch owes beside its checkpoint.

        Args:
            epoch: Its number, from 1.
            last: True for the run's last one, which owes everything but a score.
            make_generator: Function that gives the generator as it is drawn; called only where it is needed.

        Returns:
            The path of the generator that was saved, or None.
        """
        plots, saves = (last or epoch % self.settings[often] == 0 for often in ("plot_every", "save_every"))
        steps = self.history.steps_of(epoch, self.steps_per_epoch)
        scores = self.scorer and self.scorer.is_due(epoch, steps, self.steps_per_epoch)
        generator = make_generator() if plots or saves or scores else None
        if scores:
            self._score(epoch, generator)
        self.write_table()
        if plots:
            self._plot(epoch, generator)
        if not saves:
            return None
        path = self.run.generator_path(epoch)
        run_folder.save_generator(generator, path, self.information | {"epoch": epoch})
        return path

    def _score(self, epoch, generator):
        scores = self.history.scores
        self.scorer.score(generator, epoch, scores, self.run.best_generator, self.information)
        self.log.scalars(len(self.history.steps), {scoring.NAME: scores[epoch]})
        curves.draw_scores(self.run.logs / "score.png", scores)

    def _plot(self, epoch, generator):
        grid = draw_samples(self.run.logs, generator, self.pictures, self.settings, epoch)
        self.log.picture(len(self.history.steps), "generated", grid)
        loss_at_chance = 1.0 if self.settings["loss"] == "hinge" else math.log(2)  # relativistic: with a flat D
        curves.draw_history(self.run.logs, self.history.array(), self.steps_per_epoch, loss_at_chance)
