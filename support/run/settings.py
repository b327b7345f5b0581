"""Decides the settings of a run: a preset's or a stored run's, then the typed flags, then fitted to the pictures.

Every function returns its choice; it changes and prints nothing. It also returns remarks, lines for the user, which
`support.run.announce` prints.
"""

import math
import typing

from support.data.doctor import FEW_PICTURES
from support.data.npz import has_own_size
from support.run import folder as run_folder
from support.run.checkpoints import load_newest_checkpoint
from support.run.tensorboard_log import require_tensorboard
from support.system import machine
from support.system.errors import InputError
from support.system.several_devices import folder_to_write, of_first_process, process_number, refuse_unequal_parts

STEPS_AN_EPOCH = 8  # at least: with few pictures, many small steps teach more than few large ones
SMALLEST_BATCH = 16  # at least: batch normalization takes its statistics from the pictures of a batch
STEPS_A_PLOT, STEPS_A_SAVE = 100, 400  # at least: otherwise a run on few pictures would mostly plot and save
SWITCHES = ("label_smoothing", "dropout")  # numbers of which 0 means "off"
MAY_CHANGE_ON_RESUME = {"epochs", "save_every", "plot_every", "score_every", "data"}  # data: the same, but moved


class Tables(typing.NamedTuple):
    """The available choices: the tables of presets.py, train.py and defGAN.py."""

    presets: dict
    networks: dict
    losses: dict
    on_a_cpu: dict
    on_a_gpu: dict
    sources: dict


