"""The relativistic game: D says which of two pictures is more real, and pays for steep slopes.

    python -m modern.relativistic       plays three steps on random pictures and shows what moved

In the classic game (defGAN.py) D judges each picture alone. It may call a whole region of pictures fake for ever, and
G's pictures then crowd where D is weak. Here D judges *pairs*: a real picture and a generated one. Only the difference
of the two logits counts, so every generated picture is always compared with a real one (Jolicoeur-Martineau 2019,
https://arxiv.org/abs/1807.00734). This alone does not converge: the players still circle. The game comes to rest
because D also pays a price for its steepness at real and at generated pictures. So D must become flat when G's pictures
come near the real ones (Huang et al. 2024, https://arxiv.org/abs/2501.05441, section 2: "R3GAN").

Steepness is the size of a gradient, and training on it needs a gradient of a gradient, which is different code in each
backend. So the code estimates it: it adds a random step of length sigma to the picture, and measures how much the logit
changes (Lin et al. 2025, https://arxiv.org/abs/2501.08316, their approximated R1). The mean over many directions is the
squared gradient.
"""

import math

import keras
import numpy as np
from keras import layers, ops

import defGAN
from support.models.on_device import predict_on_batch, train_on_batch

STEP_LENGTH = 0.05  # pictures are in [-1, 1]: too small to see, but larger than bfloat16's rounding


def squared_slope(logits, logits_beside, step_length):
    """Estimate the squared length of D's gradient at each picture, from D's logits at the picture and at a noisy copy.

    The noisy copy ("beside") has normal noise of standard deviation `step_length` added to every value. The difference
    of the two logits is the scalar product of noise and gradient. Its mean square is step_length^2 |gradient|^2.

    Args:
        logits: D of the pictures, `(b, 1)`.
        logits_beside: D of the same pictures with noise, `(b, 1)`.
        step_length: The noise's standard deviation, above 0.

    Returns:
        `(b, 1)`.
    """
    return ops.square((logits_beside - logits) / step_length)


class DiscriminatorTurn(keras.Model):
    """D while it learns, from pairs of a real and a generated picture, and from its steepness at some of them.

    Args:
        discriminator: Model from pictures (and class numbers) to logits in float32, without batch normalization and
            dropout: with them a logit would also depend on the other pictures or on chance, and so would the slope.
        augmentation: A layer from pictures to pictures (modern/augment.py), or None. A picture and its noisy copy have
            the same view: the noise is added after the augmentation.
        step_length: Standard deviation of the noise that makes the noisy copy; pictures are in [-1, 1]. Use at least
            0.01 in bfloat16: its rounding hides smaller steps.
        slope_of_one_in: With 4 the slope is measured at one pair in 4; with 1 at all pairs. With 4 D's turn takes 1.25
            times as long as without slopes, with 1 twice as long. The estimate is noisier, but right on average.

    Input shape:
        A list of real and generated pictures, each `(b, height, width, channels)` in [-1, 1]. Pictures at the same
        place in both form a pair. With classes, the class numbers `(b, 1)` of the pairs come third.

    Output shape:
        `(b, 4)`: D(x), D(G(z)), and the mean squared slopes at real and at generated pictures (the same in all rows).
    """

    def __init__(self, discriminator, augmentation=None, step_length=STEP_LENGTH, slope_of_one_in=1):
        super().__init__(name="discriminator_turn")
        self.discriminator = discriminator
        self.augmentation = augmentation
        self.step_length = step_length
        self.slope_of_one_in = slope_of_one_in
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=None):
        real, fake, *classes = inputs
        count = ops.shape(real)[0]
        measured = (count + self.slope_of_one_in - 1) // self.slope_of_one_in
        pictures = ops.concatenate([real, fake])  # (2b, height, width, channels)
        if self.augmentation:
            pictures = self.augmentation(pictures, training=True)
        steep = ops.concatenate([pictures[:measured], pictures[count : count + measured]])
        noise = keras.random.normal(ops.shape(steep), dtype=steep.dtype, seed=self.seed_generator)
        pictures = ops.concatenate([pictures, steep + self.step_length * noise])
        if classes:
            some = classes[0][:measured]
            pictures = [pictures, ops.concatenate([classes[0], classes[0], some, some])]
        logits = self.discriminator(pictures, training=True)
        of_real, of_fake = logits[:count], logits[count : 2 * count]  # (b, 1)
        beside_real, beside_fake = logits[2 * count : 2 * count + measured], logits[2 * count + measured :]
        at_real = ops.mean(squared_slope(of_real[:measured], beside_real, self.step_length))
        at_fake = ops.mean(squared_slope(of_fake[:measured], beside_fake, self.step_length))
        rows = ops.ones_like(of_real)
        return ops.concatenate([of_real, of_fake, at_real * rows, at_fake * rows], axis=1)


