"""Train a generative adversarial network, and watch it learn.

    python train.py --preset shapes --out runs/shapes     no download; all ten kinds after 3.5 minutes
    python train.py --epochs 200                          CIFAR-10, the classic: 0.55 s a step, things after an hour
    python train.py --preset folder --data my_pictures    pictures of your own

(Measured on two cores of an AMD EPYC with Keras 3.15.1 and TensorFlow 2.21.)

The game, a step at a time, is `play_step`; the rest loads, shows and saves. Every value of a preset is also a flag, and
`--help` says what each is for. Left out on purpose: a trainer class, callbacks and configuration files.
"""

import support.silent_start  # noqa: F401  # isort: skip  (before Keras)

import math
import sys
import time
import typing

import keras
import numpy as np

import augment_keras
import averaging_keras
import defDATA
import defGAN
import defR3GAN
import discri_keras
import eye_keras
import gene_keras
import residual_keras
import sketching_keras
import taught_keras
from support import checkpoints, flags, machine, memory, rehearsal, scoring
from support.announce import say_settings, say_time, say_what_next
from support.errors import InputError, one_line_errors
from support.history import History
from support.monitor import Monitor, variety
from support.progress import Progress
from support.read_ahead import ReadAhead
from support.run_record import RunRecord
from support.settings import choose_settings, fit_to_pictures, wanted_size
from support.stopping import StopRequest
from support.tensorboard_log import measured, open_log, require_tensorboard

# One row a published system, plain values. `CLASSIC` is the CIFAR-10 GAN; the others say where they differ from it.
CLASSIC = {
    # the pictures
    "data": "cifar10",
    "image_size": [32, 32],  # height, width
    "channels": 3,
    "fit": "cover",  # other proportions: scaled until they cover the size, the centre cut out
    "flip": False,  # half of the real pictures mirrored, left to right
    "shuffle_window": 0,  # 0: mix all
    "conditional": False,
    # the two networks
    "network": "classic",
    "noise_size": 100,
    "filters": 128,
    "generator_batch_normalization": False,
    "discriminator_batch_normalization": False,
    "dropout": 0.4,  # in the discriminator
    "augment": None,  # before the discriminator; None: augment_keras.FOR_FEW_PICTURES below 2,000, else none
    "augment_noise": augment_keras.NOISE,  # standard deviation, where noise is among these
    "mixed_precision": False,
    # the game
    "loss": "bce",
    "label_smoothing": 0.0,
    "batch_size": 128,
    "epochs": 200,
    "learning_rate": 2e-4,
    "generator_learning_rate": None,  # None: the same
    "beta_1": 0.5,
    "beta_2": 0.999,
    "averaging": 0.0,  # the generator that is drawn keeps 1 - averaging of each step's weights; 0: it is the live one
    # the relativistic game alone
    "slope_weight": 1.0,  # gamma, the price on D's steepness
    "slope_of_one_in": 4,  # measured at one pair of pictures in so many
    # the taught network alone
    "lesson_steps": eye_keras.STEPS,  # batches from which D's eye learns before the first step
    # what is written
    "save_every": 10,
    "plot_every": 1,
    "score_every": 0,  # 0: never, for it takes as long as some steps
}
DCGAN = (
    CLASSIC
    | {"network": "dcgan", "filters": 64, "dropout": 0.0}
    | {"generator_batch_normalization": True, "discriminator_batch_normalization": True}
)
PRESETS = {
    "cifar10": CLASSIC,
    "cifar100": CLASSIC
    | {"data": "cifar100", "generator_batch_normalization": True, "loss": "hinge", "batch_size": 256, "epochs": 50},
    "cars": DCGAN
    | {"data": "hub://activeloop/stanford-cars-train", "image_size": [240, 360], "flip": True}
    | {"shuffle_window": 8000, "label_smoothing": 0.1}
    | {"epochs": 800, "learning_rate": 1e-4, "save_every": 100},
    "folder": DCGAN | {"data": None, "image_size": [64, 64], "flip": True, "filters": 32},
    "shapes": DCGAN  # what of all this learns ten shapes fastest on a laptop's CPU: small, by class, D held back
    | {"data": "shapes", "image_size": [32, 32], "conditional": True, "filters": 32, "dropout": 0.4}
    | {"label_smoothing": 0.1, "batch_size": 64, "epochs": 22, "learning_rate": 4e-4, "plot_every": 2},
    "modern": CLASSIC  # None: as the pictures and the machine are, see below
    | {"flip": True, "conditional": None, "noise_size": 128, "dropout": 0.0, "mixed_precision": None}
    | dict.fromkeys(["network", "filters", "generator_batch_normalization", "batch_size", "learning_rate", "loss"])
    | {"beta_1": 0.0, "beta_2": 0.99, "averaging": 0.999},
}
# What `modern` leaves to the machine. On a CPU, which shows few pictures in minutes, a small G learns most from a D
# that was taught to see: the game is not spent on that. A GPU has time for R3GAN's game of large networks.
SMALL = {"network": "taught", "filters": 32, "generator_batch_normalization": True}
SMALL |= {"batch_size": 32, "learning_rate": 8e-4, "generator_learning_rate": 1.6e-3, "loss": "hinge"}
LARGE = {"network": "residual", "filters": 96, "generator_batch_normalization": False}
LARGE |= {"batch_size": 64, "learning_rate": 2e-4, "generator_learning_rate": 2e-4, "loss": "relativistic"}
NETWORKS = {
    "classic": (gene_keras.classic_generator, discri_keras.classic_discriminator),
    "dcgan": (gene_keras.dcgan_generator, discri_keras.dcgan_discriminator),
    "residual": (residual_keras.residual_generator, residual_keras.residual_discriminator),
    "taught": (sketching_keras.sketching_generator, taught_keras.taught_discriminator),
}


