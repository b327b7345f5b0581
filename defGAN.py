"""The game: generator -> discriminator as one model, the losses, and which player learns in which turn.

    python defGAN.py        plays three steps on random pictures and shows that each player moved in its own turn

A problem on Keras 3. The well-known order is: compile D; set `D.trainable = False`; compile generator -> D; then train
them in turns. Keras 2 remembered which weights were trainable when D was compiled. Keras 3 looks at the flag in every
step, so D never learns again, with at most a warning. G then learns to deceive a network of random weights.

The solution here. D is compiled alone and stays trainable. The combined model lists only G's variables in
`trainable_variables`, so its optimizer cannot change D, while gradients still flow *through* D to G. train.py checks
this at the start of every run, on every Keras version and backend.

This file needs only Keras and NumPy, nothing else of the suite: you can copy it into another project.
"""

import math

import keras
import numpy as np
from keras import ops


class CombinedModel(keras.Model):
    """Generator -> discriminator; training changes only the generator.

    Args:
        inputs: Keras inputs: those of G, and any further inputs of D.
        logits: D's output for G's pictures, as `combine` connects the two.
        generator: The only player that learns.
    """

    def __init__(self, inputs, logits, generator):
        super().__init__(inputs, logits, name="combined")
        self.generator = generator

    # TensorFlow and torch update `trainable_weights`, JAX `trainable_variables`: both hold only G's variables.
    @property
    def trainable_variables(self):
        return self.generator.trainable_variables

    @property
    def trainable_weights(self):
        return self.generator.trainable_weights

    # All other variables that the step reads or writes: D, seeds, batch-norm statistics. Without this JAX would
    # compile D's weights into the step as constants, and G would play against a D that never changes.
    @property
    def non_trainable_variables(self):
        own = {id(variable) for variable in self.generator.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in own]


def combine(generator, discriminator):
    """Connect generator -> discriminator to a `CombinedModel`.

    The model turns noise `(b, z)`, with classes a list of noise and class numbers `(b, 1)`, into logits `(b, 1)`: D's
    judgement of G's pictures. With classes D judges each picture as one of its class.
    """
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in generator.inputs]
    if len(inputs) == 1:
        return CombinedModel(inputs[0], discriminator(generator(inputs[0])), generator)
    return CombinedModel(inputs, discriminator([generator(inputs), inputs[1]]), generator)


class FakeMaker(keras.Model):
    """Make D's fakes in training mode, as in G's turn, in one compiled call.

    `generator.predict` runs in inference mode: its stored batch normalization statistics give other pictures than those
    G learns from. It also cuts the batch into pieces of 32. `generator(noise, training=True)` is not compiled.
    `predict_on_batch` of this model is compiled, takes the whole batch, and runs in training mode.

    Args:
        generator: Model from noise (and class numbers) to pictures.

    Example:
        fake = FakeMaker(generator).predict_on_batch(noise)  # numpy (b, height, width, channels): no gradient
    """

    def __init__(self, generator):
        super().__init__(name="fake_maker")
        self.generator = generator

    def call(self, inputs, training=None):
        return self.generator(inputs, training=True)