def combine_pairs(generator, discriminator, augmentation=None):
    """Connect generator -> discriminator, with a real picture beside each generated one.

    Args:
        generator: Model from noise (and class numbers) to pictures.
        discriminator: As for `DiscriminatorTurn`.
        augmentation: As for `DiscriminatorTurn`. G learns from views too: otherwise it would learn to draw views.

    Returns:
        A `defGAN.CombinedModel`; training it moves only the generator. Its inputs are a list: noise `(b, z)`, with
        classes the class numbers `(b, 1)`, and real pictures `(b, height, width, channels)`. Its output is `(b, 2)`:
        D(x), D(G(z)).
    """
    tensors = [*generator.inputs, discriminator.inputs[0]]
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in tensors]
    noise, *classes, real = inputs

    def judge(pictures):
        if augmentation:
            pictures = augmentation(pictures, training=True)
        return discriminator([pictures, *classes] if classes else pictures)

    fake = generator([noise, *classes] if classes else noise)
    pair = layers.Concatenate(dtype="float32", name="pair")([judge(real), judge(fake)])
    return defGAN.CombinedModel(inputs, pair, generator)


def relativistic(gamma):
    """Make the relativistic losses with zero-centred penalties (Huang et al. 2024, section 2; R1 and R2).

    D minimises softplus(-(D(x) - D(G(z)))) + gamma / 2 (|gradient of D at x|^2 + |gradient of D at G(z)|^2), G
    minimises softplus(-(D(G(z)) - D(x))), where D is the logit itself.

    Args:
        gamma: Weight of the slopes, at least 0.

    Returns:
        `(discriminator_loss, generator_loss)`: functions of a target, which they ignore, and of the output of
        `DiscriminatorTurn` or of the model of `combine_pairs`; each returns `(b,)`. If D is flat and cannot tell real
        from fake, its loss is log 2 = 0.693.

    Raises:
        ValueError: If `gamma` is below 0.
    """
    if gamma < 0:
        raise ValueError(f"the weight of the slopes, gamma, must be at least 0, received {gamma}")

    def discriminator_loss(_, turn):
        return ops.softplus(turn[:, 1] - turn[:, 0]) + gamma / 2.0 * (turn[:, 2] + turn[:, 3])

    def generator_loss(_, pair):
        return ops.softplus(pair[:, 0] - pair[:, 1])

    return discriminator_loss, generator_loss


def d_of_real(_, pair):
    """D(x) of this game: the mean probability that D gives to the real picture of a pair (to be the real one)."""
    return ops.mean(ops.sigmoid(pair[:, 0] - pair[:, 1]))


def d_of_fake(_, pair):
    """D(G(z)) of this game: the mean probability that D gives to the generated picture of a pair, 1 - D(x)."""
    return 1.0 - d_of_real(_, pair)