def steps_in_epoch(pictures, settings):
    """Count the steps of an epoch, one pass over the real pictures; a dry run has two."""
    return 2 if settings["dry_run"] else math.ceil(len(pictures) / settings["batch_size"])


def network_size(settings, class_count):
    """Give what the settings say of both networks alike."""
    return {
        "height": settings["image_size"][0],
        "width": settings["image_size"][1],
        "channels": settings["channels"],
        "filters": settings["filters"],
        "class_count": class_count,
    }


def build_generator(settings, class_count):
    """Build the generator that the settings describe; `class_count` 0 for one without classes."""
    return NETWORKS[settings["network"]][0](
        noise_size=settings["noise_size"],
        batch_normalization=settings["generator_batch_normalization"],
        **network_size(settings, class_count),
    )


class Players(typing.NamedTuple):
    """The two networks, and the models through which they learn and draw."""

    generator: keras.Model
    discriminator: keras.Model
    combined: keras.Model  # G as it learns
    fake_maker: keras.Model  # G as it draws for D's turn
    discriminator_turn: keras.Model  # D as it learns: D itself or, from pairs, a `defR3GAN.DiscriminatorTurn`


def build_players(settings, class_count):
    """Build G and D, and join them for the game. Returns `Players`."""
    generator = build_generator(settings, class_count)
    augmentation = None
    if settings["augment"]:
        augmentation = augment_keras.Augmentation(settings["augment"], noise_deviation=settings["augment_noise"])
    relativistic = settings["loss"] == "relativistic"
    more = {"batch_normalization": settings["discriminator_batch_normalization"]}
    discriminator = NETWORKS[settings["network"]][1](
        dropout=settings["dropout"],
        augmentation=None if relativistic else augmentation,  # the relativistic turns augment by themselves
        **({} if settings["network"] == "taught" else more),
        **network_size(settings, class_count),
    )
    adam = {name: settings[name] for name in ("learning_rate", "beta_1", "beta_2")}
    own = {"learning_rate": settings["generator_learning_rate"] or settings["learning_rate"]}
    optimizer = averaging_keras.adam(**(adam | own), averaging=settings["averaging"])  # G's
    if relativistic:
        slopes = {name: settings[name] for name in ("slope_weight", "slope_of_one_in")}
        discriminator_turn, combined = defR3GAN.compile_players(
            generator, discriminator, augmentation, **slopes, **adam, optimizer=optimizer
        )
    else:
        hinge = settings["loss"] == "hinge"
        losses = defGAN.hinge() if hinge else defGAN.binary_cross_entropy(settings["label_smoothing"])
        combined = defGAN.compile_players(generator, discriminator, losses, **adam, optimizer=optimizer)
        discriminator_turn = discriminator
    return Players(generator, discriminator, combined, defGAN.FakeMaker(generator), discriminator_turn)


