"""The work around the game: gives batches, measures time, shows progress, saves, plots, scores, and stops."""

import contextlib
import gc
import time

from support.data.read_ahead import ReadAhead
from support.models.on_device import to_array, to_numbers
from support.run import checkpoints, plots, report, scoring
from support.run import folder as run_folder
from support.run.monitor import Monitor, variety
from support.run.progress import Progress
from support.run.settings import refused
from support.run.stopping import StopRequest
from support.run.tensorboard_log import measured as measured_for_tensorboard
from support.run.tensorboard_log import open_log
from support.scores.quick_distance import QuickDistance
from support.system import machine
from support.system.errors import InputError
from support.system.several_devices import of_first_process

STEPS_BETWEEN_LOOKS = 10  # the variety of the pictures is measured in every tenth step, to save time
SECONDS_BETWEEN_READS = 0.1  # each reading of measurements waits for the device, so they are read ten times a second
MOST_OF_THE_TIME = 1 / 3  # of `--minutes`: as much may go into a lesson before the game


class TrainingRun:
    """All of a training except the game. Use it in a `with` block, in which Ctrl-C stops between two steps.

    Args:
        arguments: The parsed flags, of which it reads `minutes`, `checkpoint_minutes` and `tensorboard`.
        settings: The run's settings.
        tables: `support.run.settings.Tables`, which describe the loss.
        folder: The run's `RunFolder`.
        history: Its `History`; empty for a new run.
        pictures: The real ones, a `defDATA.Pictures`.
        players: `train.Players`.
        make_inputs: Function of an epoch (from 1) and a step (from 0) that returns the inputs of the step.
        make_generator: Function that returns the generator to draw with and to save.
        steps_per_epoch: Steps in an epoch.

    Attributes:
        is_new: True if no step was played before.
        written: Path of the last generator that was saved, or None.
        reason: What ended the run early ("time", "interrupt", "terminate"), or None.
    """

    def __init__(
        self,
        arguments,
        settings,
        tables,
        folder,
        history,
        pictures,
        players,
        make_inputs,
        make_generator,
        steps_per_epoch,
    ):
        self.folder, self.settings, self.history = folder, settings, history
        self.loss = tables.losses[settings["loss"]]
        self.pictures, self.players, self.make_generator = pictures, players, make_generator
        self.steps_per_epoch, self.arguments = steps_per_epoch, arguments
        self.all_steps = settings["epochs"] * steps_per_epoch
        self.is_new = not history.steps
        self.written, self.reason, self.variety_share = None, None, 1.0
        self.unread, self.pictures_to_look_at, self.read_at = [], None, 0.0
        self.monitor = Monitor(self.loss, settings, refused(settings, tables))
        self.information = {name: settings[name] for name in ("preset", "noise_size", "fit", "seed")}
        self.information["class_names"] = pictures.class_names if settings["conditional"] else None
        self.information["data"] = settings["data"] if settings["data"] in tables.sources else None  # no path goes out
        self.information["versions"] = machine.versions()
        self.scorer = None
        if settings["score_every"]:
            self.scorer = scoring.Scorer(QuickDistance(pictures.images), settings, self.information["class_names"])
        self.batches = ReadAhead(
            lambda number: make_inputs(1 + number // steps_per_epoch, number % steps_per_epoch),
            range(len(history.steps), self.all_steps),
        )

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            first_step = len(self.history.steps) + 1
            shown = (self.settings, self.steps_per_epoch, first_step - 1, self.arguments.minutes)
            self.stop = stack.enter_context(StopRequest(self.arguments.minutes))
            self.progress = stack.enter_context(Progress(*shown))
            tensorboard_folder = self.folder.logs / "tensorboard"
            self.log = stack.enter_context(open_log(self.arguments.tensorboard, tensorboard_folder, first_step))
            self.opened = stack.pop_all()
        self.saved_at = time.monotonic()
        self.history.start_clock()
        gc.freeze()  # what Keras and others have loaded stays: `gc.collect` need not look through it each time
        return self

    def __exit__(self, kind, error, traceback):
        gc.unfreeze()
        self.opened.close()
        if kind is FloatingPointError:
            kept = checkpoints.checkpoint_paths(self.folder.checkpoints)
            raise InputError(
                f"{error}; {f'the last good checkpoint is {kept[-1]}' if kept else 'no checkpoint was saved yet'}; "
                "start again with a smaller --learning-rate and another --out"
            ) from None

    @property
    def exit_code(self):
        """The exit code of the program: 0, or the usual code of a process that a signal ended."""
        return {"interrupt": 130, "terminate": 143}.get(self.reason, 0)

    @property
    def steps_left(self):
        """The number of steps that are left."""
        return self.all_steps - len(self.history.steps)

    @property
    def share_played(self):
        """The share of the run that is over, 0 to 1: of its steps or of its time, whichever ends first."""
        share_of_steps = (len(self.history.steps) + len(self.unread)) / self.all_steps
        share_of_time = of_first_process(self.stop.share_of_time) if self.arguments.minutes else 0.0
        return min(1.0, max(share_of_steps, share_of_time))

    def teach(self, lesson, discriminator):
        """Give D its lesson before the first step. If a signal stops the lesson, the game does not begin.

        Args:
            lesson: The lesson of a network, as in modern/taught.py.
            discriminator: The discriminator to teach.
        """

        def may_go_on():
            return not self.stop.reason and self.share_played < MOST_OF_THE_TIME

        lesson(discriminator, self.pictures, self.settings, may_go_on, self.progress.say)
        reason = self.stop.reason
        if reason in ("interrupt", "terminate"):
            self.reason = reason
            self.save_checkpoint()  # no step was played: a resumed run begins with the lesson

    def epochs_left(self):
        """Yield the numbers of the epochs to play, from 1, until the last one or a reason to stop."""
        played, begun = divmod(len(self.history.steps), self.steps_per_epoch)
        if played and not begun:  # the run may have been killed right after this epoch's checkpoint
            self.written = self.write_epoch(played, last=played == self.settings["epochs"])
        for epoch in range(played + 1, self.settings["epochs"] + 1):
            if self.reason:
                return
            yield epoch

    def batches_left(self, epoch):
        """Yield the inputs of each step of an epoch that was not played yet; stop between two steps.

        Raises:
            InputError: If the pictures cannot be read any more; a checkpoint is saved first.
        """
        for _ in range(len(self.history.steps) % self.steps_per_epoch, self.steps_per_epoch):
            try:
                inputs = next(self.batches)
            except InputError:
                self.save_checkpoint()
                raise
            yield inputs
            self.reason = self.stop.reason
            if self.reason:
                return
            if time.monotonic() - self.saved_at > self.arguments.checkpoint_minutes * 60:
                self.save_checkpoint()

    def note_step(self, epoch, measured, real, fake):
        """Note the measurements of a step. Ten times a second those noted are read, stored and shown.

        Args:
            epoch: The epoch's number, from 1.
            measured: The five numbers of `support.run.history.MEASURED`, which may still be on the device.
            real: The step's real pictures.
            fake: The fakes of D's turn.

        Raises:
            FloatingPointError: If a loss is not a finite number.
        """
        step = (len(self.history.steps) + len(self.unread)) % self.steps_per_epoch
        if step % STEPS_BETWEEN_LOOKS == 0:
            self.pictures_to_look_at = (real, fake)
        self.unread.append((epoch, measured))
        if time.monotonic() - self.read_at > SECONDS_BETWEEN_READS:
            self.read_measurements()

    def read_measurements(self):
        """Store and show what was noted since the last call, and report if the game goes wrong.

        Raises:
            FloatingPointError: If a loss is not a finite number.
        """
        unread, self.unread = self.unread, []
        for epoch, measured in unread:
            measured = to_numbers(measured)
            self.monitor.check_finite(len(self.history.steps) + 1, *measured[:2])
            self.history.add(epoch, measured)
            self.progress.step(epoch, measured)
            self.log.scalars(len(self.history.steps), measured_for_tensorboard(measured))
            if self.pictures_to_look_at:
                real, fake = map(to_array, self.pictures_to_look_at)
                self.variety_share, self.pictures_to_look_at = variety(fake) / max(variety(real), 1e-6), None
            _, _, d_real, d_fake, _ = measured
            self.progress.say(self.monitor.watch(d_real=d_real, d_fake=d_fake, variety_share=self.variety_share))
        self.read_at = time.monotonic()

    def finish_epoch(self, epoch):
        """Write the files that are due after an epoch, also if Ctrl-C or `--minutes` cut it short.

        When the system is about to end the program (SIGTERM), only a checkpoint and the table are written.
        """
        self.read_measurements()
        last = bool(self.reason) or not self.steps_left
        if last or epoch % self.settings["save_every"] == 0:
            self.save_checkpoint()  # first, so that a later error cannot lose it
        if self.reason == "terminate" and self.steps_left:
            self.write_table()
            return
        self.written = self.write_epoch(epoch, last) or self.written
        gc.collect()  # the parts of a drawing hold each other, so Python would keep each one for many epochs
        self.progress.epoch(
            epoch,
            self.history.means(epoch, self.steps_per_epoch),
            self.history.steps_of(epoch, self.steps_per_epoch),
            self.history.seconds[epoch - 1],
            self.steps_left,
            self.history.scores.get(epoch),
        )
        if not self.steps_left:
            self.reason = None  # the request to stop came when nothing was left to do

    def save_checkpoint(self):
        """Write everything that `--resume` needs.

        Raises:
            InputError: If another run has taken the folder over.
        """
        self.folder.check_claim()
        self.read_measurements()
        variables = checkpoints.all_variables(self.players)
        groups = {name: checkpoints.copy_variables(group) for name, group in variables.items()}
        groups["history"] = [self.history.array()]
        about = {"settings": self.settings, "seconds": self.history.seconds, "scores": self.history.scores}
        checkpoints.save_checkpoint(self.folder.checkpoints, len(self.history.steps), groups, about)
        self.saved_at = time.monotonic()

    def write_table(self):
        """Write `history.csv`."""
        self.history.write_csv(self.folder.logs / "history.csv", self.steps_per_epoch, self.settings["batch_size"])

    def write_epoch(self, epoch, last):
        """Write the files that are due after an epoch, except its checkpoint.

        Args:
            epoch: Its number, from 1.
            last: True for the run's last epoch: then everything is due, except a score.

        Returns:
            The path of the generator that was saved, or None.

        Raises:
            InputError: If another run has taken the folder over.
        """
        self.folder.check_claim()
        path = self.folder.generator_path(epoch)
        save_due = last or self._is_due("save_every", epoch, path)
        plots_due = last or self._is_due("plot_every", epoch, plots.sample_path(self.folder.logs, epoch))
        steps = self.history.steps_of(epoch, self.steps_per_epoch)
        score_due = self.scorer and self.scorer.is_due(epoch, steps, self.steps_per_epoch)
        generator = self.make_generator() if plots_due or save_due or score_due else None
        if score_due:
            self._score(epoch, generator)
        self.write_table()
        if plots_due or save_due:
            sample = plots.take_sample(generator, self.pictures, self.settings)
        if plots_due:
            self._plot(epoch, sample)
        if not save_due:
            return None
        run_folder.save_generator(generator, path, self.information | {"epoch": epoch})
        self._report(sample)  # last: it is the least that could be lost
        return path

    def _is_due(self, often, epoch, path):
        """Say whether an epoch's file is due. One that is there was left by a stop in the middle of this epoch."""
        # All processes draw together, and only the first one has the folder.
        return bool(of_first_process(path.exists())) or epoch % self.settings[often] == 0

    def _score(self, epoch, generator):
        scores = self.history.scores
        self.scorer.score(generator, epoch, scores, self.folder.best_generator, self.information)
        self.log.scalars(len(self.history.steps), {scoring.NAME: scores[epoch]})
        plots.draw_plot(self.folder.logs / "score.png", plots.plot_scores, scores)

    def _plot(self, epoch, sample):
        grid = plots.draw_sample(self.folder.logs, sample, epoch)
        self.log.picture(len(self.history.steps), "generated", grid)
        plots.draw_history(self.folder.logs, self.history.array(), self.steps_per_epoch, self.loss["at_chance"])

    def _report(self, sample):
        title = report.title_of(self.settings, self.history, self.steps_per_epoch)
        about = (self.history, self.steps_per_epoch, self.loss["at_chance"], title)
        report.draw_report(self.folder.logs / report.REPORT, sample, *about)
        report.write_progress(self.folder.logs)