def compile_turns(
    generator,
    discriminator,
    augmentation=None,
    slope_weight=1.0,
    slope_of_one_in=1,
    learning_rate=2e-4,
    beta_1=0.0,
    beta_2=0.99,
    optimizer=None,
):
    """Make the model through which each player learns, each with its own loss and its own Adam.

    Args:
        generator: Model from noise to pictures.
        discriminator: Model from pictures to logits, without batch normalization and dropout.
        augmentation: A layer from pictures to pictures, or None.
        slope_weight: gamma of `relativistic`.
        slope_of_one_in: As for `DiscriminatorTurn`.
        learning_rate: Adam's step size for both players.
        beta_1: Adam's memory of the gradient; 0 (no memory) is enough with these losses (as in Huang et al. 2024).
        beta_2: Adam's memory of the gradient's size; 0.99 is about 100 steps (as in Huang et al. 2024).
        optimizer: Another optimizer for G, for example the one of modern/averaging.py; None: Adam.

    Returns:
        `(discriminator_turn, combined)`, compiled: `discriminator_turn.train_on_batch([real, fake], zeros)` is D's
        step, `combined.train_on_batch([noise, real], zeros)` is G's.

    Raises:
        ValueError: If D has batch normalization or dropout, or `slope_weight` is below 0.
    """
    unsteady = (layers.BatchNormalization, layers.Dropout)
    for layer in discriminator.layers:
        if isinstance(layer, unsteady):
            raise ValueError(
                f"the relativistic game needs a discriminator without batch normalization and dropout, "
                f"received the layer {layer.name}"
            )
    discriminator_loss, generator_loss = relativistic(slope_weight)
    discriminator_turn = DiscriminatorTurn(discriminator, augmentation, slope_of_one_in=slope_of_one_in)
    discriminator_turn.compile(
        optimizer=keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2),
        loss=discriminator_loss,
        metrics=[d_of_real, d_of_fake],
    )
    combined = combine_pairs(generator, discriminator, augmentation)
    optimizer = optimizer or keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2)
    combined.compile(optimizer=optimizer, loss=generator_loss, metrics=[d_of_fake])
    # Adam's variables are made now, not in the first step, so that a checkpoint can be loaded before any step.
    discriminator_turn.optimizer.build(discriminator.trainable_variables)
    combined.optimizer.build(combined.trainable_variables)
    return discriminator_turn, combined


def play_step(players, real, classes, noise, check=None):
    """Play one step of this game, where D judges pairs. Arguments and values are those of `train.play_step`."""
    class_inputs = [] if classes is None else [classes]
    fake = predict_on_batch(players.fake_maker, [noise[0], *class_inputs] if class_inputs else noise[0])
    no_target = np.zeros((real.shape[0], 1), "float32")  # the losses compare two logits, not a logit with a target

    # (1) D: maximise log sigmoid(D(x) - D(G(z))), minus the price of its slopes at x and at G(z)
    on_pairs = train_on_batch(players.discriminator_turn, [real, fake, *class_inputs], no_target)
    if check:
        check.moved(players.discriminator)

    # (2) G: maximise log sigmoid(D(G(z)) - D(x)). D stands still.
    on_generated = train_on_batch(players.combined, [noise[1], *class_inputs, real], no_target)
    if check:
        check.moved(players.generator)
    measured = (on_pairs["loss"], on_generated["loss"], on_pairs["d_of_real"], on_pairs["d_of_fake"])
    return (*measured, on_generated["d_of_fake"]), fake


# The row of this loss: the entries of the rows of `defGAN.LOSSES`, and its own turns and step. It refuses dropout and
# batch normalization: with them a logit depends on chance, or on the other pictures of a batch, and so do its slopes.
LOSS = {
    "says": "pairs, as R3GAN",
    "settings": ["slope_weight", "slope_of_one_in"],
    "refuses": ["dropout", "discriminator_batch_normalization"],
    "at_chance": math.log(2),  # the loss of a flat D
    "sure": (0.97, 0.03),
    "when_d_has_won": ["slope_weight"],
    "when_g_has_collapsed": ["learning_rate"],
    "compile_turns": compile_turns,
    "play_step": play_step,
}


if __name__ == "__main__":
    from modern.residual import residual_discriminator, residual_generator
    from support.run.rehearsal import StepCheck

    generator, discriminator = residual_generator(filters=4), residual_discriminator(filters=4)
    discriminator_turn, combined = compile_turns(generator, discriminator)
    make_fakes = defGAN.FakeMaker(generator)
    for step in (1, 2, 3):
        random = np.random.default_rng(step)
        real = random.uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
        noise = random.standard_normal((2, 8, 128), dtype="float32")
        check = StepCheck(generator, discriminator)
        d_loss = discriminator_turn.train_on_batch([real, make_fakes.predict_on_batch(noise[0])], np.zeros((8, 1)))[0]
        check.moved(discriminator)
        g_loss = combined.train_on_batch([noise[1], real], np.zeros((8, 1)))[0]
        check.moved(generator)
        print(f"step {step}: D's loss {d_loss:.3f}, then G's loss {g_loss:.3f}; each moved in its own step alone")