def play_step(players, real, classes, noise, check=None):
    """Play one step of the game: D's turn, then G's.

    Args:
        players: What `build_players` returned.
        real: Real pictures, float32 `(b, height, width, channels)` in [-1, 1].
        classes: Their class numbers `(b, 1)`, or None. The fakes are made of the same classes.
        noise: float32 `(2, b, z)` from a standard normal distribution: for D's turn, and for G's.
        check: A `defGAN.StepCheck`, or None.

    Returns:
        `(values, fake)`: D's loss, G's loss, D(x), D(G(z)) in D's turn and in G's turn; and D's fakes.
    """
    generator, discriminator, combined, fake_maker, discriminator_turn = players
    if discriminator_turn is not discriminator:
        return play_relativistic_step(players, real, classes, noise, check)
    count = len(real)
    is_real, is_fake = np.ones((count, 1), "float32"), np.zeros((count, 1), "float32")

    def with_classes(inputs):
        return inputs if classes is None else [inputs, classes]

    # The fakes are made in training mode, as in G's turn, but G does not learn here: they come as plain numbers.
    fake = fake_maker.predict_on_batch(with_classes(noise[0]))

    # (1) D: maximise log D(x) + log(1 - D(G(z)))          (with --loss hinge: see defGAN.py)
    if defGAN.normalizes_batches(discriminator):
        on_real = discriminator.train_on_batch(with_classes(real), is_real, return_dict=True)
        on_fake = discriminator.train_on_batch(with_classes(fake), is_fake, return_dict=True)
        d_loss, d_real, d_fake = (on_real["loss"] + on_fake["loss"]) / 2, on_real["d_of_real"], on_fake["d_of_fake"]
    else:
        both = np.concatenate([real, fake])
        labels = np.concatenate([is_real, is_fake])
        inputs = both if classes is None else [both, np.concatenate([classes, classes])]
        on_both = discriminator.train_on_batch(inputs, labels, return_dict=True)
        d_loss, d_real, d_fake = on_both["loss"], on_both["d_of_real"], on_both["d_of_fake"]
    if check:
        check.moved(discriminator)

    # (2) G: maximise log D(G(z)), through a D that stands still
    on_generated = combined.train_on_batch(with_classes(noise[1]), is_fake, return_dict=True)
    if check:
        check.moved(generator)
    values = (d_loss, on_generated["loss"], d_real, d_fake, on_generated["d_of_fake"])
    return tuple(float(value) for value in values), fake


def play_relativistic_step(players, real, classes, noise, check=None):
    """Play one step of the relativistic game (defR3GAN.py), where D judges pairs; the same arguments and values."""
    more = [] if classes is None else [classes]
    fake = players.fake_maker.predict_on_batch([noise[0], *more] if more else noise[0])
    no_target = np.zeros((len(real), 1), "float32")

    # (1) D: maximise log sigmoid(D(x) - D(G(z))), minus the price of its slopes at x and at G(z)
    on_pairs = players.discriminator_turn.train_on_batch([real, fake, *more], no_target, return_dict=True)
    if check:
        check.moved(players.discriminator)

    # (2) G: maximise log sigmoid(D(G(z)) - D(x)), through a D that stands still
    on_generated = players.combined.train_on_batch([noise[1], *more, real], no_target, return_dict=True)
    if check:
        check.moved(players.generator)
    values = (on_pairs["loss"], on_generated["loss"], on_pairs["d_of_real"], on_pairs["d_of_fake"])
    return tuple(float(value) for value in (*values, on_generated["d_of_fake"])), fake


def step_inputs(pictures, settings, epoch, step):
    """Make what a step needs: a function of the seed, the epoch and the step alone, so a resumed run sees the same.

    Returns:
        `(images, classes, noise)`: uint8 `(b, height, width, channels)`, and the rest as `play_step` takes it.
    """
    seed = settings["seed"]
    order = defDATA.epoch_order(len(pictures), settings["batch_size"], seed, epoch, settings["shuffle_window"])
    chosen = order[step % len(order)]  # a dry run's second step, where all pictures make one batch
    images = pictures.images[chosen]
    if settings["flip"]:
        mirrored = np.random.default_rng([seed, epoch, step, 1]).random(len(images)) < 0.5
        images[mirrored] = images[mirrored, :, ::-1]
    classes = pictures.labels[chosen].reshape(-1, 1) if settings["conditional"] else None
    noise_shape = (2, len(chosen), settings["noise_size"])
    noise = np.random.default_rng([seed, epoch, step]).standard_normal(noise_shape, dtype="float32")
    return images, classes, noise


