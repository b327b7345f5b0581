"""Train a generative adversarial network (GAN), and watch it learn.

    python train.py --preset shapes --out runs/shapes     no download; draws ten kinds of shape after four minutes
    python train.py --epochs 200                          CIFAR-10, the classic: first animals after hours
    python train.py --preset folder --data my_pictures    your own pictures

From top to bottom: tables, players, a step of the game (`play_step`), the loop (`train`), `main`. Presets: presets.py.
"""

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras: keeps its start quiet)

import functools
import math
import sys
import typing

import keras
import numpy as np

import defDATA
import defGAN
import discri_keras
import gene_keras
from modern import relativistic, residual, taught
from modern.augment import FOR_FEW_PICTURES, KINDS, Augmentation
from modern.averaging import adam_for_generator, take_averages
from modern.falling import set_learning_rates
from presets import ON_A_CPU, ON_A_GPU, PRESETS
from support.models.on_device import as_one_call, predict_on_batch, train_on_batch  # Keras', without a wait for numbers
from support.models.precision import in_float32
from support.run import announce, checkpoints, claims, flags, rehearsal
from support.run import settings as run_settings
from support.run.training_run import TrainingRun
from support.system import machine, several_devices
from support.system.errors import one_line_errors

# The networks that `--network` takes. A row holds all that the rest of the suite must know of them:
#   generator, discriminator   the functions that build them
#   says                       what `--help` says
#   settings                   settings that only these networks have
#   refuses                    settings that make no sense with them: they must be 0 or False
#   refuses_losses, lesson, play_step    optional: losses that do not fit, a lesson before the game, another step
NETWORKS: dict[str, dict] = {
    "classic": {
        "generator": gene_keras.classic_generator,
        "discriminator": discri_keras.classic_discriminator,
        "says": "the CIFAR-10 GAN's",
        "settings": [],
        "refuses": [],
    },
    "dcgan": {
        "generator": gene_keras.dcgan_generator,
        "discriminator": discri_keras.dcgan_discriminator,
        "says": "made for batch normalization",
        "settings": [],
        "refuses": [],
    },
    "smooth": {
        "generator": gene_keras.smooth_generator,
        "discriminator": discri_keras.dcgan_discriminator,
        "says": "G enlarges by interpolation: no weave",
        "settings": [],
        "refuses": [],
    },
    "residual": residual.NETWORK,
    "taught": taught.NETWORK,
}
# The losses that `--loss` takes: those of the classic game, and those of a game with other rules.
LOSSES: dict[str, dict] = defGAN.LOSSES | {"relativistic": relativistic.LOSS}


class Players(typing.NamedTuple):
    """The two networks, and the models in which they learn and draw."""

    generator: keras.Model
    discriminator: keras.Model
    combined: keras.Model  # G learns in it: noise -> G -> D
    fake_maker: keras.Model  # G draws the fakes for D's turn in it
    discriminator_turn: keras.Model  # D learns in it: D itself, or with the relativistic loss a model around D
    plain_generator: keras.Model  # draws samples and is saved: G in float32, with averaged weights if there are any


def network_size(settings, class_count):
    """Return the settings that both networks share."""
    height, width = settings["image_size"]
    size = {"height": height, "width": width, "class_count": class_count}
    return size | {name: settings[name] for name in ("channels", "filters")}


def build_generator(settings, class_count):
    """Build the generator that the settings describe; without classes `class_count` is 0."""
    return NETWORKS[settings["network"]]["generator"](
        noise_size=settings["noise_size"],
        batch_normalization=settings["generator_batch_normalization"],
        **network_size(settings, class_count),
    )


