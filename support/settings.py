"""What a run is: a preset's row, or a stored run's settings, with what was typed, fitted to the pictures."""

import math

from support import machine, run_folder
from support.announce import in_plain_words
from support.checkpoints import load_newest_checkpoint
from support.errors import InputError

FEW_PICTURES = 2000  # fewer are augmented unless told: the smallest sets of the paper's section 4
STEPS_AN_EPOCH = 8  # at least: on few pictures many small steps teach more than a few large ones
SMALLEST_BATCH = 16  # below it, batch normalization knows too little
STEPS_A_PLOT, STEPS_A_SAVE = 100, 400  # at least: oftener, a run on few pictures would spend its time on them
MAY_CHANGE_ON_RESUME = {"epochs", "save_every", "plot_every", "score_every", "data"}  # data: the same, but moved


def choose_settings(arguments, presets, small, large):
    """Settle what the run is.

    Args:
        arguments: The parsed flags; None where one was not typed.
        presets: Dictionary from a preset's name to its row of values.
        small: As for `fit_to_machine`.
        large: As for `fit_to_machine`.

    Returns:
        `(settings, run, checkpoint)`: plain values, the `RunFolder`, and what `load_newest_checkpoint` returned (None
        for a new run).

    Raises:
        InputError: If the folder holds a run and none of the ways on was taken, or a flag contradicts the stored run.
    """
    names = {"seed", *next(iter(presets.values()))}
    typed = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    if arguments.resume:
        if arguments.overwrite or arguments.dry_run:
            raise InputError("--resume goes on with a run, received --overwrite or --dry-run too; leave these out")
        run = run_folder.find_run(arguments.out, arguments.preset)
        checkpoint = load_newest_checkpoint(run.checkpoints)
        settings = checkpoint[2]["settings"]
        if settings["dry_run"]:
            raise InputError(f"--out {arguments.out} holds a dry run only, nothing to resume; start without --resume")
        if "lesson_steps" not in settings and settings["loss"] != "relativistic":
            settings["averaging"] = 0.0  # a run from when it was stored, and done in the relativistic game alone
        settings = presets[settings["preset"]] | settings  # older runs lack newer settings
        for name, value in typed.items():
            if name not in MAY_CHANGE_ON_RESUME and value != settings[name]:
                flag, was = "--" + name.replace("_", "-"), in_plain_words(settings[name])
                raise InputError(
                    f"{flag} is {was} in this run, received {in_plain_words(value)}; leave it out, or use another --out"
                )
        return settings | typed, run, checkpoint

    preset = arguments.preset or "cifar10"
    settings = {"preset": preset, "seed": 0} | presets[preset] | typed
    settings["dry_run"] = arguments.dry_run
    fit_to_machine(settings, small, large)
    fit_to_game(settings, typed)
    if arguments.dry_run:
        settings["epochs"] = 1
    if settings["data"] is None:
        raise InputError(
            f"preset {preset} needs pictures: give --data a folder, a .zip or an .npz, or use --preset shapes"
        )
    run = run_folder.RunFolder(arguments.out, preset)
    run.check_place()
    if not arguments.overwrite:
        run.refuse_if_used()
    return settings, run, None


def fit_to_game(settings, typed):
    """Switch off, in place, what has no meaning with the loss or the network.

    Raises:
        InputError: If it was typed.
    """
    relativistic, taught = settings["loss"] == "relativistic", settings["network"] == "taught"
    if relativistic and taught:
        raise InputError(
            "--network taught has several logits, and --loss relativistic pairs one; use --loss hinge, or another "
            "--network"
        )
    with_loss = [] if settings["loss"] == "bce" else ["label_smoothing"]
    # A logit that depends on chance or on the other pictures would show slopes that are not D's.
    with_loss += (
        ["dropout", "discriminator_batch_normalization"] if relativistic else ["slope_weight", "slope_of_one_in"]
    )
    with_network = ["discriminator_batch_normalization"] if taught else ["lesson_steps"]
    for name in with_loss + with_network:
        if typed.get(name):
            flag, value = "--" + name.replace("_", "-"), in_plain_words(typed[name])
            why = "loss" if name in with_loss else "network"
            raise InputError(
                f"{flag} {value} has no meaning with --{why} {settings[why]}; leave it out, or choose another --{why}"
            )
    if typed.get("augment_noise") and "noise" not in (settings["augment"] or []):
        raise InputError(
            f"--augment-noise {typed['augment_noise']} has no meaning without --augment noise; add it, or leave it out"
        )
    for name in ("label_smoothing", "dropout", "discriminator_batch_normalization"):
        if name in with_loss + with_network:
            settings[name] = type(settings[name])(0)