def in_plain_words(value):
    """Return a setting's value as a user types it: `[240, 360]` is "240x360", True is "yes", `[]` is "none"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "x".join(map(str, value)) if value and isinstance(value[0], int) else ",".join(value) or "none"
    return str(value)


def flag_of(name):
    """Return the flag of a setting: `--batch-size` of `batch_size`."""
    return "--" + name.replace("_", "-")


def typed_settings(arguments, names):
    """Return a dictionary of those settings in `names` that were typed as flags."""
    return {name: value for name, value in vars(arguments).items() if name in names and value is not None}


def choose_settings(arguments, tables):
    """Choose the settings of the run.

    Args:
        arguments: The parsed flags; a flag that was not typed is None.
        tables: The `Tables`.

    Returns:
        `(settings, remarks, folder, checkpoint)`: plain values, lines to print, the `RunFolder`, and what
        `load_newest_checkpoint` returned (None for a new run).

    Raises:
        InputError: If the folder already contains a run and no flag says what to do with it, or a flag contradicts the
            stored run, or TensorBoard is asked for and not installed.
    """
    if arguments.tensorboard:
        require_tensorboard()
    names = {"seed", *next(iter(tables.presets.values()))}
    typed = typed_settings(arguments, names)
    if arguments.resume:
        return resumed_settings(arguments, typed, tables)
    settings, remarks = new_settings(arguments, typed, tables)
    folder = run_folder.RunFolder(folder_to_write(arguments.out), settings["preset"])
    folder.check_place(settings["data"])
    folder.refuse_if_alive()
    if not arguments.overwrite:
        folder.refuse_if_used()
    return settings, remarks, folder, None


def resumed_settings(arguments, typed, tables):
    """Take the settings of the run that `--resume` continues. Returns and raises what `choose_settings` does."""
    if arguments.overwrite or arguments.dry_run:
        raise InputError("--resume goes on with a run, received --overwrite or --dry-run too; leave these out")
    folder = run_folder.find_run(arguments.out, arguments.preset)
    checkpoint, remarks = load_newest_checkpoint(folder.checkpoints)
    stored = checkpoint[2]["settings"]
    if stored["dry_run"]:
        raise InputError(f"--out {arguments.out} holds a dry run only, nothing to resume; start without --resume")
    if stored["preset"] not in tables.presets:
        raise InputError(f"--out {arguments.out} holds a run of preset {stored['preset']}, which presets.py lacks now")
    if "lesson_steps" not in stored and stored["loss"] != "relativistic":
        stored["averaging"] = 0.0  # older runs stored a value but did not average, unless their loss was relativistic
    settings = tables.presets[stored["preset"]] | stored  # a setting that is newer than the run gets its default
    if typed.get("mixed_precision") == "auto":  # it was chosen when the run began
        del typed["mixed_precision"]
    for name, value in typed.items():
        if name not in MAY_CHANGE_ON_RESUME and value != settings[name]:
            raise InputError(
                f"{flag_of(name)} is {in_plain_words(settings[name])} in this run, received {in_plain_words(value)}; "
                "leave it out, or use another --out"
            )
    if process_number() > 0:
        folder = run_folder.RunFolder(folder_to_write(folder.out), folder.preset)
    return settings | typed, remarks, folder, checkpoint


def new_settings(arguments, typed, tables):
    """Make the settings of a new run from its preset, the typed flags and the machine. Returns `(settings, remarks)`.

    Raises:
        InputError: If the preset needs pictures and none are named, or a typed value makes no sense.
    """
    preset = arguments.preset or "cifar10"
    settings = {"preset": preset, "seed": 0} | tables.presets[preset] | typed | {"dry_run": arguments.dry_run}
    settings, remarks = fit_to_machine(settings, tables.on_a_cpu, tables.on_a_gpu)
    settings = fit_to_game(settings, typed, tables)
    if arguments.dry_run:
        settings["epochs"] = 1
    if settings["data"] is None:
        raise InputError(
            f"preset {preset} needs pictures: give --data a folder, a .zip or an .npz, or use --preset shapes"
        )
    return settings, remarks


def fit_to_machine(settings, on_a_cpu, on_a_gpu):
    """Choose the settings that depend on the machine: the networks (None in the preset) and the precision ("auto").

    Args:
        settings: The settings of a new run.
        on_a_cpu: The values for a CPU, a dictionary from a name to a value.
        on_a_gpu: The same for a GPU. If a typed network or loss is in one of the two, all values come from that one.

    Returns:
        `(settings, remarks)`.
    """
    rows, accelerated = (on_a_cpu, on_a_gpu), machine.is_accelerated()
    network, loss = settings["network"], settings["loss"]
    chosen = next((row for row in rows if row["network"] == network), None)
    if chosen is None and network is None:
        chosen = next((row for row in rows if row["loss"] == loss), None)
    chosen = chosen or (on_a_gpu if accelerated else on_a_cpu)
    missing = {name: value for name, value in chosen.items() if settings[name] is None}
    if settings["learning_rate"] is not None:
        missing.pop("generator_learning_rate", None)  # one rate is typed or in the preset: both players use it
    fitted, remarks = settings | missing, []
    if missing:
        words = ", ".join(f"{name} {in_plain_words(value)}" for name, value in missing.items())
        remarks.append(f"chosen    {words}, as this machine has {'a GPU' if accelerated else 'no GPU'}")
    if fitted["mixed_precision"] == "auto":
        fitted["mixed_precision"] = machine.gains_from_bfloat16()
        kind = "bfloat16" if fitted["mixed_precision"] else "float32"
        remarks.append(f"precision {kind}, the faster one on this machine")
    return fitted, remarks


def refused(settings, tables):
    """Find the settings that this loss or these networks refuse.

    Returns:
        A dictionary from a setting's name to "loss" or "network".
    """
    names = {}
    for kind, table in (("network", tables.networks), ("loss", tables.losses)):
        chosen = table[settings[kind]]
        foreign = [name for row in table.values() for name in row["settings"] if name not in chosen["settings"]]
        names |= dict.fromkeys([*foreign, *chosen["refuses"]], kind)
    return names


def meaningless(settings, tables):
    """Find the settings that need not be shown: those of other losses and networks, and those of unused noise."""
    rows = (tables.networks[settings["network"]], tables.losses[settings["loss"]])
    switched_off = {name for row in rows for name in row["refuses"]}  # these are shown: in this run they are 0 or "no"
    names = set(refused(settings, tables)) - switched_off
    return names if "noise" in settings["augment"] else names | {"augment_noise"}


def fit_to_game(settings, typed, tables):
    """Switch off the settings that the loss or the networks refuse. Returns the settings.

    Raises:
        InputError: If such a setting was typed, or the loss does not fit the networks.
    """
    network = tables.networks[settings["network"]]
    if settings["loss"] in network.get("refuses_losses", []):
        fitting = [name for name in tables.losses if name not in network["refuses_losses"]]
        raise InputError(
            f"--loss {settings['loss']} does not go together with --network {settings['network']}; use --loss "
            f"{' or '.join(fitting)}, or another --network"
        )
    off = refused(settings, tables)
    for name, kind in off.items():
        if typed.get(name):
            raise InputError(
                f"{flag_of(name)} {in_plain_words(typed[name])} has no meaning with --{kind} {settings[kind]}; "
                f"leave it out, or choose another --{kind}"
            )
    if typed.get("augment_noise") and "noise" not in (settings["augment"] or []):
        raise InputError(
            f"--augment-noise {typed['augment_noise']} has no meaning without --augment noise; add it, or leave it out"
        )
    # Numbers that switch something on become 0; others (gamma, steps of a lesson) are ignored anyway.
    switches = [name for name in off if isinstance(settings[name], bool) or name in SWITCHES]
    return settings | {name: type(settings[name])(0) for name in switches}


def size_to_load(settings, arguments) -> tuple[int | None, int | None, int | None]:
    """Return height, width and channels to scale pictures to; None: an .npz keeps its own, as MNIST its 28x28 grey."""
    own = has_own_size(settings["data"]) and "data_fingerprint" not in settings
    height, width = (None, None) if own and not arguments.image_size else settings["image_size"]
    return height, width, None if own and not arguments.channels else settings["channels"]


def fit_to_pictures(settings, pictures, arguments, augmentations):
    """Fit the settings to the pictures: size, channels, fingerprint, and what few pictures need.

    Args:
        settings: What `choose_settings` returned.
        pictures: `defDATA.Pictures`.
        arguments: The parsed flags; a typed value never changes without a message.
        augmentations: The kinds of augmentation that few pictures get by default.

    Returns:
        `(settings, remarks)`.

    Raises:
        InputError: If there are too few or too small pictures, a typed batch is larger than the data, classes are
            required and missing, a resumed run has other pictures than at its start, or several devices cannot share a
            batch.
    """
    fingerprint = pictures.fingerprint()
    if settings.get("data_fingerprint", fingerprint) != fingerprint:
        raise InputError(
            f"the pictures in {settings['data']} are not those this run began with; give --data the old ones"
        )
    count, height, width, channels = pictures.images.shape
    if min(height, width) < 8:
        raise InputError(f"the pictures are {height}x{width}, below 8 on a side; enlarge them with --image-size 32")
    if count < 2:
        raise InputError(f"{pictures.source} holds one picture; a GAN needs hundreds to learn from")
    typed = typed_settings(arguments, settings)
    if settings["batch_size"] > count and "batch_size" in typed:
        raise InputError(f"--batch-size {settings['batch_size']} is more than the {count} pictures there are; lower it")
    size = {"image_size": [height, width], "channels": channels, "data_fingerprint": fingerprint}
    conditional, remarks = fit_to_classes(settings["conditional"], pictures)
    fitted = settings | size | {"conditional": conditional}
    if "data_fingerprint" not in settings:  # a new run
        if fitted["augment"] is None:
            fitted["augment"] = list(augmentations) if count < FEW_PICTURES else []
        for name, value in fit_to_count(settings, count, "batch_size" in typed).items():
            if value != settings[name] and name not in typed:
                remarks.append(f"the preset's {name} {settings[name]} becomes {value} for {count:,} pictures")
                fitted[name] = value
    refuse_unequal_parts(fitted["batch_size"])
    return fitted, remarks


def fit_to_classes(conditional, pictures):
    """Decide whether to train on classes: as the setting says; if it is None, when the pictures have classes.

    Returns:
        `(conditional, remarks)`.

    Raises:
        InputError: If classes are required and missing.
    """
    if conditional and not pictures.class_names:
        why = f" ({pictures.doubt})" if pictures.doubt else ""
        raise InputError(
            f"--conditional needs classes, and {pictures.source} has none{why}; make one folder a class, or "
            "--no-conditional"
        )
    if conditional is not None:
        return conditional, []
    count = len(pictures.class_names or [])
    if count < 2:
        return False, []
    if pictures.doubt:
        return False, [f"classes   none: {pictures.doubt} (--conditional: they are classes)"]
    return True, [f"classes   {count}, and they are trained on (--no-conditional: not)"]


def fit_to_minutes(settings, arguments, seconds, steps_per_epoch):
    """Give a new run enough epochs for `--minutes`, unless `--epochs` was typed: then the time decides when it ends.

    Args:
        settings: The run's settings.
        arguments: The parsed flags.
        seconds: Seconds per step, as the rehearsal measured them.
        steps_per_epoch: Steps of an epoch.

    Returns:
        `(settings, remarks)`.
    """
    if not arguments.minutes or arguments.epochs or arguments.resume or settings["dry_run"]:
        return settings, []
    enough = of_first_process(60 * arguments.minutes / (seconds * steps_per_epoch))
    if enough <= settings["epochs"]:
        return settings, []
    epochs = math.ceil(2 * enough)  # twice as many: steps may turn out faster than in the rehearsal
    remark = f"the preset's epochs {settings['epochs']:,} becomes {epochs:,}, so that --minutes decides when it ends"
    return settings | {"epochs": epochs}, [remark]


def fit_to_count(settings, count, batch_is_fixed):
    """Fit batch, plots and saves to the number of pictures: a preset's values are made for tens of thousands.

    Returns:
        A dictionary of the three settings.
    """
    fitting = min(settings["batch_size"], count, max(SMALLEST_BATCH, count // STEPS_AN_EPOCH))
    steps_an_epoch = math.ceil(count / (settings["batch_size"] if batch_is_fixed else fitting))
    return {
        "batch_size": fitting,
        "plot_every": max(settings["plot_every"], STEPS_A_PLOT // steps_an_epoch),
        "save_every": max(settings["save_every"], STEPS_A_SAVE // steps_an_epoch),
    }