def rehearse(players, pictures, settings):
    """Play a few steps and take them back: prove that each player moves in its own turn alone, and time a step.

    Returns:
        Seconds a step takes, compilation left out.

    Raises:
        InputError: If a player stands still or moves in the other's turn, so that training would be in vain; or if
            the batch is too large for the memory.
    """
    images, classes, noise = step_inputs(pictures, settings, 1, 0)
    real = defDATA.to_floats(images)

    def play(count, check=None):
        play_step(players, real[:count], None if classes is None else classes[:count], noise[:, :count], check)

    memory.refuse_too_large_a_batch(players[:2], len(real), memory.free_memory())
    with memory.or_propose_a_batch(play, len(real)):
        return rehearsal.prove_and_time(play, len(real), players, defGAN.StepCheck, settings["learning_rate"])


def plain_generator(players, settings, class_count):
    """Give the generator that is drawn and saved: plain float32 layers, with averaged weights where they are kept."""
    if not (settings["mixed_precision"] or settings["averaging"]):
        return players.generator
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    plain = build_generator(settings, class_count)
    keras.config.set_dtype_policy(policy)
    plain.set_weights(players.generator.get_weights())
    if settings["averaging"]:
        averaging_keras.take_averages(plain, players.combined.optimizer)
    return plain


def teach_to_see(players, pictures, settings, stop, say):
    """Teach the eye of a D that has one, before the first step; `say` prints a line before and one after."""
    if settings["network"] != "taught":
        return
    classes = pictures.labels if settings["conditional"] else None
    steps = 2 if settings["dry_run"] else settings["lesson_steps"]
    more = {"steps": steps, "flip": settings["flip"], "seed": settings["seed"], "may_go_on": lambda: not stop.reason}
    what = "how pictures were turned" if classes is None else "their classes"
    say(f"lesson    D's eye learns to tell {what} before the game, {steps:,} steps at most")
    start = time.monotonic()
    made, share = eye_keras.teach(players.discriminator.get_layer("eye"), pictures.images, classes, **more)
    say(f"lesson    over after {made:,} steps, {time.monotonic() - start:.0f} s: {share:.0%} told right")


def train(players, pictures, settings, run, history, arguments):
    """Play epoch after epoch, and write as it goes.

    Returns:
        `(written, reason, waited)`: the last generator's path, or None; what ended the run early ("time", "interrupt",
        "terminate"), or None; and the share of the time that was spent waiting for pictures.
    """
    steps_per_epoch = steps_in_epoch(pictures, settings)
    class_names = pictures.class_names if settings["conditional"] else []
    scorer = None
    if settings["score_every"]:
        import evaluate  # only a run that asks for scores pays for it

        scorer = scoring.Scorer(evaluate.QuickDistance(pictures.images), settings, class_names)

    def inputs_of(number):
        epochs_before, step = divmod(number, steps_per_epoch)
        return step_inputs(pictures, settings, epochs_before + 1, step)

    def generator_to_draw():
        return plain_generator(players, settings, len(class_names))

    epochs_played, steps_played = divmod(len(history.steps), steps_per_epoch)
    batches = ReadAhead(inputs_of, range(len(history.steps), settings["epochs"] * steps_per_epoch))
    monitor = Monitor(settings["loss"], settings["label_smoothing"])
    variety_share, written, reason = 1.0, None, None
    history.start_clock()
    with (
        StopRequest(arguments.minutes) as stop,
        Progress(settings, steps_per_epoch, len(history.steps)) as progress,
        open_log(arguments.tensorboard, run.logs / "tensorboard", len(history.steps) + 1) as log,
    ):
        record = RunRecord(run, settings, history, pictures, steps_per_epoch, log, scorer)
        if not history.steps:
            teach_to_see(players, pictures, settings, stop, progress.say)
            if stop.reason in ("interrupt", "terminate"):
                record.save_checkpoint(players)  # of a game not begun: resumed, it begins with the lesson
                return None, stop.reason, batches.share()
        if epochs_played and not steps_played:  # it may have been killed after this epoch's checkpoint
            last = epochs_played == settings["epochs"]
            written = record.write_epoch(epochs_played, last, generator_to_draw)
        for epoch in range(epochs_played + 1, settings["epochs"] + 1):
            for step in range(steps_played, steps_per_epoch):
                try:
                    images, classes, noise = next(batches)
                except InputError:  # the pictures' folder is gone
                    record.save_checkpoint(players)
                    raise
                real = defDATA.to_floats(images)
                values, fake = play_step(players, real, classes, noise)
                monitor.check_finite(len(history.steps) + 1, *values[:2])
                history.add(epoch, values)
                progress.step(epoch, values)
                log.scalars(len(history.steps), measured(values))
                if step % 10 == 0:  # often enough, and cheap
                    variety_share = variety(fake) / max(variety(real), 1e-6)
                progress.say(monitor.watch(d_real=values[2], d_fake=values[3], variety_share=variety_share))
                reason = stop.reason
                if reason:
                    break
                if time.monotonic() - record.saved_at > arguments.checkpoint_minutes * 60:
                    record.save_checkpoint(players)
            steps_left = settings["epochs"] * steps_per_epoch - len(history.steps)
            interrupted = reason in ("interrupt", "terminate") and steps_left
            last = reason or not steps_left
            if last or epoch % settings["save_every"] == 0:
                record.save_checkpoint(players)  # before all else: it is what a later mishap must not cost
            if interrupted:
                record.write_table()
                return written, reason, batches.share()
            written = record.write_epoch(epoch, last, generator_to_draw) or written
            steps, seconds = history.steps_of(epoch, steps_per_epoch), history.seconds[epoch - 1]
            means, score = history.means(epoch, steps_per_epoch), history.scores.get(epoch)
            progress.epoch(epoch, means, steps, seconds, steps_left, score)
            if reason:
                return written, reason if steps_left else None, batches.share()
            steps_played = 0
    return written, None, batches.share()


