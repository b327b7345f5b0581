"""The messages of train.py before and after a run. Only this file prints the settings."""

import shlex

from support.run.plots import REAL_FAKE
from support.run.report import PROGRESS, REPORT
from support.run.settings import in_plain_words, meaningless
from support.system.errors import printable
from support.system.machine import describe_machine, duration_in_words
from support.system.several_devices import device_count

THEMES = {
    "data": ["data", "image_size", "fit", "channels", "flip", "shuffle_window", "conditional"],
    "networks": ["network", "noise_size", "filters", "generator_batch_normalization"]
    + ["discriminator_batch_normalization", "dropout", "augment", "augment_noise", "lesson_steps", "mixed_precision"],
    "game": ["loss", "label_smoothing", "slope_weight", "slope_of_one_in", "batch_size", "epochs", "learning_rate"]
    + ["generator_learning_rate", "learning_rate_fall", "beta_1", "beta_2", "averaging", "seed"],
    "written": ["save_every", "plot_every", "score_every"],
}
WAITED_LONG = 0.05  # share of the time; waiting longer than this for pictures gets a hint


def say_settings(settings, remarks, tables, pictures, players, folder):
    """Describe the run: print the machine, the pictures, the settings by theme, the size of both networks.

    Args:
        settings: The run's settings.
        remarks: Lines that say what was chosen or changed, and why.
        tables: `support.run.settings.Tables`.
        pictures: `defDATA.Pictures`.
        players: `train.Players`.
        folder: The `RunFolder`.
    """
    for remark in remarks:
        print(remark)
    print(f"machine   {describe_machine()}")
    if device_count() > 1:
        print(f"devices   {device_count()} share each batch of {settings['batch_size']} pictures")
    print(f"pictures  {pictures.describe()}")
    for note in pictures.notes:
        print(printable(f"          {note}"))
    left_out = meaningless(settings, tables)
    for theme, names in THEMES.items():
        said = [name for name in names if name not in left_out and settings[name] is not None]
        print(f"{theme:9} " + ", ".join(f"{name} {in_plain_words(settings[name])}" for name in said))
    print(
        f"players   generator {players.generator.count_params():,} parameters, "
        f"discriminator {players.discriminator.count_params():,}"
    )
    print(f"out       {folder.out}")
    often = "epoch" if settings["plot_every"] == 1 else f"{settings['plot_every']} epochs"
    print(f"watch     {folder.logs / REAL_FAKE}: real pictures beside generated ones, new every {often}", flush=True)


def say_time(seconds, steps_per_epoch, settings, history, arguments, presets, remarks):
    """Print how long the run will take, computed from the seconds per step in the rehearsal; a dry run, the real one's.

    Args:
        seconds: Seconds per step.
        steps_per_epoch: Steps of an epoch; in a dry run, those that the real one will have.
        settings: The run's settings.
        history: The `History` of a resumed run; it is empty for a new one.
        arguments: The parsed flags.
        presets: The table of presets.
        remarks: Lines to print first.
    """
    for remark in remarks:
        print(remark)
    epochs, said = settings["epochs"], "in all"
    if settings["dry_run"]:
        epochs, said = arguments.epochs or presets[settings["preset"]]["epochs"], "for the real run"
        said += f" of {epochs:,} epoch{'s' * (epochs > 1)}"
    left = epochs * steps_per_epoch - len(history.steps)
    stop = f"; stops after {arguments.minutes:g} min" if arguments.minutes else ""
    print(
        f"time      {seconds * 1000:.0f} ms a step, {duration_in_words(seconds * steps_per_epoch)} an epoch of "
        f"{steps_per_epoch:,} steps, {duration_in_words(seconds * left)} {said}{stop}",
        flush=True,
    )


def say_what_next(run):
    """Print what a `TrainingRun` wrote, and the next command to type."""
    waited, folder = run.batches.share(), run.folder
    hint = "; smaller files on a faster disk would help, or more cores" if waited > WAITED_LONG else ""
    print(f"waited    {waited:.1%} of the time for pictures{hint}")
    resume = f"python train.py --resume --out {shlex.quote(str(folder.out))}"
    if run.reason:
        minutes = run.arguments.minutes or 0
        why = {"time": f"after {minutes:g} min", "interrupt": "by Ctrl-C", "terminate": "by the system"}
        epoch = 1 + (len(run.history.steps) - 1) // run.steps_per_epoch if run.history.steps else 0
        where = f"in epoch {epoch:,} of {run.settings['epochs']:,}" if epoch else "before the first step"
        print(f"stopped   {why[run.reason]}, {where}; everything is saved in {folder.checkpoints}")
    if not run.written:
        print(f"go on with: {resume}")
        return
    print(
        f"written   {run.written}: plain Keras layers, in the HDF5 format that Keras calls legacy and goes on reading"
    )
    if folder.best_generator.exists():
        print(f"          {folder.best_generator}: the epoch with the best score so far")
    print(f"open      {folder.logs / REPORT}: pictures and curves on one page")
    print(f"          {folder.logs / PROGRESS}: how the pictures came about, epoch by epoch")
    print(f"          {folder.logs}: sample plots, {REAL_FAKE}, losses.png, discriminator_output.png, history.csv")
    if run.settings["dry_run"]:
        print("          a dry run: the real one may be written into the same folder")
    else:
        longer = "" if run.reason else f" --epochs {2 * run.settings['epochs']}"
        print(f"go on with: {resume}{longer}")
    print(f"draw with: python samples.py {shlex.quote(str(run.written))}")