def build_players(settings, class_count):
    """Build G and D, and join them for the game. Returns `Players`."""
    loss, augmentation = LOSSES[settings["loss"]], None
    if settings["augment"]:
        augmentation = Augmentation(settings["augment"], noise_deviation=settings["augment_noise"])
    generator = build_generator(settings, class_count)
    discriminator = NETWORKS[settings["network"]]["discriminator"](
        batch_normalization=settings["discriminator_batch_normalization"],
        dropout=settings["dropout"],
        augmentation=None if "compile_turns" in loss else augmentation,  # then the turns do the augmentation
        **network_size(settings, class_count),
    )
    rehearsal.check_inputs(generator, discriminator, class_count)
    adam = {name: settings[name] for name in ("learning_rate", "beta_1", "beta_2")}
    adam_of_g = adam | {"learning_rate": settings["generator_learning_rate"] or settings["learning_rate"]}
    optimizer = adam_for_generator(**adam_of_g, averaging=settings["averaging"])
    loss_settings = {name: settings[name] for name in loss["settings"]}
    if "compile_turns" in loss:
        discriminator_turn, combined = loss["compile_turns"](
            generator, discriminator, augmentation, **loss_settings, **adam, optimizer=optimizer
        )
    else:
        discriminator_turn, losses = discriminator, loss["functions"](**loss_settings)
        combined = defGAN.compile_players(generator, discriminator, losses, **adam, optimizer=optimizer)
    plain_generator = generator
    if settings["mixed_precision"] or settings["averaging"]:
        with in_float32():
            plain_generator = build_generator(settings, class_count)
    fake_maker = defGAN.FakeMaker(generator)
    return Players(generator, discriminator, combined, fake_maker, discriminator_turn, plain_generator)


def play_step(players, real, classes, noise, check=None):
    """Play one step of the game: D's turn, then G's.

    `step_of` may compile it. Then Python runs it only once: draw random numbers in it with keras.random, not NumPy.

    Args:
        players: What `build_players` returned.
        real: Real pictures, float32 `(b, height, width, channels)` in [-1, 1].
        classes: Their class numbers `(b, 1)`, or None. The fakes are made of the same classes.
        noise: float32 `(2, b, z)` from a standard normal distribution: for D's turn, and for G's.
        check: A `support.run.rehearsal.StepCheck`, or None.

    Returns:
        `(measured, fake)`, on the device: D's loss, G's loss, D(x), D(G(z)) in D's and in G's turn; and D's fakes.
    """
    generator, discriminator, combined, fake_maker, *_ = players
    is_real = np.ones((real.shape[0], 1), "float32")
    is_fake = np.zeros_like(is_real)

    def with_classes(inputs):
        return inputs if classes is None else [inputs, classes]

    # The fakes are made in training mode, as in G's turn. They are plain numbers, so G does not learn here.
    fake = predict_on_batch(fake_maker, with_classes(noise[0]))

    # (1) D: maximise log D(x) + log(1 - D(G(z)))                  (the other losses: see defGAN.py)
    on_real = train_on_batch(discriminator, with_classes(real), is_real)
    on_fake = train_on_batch(discriminator, with_classes(fake), is_fake)
    if check:
        check.moved(discriminator)

    # (2) G: maximise log D(G(z)), so that D calls its pictures real. D does not change.
    on_g = train_on_batch(combined, with_classes(noise[1]), is_real)
    if check:
        check.moved(generator)
    d_loss = (on_real["loss"] + on_fake["loss"]) / 2  # the mean over both kinds of picture
    return (d_loss, on_g["loss"], on_real["d_of_real"], on_fake["d_of_fake"], on_g["d_of_generated"]), fake


def step_of(settings, players):
    """Return the function that plays a step: `play_step`, unless the loss or the network has another one."""
    loss, network = LOSSES[settings["loss"]], NETWORKS[settings["network"]]
    step = loss.get("play_step") or network.get("play_step") or play_step
    return as_one_call(step, checkpoints.variables_of(players)) if machine.gains_from_one_call() else step


def steps_in_epoch(pictures, settings):
    """Count the steps of an epoch, one pass over the real pictures; a dry run has two."""
    return 2 if settings["dry_run"] else math.ceil(len(pictures) / settings["batch_size"])