def fit_to_machine(settings, small, large):
    """Choose, in place, what the preset leaves to the machine (None): the networks and the precision; and say so.

    Args:
        settings: A new run's.
        small: The settings for a CPU, a dictionary from a name to a value.
        large: The same for a GPU. A typed `network` or `loss` that is in one of the two takes the rest of that one.
    """
    accelerated = machine.is_accelerated()
    typed = (settings["network"], settings["loss"])
    chosen = next((row for row in (small, large) if row["network"] == typed[0]), None)
    chosen = chosen or next((row for row in (small, large) if typed[0] is None and row["loss"] == typed[1]), None)
    chosen = chosen or (large if accelerated else small)
    missing = [name for name in chosen if settings[name] is None]
    if settings["learning_rate"] is not None and "generator_learning_rate" in missing:
        missing.remove("generator_learning_rate")  # one rate was typed: it is both players'
    settings |= {name: chosen[name] for name in missing}
    if missing:
        words = ", ".join(f"{name} {in_plain_words(chosen[name])}" for name in missing)
        print(f"chosen    {words}, as this machine has {'a GPU' if accelerated else 'no GPU'}")
    if settings["mixed_precision"] is None:
        settings["mixed_precision"] = machine.gains_from_bfloat16()
        kind = "bfloat16" if settings["mixed_precision"] else "float32"
        print(f"precision {kind}, the faster one on this machine")


def wanted_size(settings, arguments):
    """Give the height, width and channels to bring pictures to; None for each that an .npz keeps.

    An .npz has a size of its own, and keeps it unless told otherwise: MNIST stays 28x28 and grey.
    """
    own = settings["data"].lower().endswith(".npz") and "data_fingerprint" not in settings
    height, width = (None, None) if own and not arguments.image_size else settings["image_size"]
    return height, width, None if own and not arguments.channels else settings["channels"]


def fit_to_pictures(settings, pictures, typed, augmentations):
    """Fit the settings to the pictures, in place: size, channels, and what few pictures need; and a fingerprint.

    Args:
        settings: What `choose_settings` returned.
        pictures: `defDATA.Pictures`.
        typed: Names of the settings that were typed: these do not change in silence.
        augmentations: The kinds of augmentation that few pictures get unless told.

    Raises:
        InputError: If there are too few or too small pictures, a typed batch is larger than the data, classes are
            asked for and missing, or a resumed run's pictures are not those that it began with.
    """
    fingerprint = pictures.fingerprint()
    resumed = "data_fingerprint" in settings
    if settings.setdefault("data_fingerprint", fingerprint) != fingerprint:
        raise InputError(
            f"the pictures in {settings['data']} are not those this run began with; give --data the old ones"
        )
    count, height, width, channels = pictures.images.shape
    settings["image_size"], settings["channels"] = [height, width], channels
    if min(height, width) < 8:
        raise InputError(f"the pictures are {height}x{width}, below 8 on a side; enlarge them with --image-size 32")
    if count < 2:
        raise InputError(f"{pictures.source} holds one picture; a GAN needs hundreds to learn from")
    if settings["conditional"] is None:
        settings["conditional"] = len(pictures.class_names or []) > 1
        if settings["conditional"]:
            print(f"classes   {len(pictures.class_names)}, and they are trained on (--no-conditional: not)")
    if settings["conditional"] and not pictures.class_names:
        raise InputError(
            f"--conditional needs classes, and {pictures.source} has none; make one folder a class, or --no-conditional"
        )
    if settings["batch_size"] > count and "batch_size" in typed:
        raise InputError(f"--batch-size {settings['batch_size']} is more than the {count} pictures there are; lower it")
    if resumed:
        return
    if settings["augment"] is None:
        settings["augment"] = list(augmentations) if count < FEW_PICTURES else []
    # The preset's values are meant for tens of thousands of pictures; with a few hundred an epoch is a few seconds.
    fitting = {"batch_size": min(settings["batch_size"], count, max(SMALLEST_BATCH, count // STEPS_AN_EPOCH))}
    batch_size = settings["batch_size"] if "batch_size" in typed else fitting["batch_size"]
    steps_an_epoch = math.ceil(count / batch_size)
    fitting["plot_every"] = max(settings["plot_every"], STEPS_A_PLOT // steps_an_epoch)
    fitting["save_every"] = max(settings["save_every"], STEPS_A_SAVE // steps_an_epoch)
    for name, value in fitting.items():
        if value != settings[name] and name not in typed:
            print(f"the preset's {name} {settings[name]} becomes {value} for {count:,} pictures")
            settings[name] = value