def binary_cross_entropy(label_smoothing=0.0):
    """Make the losses of the original game (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3).

    D maximises log D(x) + log(1 - D(G(z))). G maximises log D(G(z)), the non-saturating form of the same section: log(1
    - D(G(z))) hardly changes while D wins, so G would not learn from it. With D = sigmoid(logit), -log D is
    softplus(-logit) and -log(1 - D) is softplus(logit), which is exact for any logit.

    Args:
        label_smoothing: s in [0, 1): D's target for real pictures is 1 - s instead of 1, for fakes it stays 0
            (one-sided: Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4). G's target stays 1.
            Keras' own `label_smoothing` is two-sided: it would reward D for calling fakes a little real.

    Returns:
        `(discriminator_loss, generator_loss)`, two functions of `is_real` and `logits`, both `(b, 1)`, that return
        one loss for each picture, `(b, 1)`. A D that cannot tell (logit 0) has a loss of log 2 = 0.693.

    Raises:
        ValueError: If `label_smoothing` is not in [0, 1).
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(f"label smoothing must be at least 0 and below 1, received {label_smoothing}")

    def discriminator_loss(is_real, logits):
        target = ops.cast(is_real, logits.dtype) * (1.0 - label_smoothing)
        return target * ops.softplus(-logits) + (1.0 - target) * ops.softplus(logits)

    def generator_loss(is_real, logits):
        return ops.softplus(-logits)

    return discriminator_loss, generator_loss


def hinge():
    """Make the hinge losses (Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, equations 16, 17).

    D minimises max(0, 1 - D(x)) + max(0, 1 + D(G(z))), G minimises -D(G(z)), where D is the logit itself: D stops
    pushing pictures that it already tells apart by a margin of 1.

    Returns:
        `(discriminator_loss, generator_loss)`, as for `binary_cross_entropy`. A D that cannot tell (logit 0) has a
        loss of 1.
    """

    def discriminator_loss(is_real, logits):
        sign = 2.0 * ops.cast(is_real, logits.dtype) - 1.0  # 1 for real pictures, -1 for fakes
        return ops.relu(1.0 - sign * logits)

    def generator_loss(is_real, logits):
        return -logits

    return discriminator_loss, generator_loss


def least_squares():
    """Make the least-squares losses (Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 2, LSGAN).

    D minimises 1/2 (D(x) - 1)^2 + 1/2 (D(G(z)) + 1)^2, G minimises 1/2 (D(G(z)) - 1)^2, where D is the logit itself.
    D also pays for logits beyond 1 and -1, so they come back to 1 and -1, and G still gets a gradient from pictures far
    from there. These are the paper's a = -1, b = 1 and c = b. They replace its 0 and 1 for fake and real, so that a
    logit of 0 means "cannot tell", as with the other losses.

    Returns:
        `(discriminator_loss, generator_loss)`, as for `binary_cross_entropy`. A D that cannot tell (logit 0) has a
        loss of 1/2.
    """

    def discriminator_loss(is_real, logits):
        target = 2.0 * ops.cast(is_real, logits.dtype) - 1.0  # 1 for real pictures, -1 for fakes
        return 0.5 * ops.square(logits - target)

    def generator_loss(is_real, logits):
        return 0.5 * ops.square(logits - 1.0)  # G's target is "real"

    return discriminator_loss, generator_loss


# The losses of the classic game, for `--loss`. A row holds all that the rest of the suite must know of a loss; code
# outside this table never asks for a loss by its name.
#   functions               makes the two losses from the settings that are named in `settings`
#   says                    what `--help` says
#   settings                settings that only this loss has
#   refuses                 settings that make no sense with it: they must be 0 or False
#   at_chance               D's loss when it cannot tell real from fake: the dotted line in losses.png
#   sure                    D is sure of all when D(x) is above the first and D(G(z)) below the second: G then learns
#                           little. Hinge and least squares stop at logits of 1 and -1, whose sigmoids are 0.73 and 0.27
#                           (for a loss without such a limit: 1.0 and 0.0, which are never passed)
#   when_d_has_won          settings to change then, in the order in which to try them
#   when_g_has_collapsed    the same, when G's pictures have become copies of one another
# A game with rules of its own has two fields more, compile_turns and play_step: see `LOSS` in modern/relativistic.py.
LOSSES: dict[str, dict] = {
    "bce": {
        "functions": binary_cross_entropy,
        "says": "binary cross-entropy, the original game",
        "settings": ["label_smoothing"],
        "refuses": [],
        "at_chance": math.log(2),
        "sure": (0.97, 0.03),
        "when_d_has_won": ["augment", "label_smoothing", "dropout"],
        "when_g_has_collapsed": ["augment", "learning_rate"],
    },
    "hinge": {
        "functions": hinge,
        "says": "hinge: D stops at a margin of 1",
        "settings": [],
        "refuses": [],
        "at_chance": 1.0,
        "sure": (0.7, 0.3),
        "when_d_has_won": ["dropout"],
        "when_g_has_collapsed": ["learning_rate"],
    },
    "lsgan": {
        "functions": least_squares,
        "says": "least squares",
        "settings": [],
        "refuses": [],
        "at_chance": 0.5,
        "sure": (0.7, 0.3),
        "when_d_has_won": ["augment", "dropout"],
        "when_g_has_collapsed": ["augment", "learning_rate"],
    },
}


def mean_probability(of_these, logits):
    """Compute the mean of sigmoid(logit) over the pictures for which `of_these` `(b, 1)` is 1; 0 if there are none."""
    of_these = ops.broadcast_to(of_these, ops.shape(logits))  # the D of modern/taught.py gives several logits a picture
    return ops.sum(of_these * ops.sigmoid(logits)) / ops.maximum(ops.sum(of_these), 1.0)


def d_of_real(is_real, logits):
    """D(x): the mean probability that D gives to the real pictures of a batch, 0 where there are none."""
    return mean_probability(ops.cast(is_real, logits.dtype), logits)


def d_of_fake(is_real, logits):
    """D(G(z)): the mean probability that D gives to the fakes of a batch, 0 where there are none."""
    return mean_probability(1.0 - ops.cast(is_real, logits.dtype), logits)


def d_of_generated(is_real, logits):
    """D(G(z)) in G's turn, where all pictures are fakes; the target "real" does not matter."""
    return ops.mean(ops.sigmoid(logits))


