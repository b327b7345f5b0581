"""What train.py says before a run and after it."""

import shlex

from support.machine import describe_machine, in_words

THEMES = {
    "data": ["data", "image_size", "fit", "channels", "flip", "shuffle_window", "conditional"],
    "networks": ["network", "noise_size", "filters", "generator_batch_normalization"]
    + ["discriminator_batch_normalization", "dropout", "augment", "mixed_precision"],
    "noise": ["augment_noise"],
    "game": ["loss", "label_smoothing", "batch_size", "epochs", "learning_rate"]
    + ["generator_learning_rate", "beta_1", "beta_2", "averaging", "seed"],
    "pairs": ["slope_weight", "slope_of_one_in"],
    "lesson": ["lesson_steps"],
    "written": ["save_every", "plot_every", "score_every"],
}

WAITED_LONG = "; smaller files on a faster disk would help, or more cores"


def in_plain_words(value):
    """Say a setting's value as it is typed: `[240, 360]` is "240x360", True is "yes", `[]` is "none"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "the same"  # generator_learning_rate, as the line before
    if isinstance(value, list):
        return "x".join(map(str, value)) if value and isinstance(value[0], int) else ",".join(value) or "none"
    return str(value)


def say_settings(settings, pictures, generator, discriminator, run):
    """Print what the run is: the machine, the pictures, the settings by theme, the size of both networks."""
    print(f"machine   {describe_machine()}")
    print(f"pictures  {pictures.describe()}")
    has_meaning = {
        "noise": "noise" in settings["augment"],
        "pairs": settings["loss"] == "relativistic",
        "lesson": settings["network"] == "taught",
    }
    for theme, names in THEMES.items():
        if not has_meaning.get(theme, True):
            continue
        print(f"{theme:9} " + ", ".join(f"{name} {in_plain_words(settings[name])}" for name in names))
    print(
        f"players   generator {generator.count_params():,} parameters, discriminator {discriminator.count_params():,}"
    )
    print(f"out       {run.out}", flush=True)


def say_time(seconds, steps_per_epoch, steps_left, minutes):
    """Print the time to expect, from the seconds that a step took in the rehearsal."""
    stop = f"; stops after {minutes:g} min" if minutes else ""
    print(
        f"time      {seconds * 1000:.0f} ms a step, {in_words(seconds * steps_per_epoch)} an epoch of "
        f"{steps_per_epoch:,} steps, {in_words(seconds * steps_left)} in all{stop}",
        flush=True,
    )


def say_what_next(run, written, reason, waited, settings):
    """Print what was written and the next command to type.

    Args:
        run: The `RunFolder`.
        written: Path of the last generator, or None.
        reason: What ended the run early, as in `support.stopping`, or None.
        waited: Share of the time that was spent waiting for pictures, 0 to 1.
        settings: The run's settings.
    """
    print(f"waited    {waited:.1%} of the time for pictures" + (WAITED_LONG if waited > 0.05 else ""))
    resume = f"python train.py --resume --out {shlex.quote(str(run.out))}"
    if reason in ("interrupt", "terminate"):
        print(f"stopped; everything is saved in {run.checkpoints}")
        print(f"go on with: {resume}")
        return
    print(f"written   {written}: plain Keras layers, in the HDF5 format that Keras calls legacy and goes on reading")
    print(f"          {run.logs}: sample plots, real_fake.png, losses.png, discriminator_output.png, history.csv")
    if run.best_generator.exists():
        print(f"          {run.best_generator}: the epoch with the best score so far")
    if settings["dry_run"]:
        print("          a dry run: the real one may be written into the same folder")
    else:
        more = "" if reason else f" --epochs {2 * settings['epochs']}"
        print(f"          {run.checkpoints}: to go on, {resume}{more}")
    print(f"draw with: python samples.py {shlex.quote(str(written))}")