def main(arguments=None):
    """Train as the flags say."""
    with one_line_errors("train.py"):
        arguments = flags.parse_arguments(arguments, PRESETS, NETWORKS, augment_keras.KINDS)
        if arguments.tensorboard:
            require_tensorboard()
        settings, run, checkpoint = choose_settings(arguments, PRESETS, SMALL, LARGE)
        pictures = defDATA.load_pictures(
            settings["data"], *wanted_size(settings, arguments), settings["seed"], settings["fit"], run.picture_cache
        )
        typed = {name for name, value in vars(arguments).items() if value is not None}
        fit_to_pictures(settings, pictures, typed, augment_keras.FOR_FEW_PICTURES)
        keras.utils.set_random_seed(settings["seed"])
        keras.config.set_dtype_policy("mixed_bfloat16" if settings["mixed_precision"] else "float32")
        players = build_players(settings, len(pictures.class_names) if settings["conditional"] else 0)
        resumed = checkpoint is not None
        history = checkpoints.put_back(players, checkpoint) if resumed else History()
        del checkpoint  # three times the networks' size: not to be kept while they train
        steps_per_epoch = steps_in_epoch(pictures, settings)
        left = settings["epochs"] * steps_per_epoch - len(history.steps)
        if left < 0 or (left == 0 and run.generator_path(settings["epochs"]).exists()):
            played = len(history.steps) // steps_per_epoch
            raise InputError(
                f"the run in {run.out} has played {played} epochs already, received --epochs {settings['epochs']}; "
                f"go on with --resume --epochs {played + 100}"
            )

        say_settings(settings, pictures, players[0], players[1], run)
        seconds = rehearse(players, pictures, settings)
        say_time(seconds, steps_per_epoch, left, arguments.minutes)
        run.prepare(resume=resumed)
        run.write_settings(settings | {"versions": machine.versions()})
        try:
            written, reason, waited = train(players, pictures, settings, run, history, arguments)
        except FloatingPointError as error:
            kept = checkpoints.checkpoint_paths(run.checkpoints)
            raise InputError(
                f"{error}; {f'the last good checkpoint is {kept[-1]}' if kept else 'no checkpoint was saved yet'}; "
                "start again with a smaller --learning-rate and another --out"
            ) from None
        say_what_next(run, written, reason, waited, settings)
    return {"interrupt": 130, "terminate": 143}.get(reason, 0)  # as shells count a process that a signal ended


if __name__ == "__main__":
    sys.exit(main())