def compile_players(generator, discriminator, losses, learning_rate=2e-4, beta_1=0.5, beta_2=0.999, optimizer=None):
    """Give each player its loss and its own Adam optimizer, and join them for G's steps.

    Args:
        generator: Model from noise to pictures. It is not compiled alone: it learns inside the combined model.
        discriminator: Model from pictures to logits. Compiled here, in place.
        losses: What `binary_cross_entropy` or another function of `LOSSES` returned.
        learning_rate: Adam's step size for both players.
        beta_1: Adam's memory of the gradient: 0.5, since 0.9 oscillates (Radford et al. 2016, section 4).
        beta_2: Adam's memory of the gradient's size; 0.999 is about 1,000 steps (Kingma and Ba 2015).
        optimizer: Another optimizer for G, for example the one of modern/averaging.py; None: Adam.

    Returns:
        The compiled `CombinedModel`. `train_on_batch(noise, ones)` is G's turn: its target is "real".
    """
    discriminator_loss, generator_loss = losses
    discriminator.compile(
        optimizer=keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2),
        loss=discriminator_loss,
        metrics=[d_of_real, d_of_fake],
    )
    combined = combine(generator, discriminator)
    combined.compile(
        optimizer=optimizer or keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2),
        loss=generator_loss,
        metrics=[d_of_generated],
    )
    # Adam's variables are made now, not in the first step, so that a checkpoint can be loaded before any step.
    discriminator.optimizer.build(discriminator.trainable_variables)
    combined.optimizer.build(combined.trainable_variables)
    return combined


if __name__ == "__main__":
    from discri_keras import classic_discriminator
    from gene_keras import classic_generator

    def copied(model):
        return [ops.convert_to_numpy(variable).copy() for variable in model.trainable_variables]

    def moved(model, before):
        same = [np.array_equal(old, new) for old, new in zip(before, copied(model), strict=True)]
        return "moved" if not all(same) else "stood still"

    generator, discriminator = classic_generator(filters=8), classic_discriminator(filters=8)
    combined, fake_maker = compile_players(generator, discriminator, binary_cross_entropy()), FakeMaker(generator)
    is_real, is_fake = np.ones((8, 1), "float32"), np.zeros((8, 1), "float32")
    for step in (1, 2, 3):
        random = np.random.default_rng(step)
        real = random.uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
        noise = random.standard_normal((2, 8, 100), dtype="float32")
        fake = fake_maker.predict_on_batch(noise[0])
        g_before, d_before = copied(generator), copied(discriminator)
        discriminator.train_on_batch(real, is_real)
        discriminator.train_on_batch(fake, is_fake)
        print(f"step {step}, D's turn: D {moved(discriminator, d_before)}, G {moved(generator, g_before)}", end="; ")
        g_before, d_before = copied(generator), copied(discriminator)
        combined.train_on_batch(noise[1], is_real)
        print(f"G's turn: G {moved(generator, g_before)}, D {moved(discriminator, d_before)}")