def step_inputs(pictures, settings, epoch, step):
    """Make the inputs of a step from the seed, the epoch and the step alone, so a resumed run gets the same ones.

    Returns:
        `(images, classes, noise)`: uint8 `(b, height, width, channels)`, and the rest as `play_step` takes it.
    """
    how = {name: settings[name] for name in ("batch_size", "seed", "shuffle_window", "flip")}
    images, classes = defDATA.batch_of_step(pictures, epoch, step, **how)
    random = np.random.default_rng([settings["seed"], epoch, step])
    noise = random.standard_normal((2, len(images), settings["noise_size"]), dtype="float32")
    return images, classes if settings["conditional"] else None, noise


def generator_to_draw(players, settings):
    """Return the plain generator with the weights that G has now; if weights are averaged, with the averages."""
    if players.plain_generator is not players.generator:
        players.plain_generator.set_weights(players.generator.get_weights())
    if settings["averaging"]:
        take_averages(players.plain_generator, players.combined.optimizer)
    return players.plain_generator


def train(play, lesson, players, run):
    """Play the game, epoch after epoch. `run` (a TrainingRun) gives the batches, shows progress, saves and stops."""
    with run:
        if lesson and run.is_new:
            run.teach(lesson, players.discriminator)
        for epoch in run.epochs_left():
            for images, classes, noise in run.batches_left(epoch):  # made by `step_inputs`, ahead of time
                real = defDATA.to_floats(images)
                set_learning_rates(players, run.settings, run.share_played)
                measured, fake = play(players, real, classes, noise)
                run.note_step(epoch, measured, real, fake)
            run.finish_epoch(epoch)


def main(arguments=None):
    """Train with the settings of the flags."""
    with one_line_errors("train.py"), claims.given_back():
        arguments = flags.parse_arguments(arguments, PRESETS, NETWORKS, LOSSES, KINDS, defDATA.SOURCES)
        several_devices.use_devices(arguments.devices)
        tables = run_settings.Tables(PRESETS, NETWORKS, LOSSES, ON_A_CPU, ON_A_GPU, defDATA.SOURCES)
        settings, remarks, folder, checkpoint = run_settings.choose_settings(arguments, tables)
        size = run_settings.size_to_load(settings, arguments)
        pictures = defDATA.load_pictures(
            settings["data"], *size, settings["seed"], settings["fit"], folder.picture_cache
        )
        settings, fitted = run_settings.fit_to_pictures(settings, pictures, arguments, FOR_FEW_PICTURES)
        machine.set_random_seed(settings["seed"])
        keras.config.set_dtype_policy("mixed_bfloat16" if settings["mixed_precision"] else "float32")
        players = build_players(settings, class_count=len(pictures.class_names) if settings["conditional"] else 0)
        history = checkpoints.put_back(players, checkpoint)
        resumed, checkpoint = checkpoint is not None, None  # frees memory: it is three times as large as the networks
        steps_per_epoch = steps_in_epoch(pictures, settings)
        folder.refuse_if_finished(settings, history, steps_per_epoch)

        announce.say_settings(settings, remarks + fitted, tables, pictures, players, folder)
        images, classes, noise = step_inputs(pictures, settings, 1, 0)
        play, lesson = step_of(settings, players), NETWORKS[settings["network"]].get("lesson")
        seconds = rehearsal.rehearse(play, players, defDATA.to_floats(images), classes, noise, settings, not resumed)
        settings, remarks = run_settings.fit_to_minutes(settings, arguments, seconds, steps_per_epoch)
        of_real_run = steps_in_epoch(pictures, settings | {"dry_run": False})
        announce.say_time(seconds, of_real_run, settings, history, arguments, PRESETS, remarks)
        folder.prepare(resume=resumed)
        folder.write_settings(settings | {"versions": machine.versions()})
        inputs = functools.partial(step_inputs, pictures, settings)  # a function of an epoch and a step
        drawer = functools.partial(generator_to_draw, players, settings)
        run = TrainingRun(
            arguments, settings, tables, folder, history, pictures, players, inputs, drawer, steps_per_epoch
        )
        train(play, lesson, players, run)
        announce.say_what_next(run)
    return run.exit_code


if __name__ == "__main__":
    sys.exit(main())
