"""The game: generator -> frozen discriminator, the two losses, and what moves in which step.

    python defGAN.py        plays three steps on random pictures and shows what moved

The trap on Keras 3. The well-known order is: compile D; set `D.trainable = False`; compile generator -> D; then
alternate. Keras 2 remembered what was trainable when D was compiled. Keras 3 looks at the flag in every step, so
D never moves again, for good, with at most a warning, and G learns to please a network of random weights.

The way here. D is compiled by itself and stays trainable. The combined model says which variables are its own:
`trainable_variables` are G's alone, so its optimizer cannot move D, while gradients still flow *through* D to G.
`StepCheck` proves it at the start of every run, whatever the Keras version or backend.
"""

import keras
import numpy as np
from keras import ops


class CombinedModel(keras.Model):
    """Generator -> discriminator, where training moves the generator alone.

    Args:
        inputs: Keras inputs: what G draws from, and whatever D needs beside it.
        logits: What D says of what G made of them, as `combine` connects the two.
        generator: The one player that moves.
    """

    def __init__(self, inputs, logits, generator):
        super().__init__(inputs, logits, name="combined")
        self.generator = generator

    # TensorFlow and torch update `trainable_weights`, JAX `trainable_variables`: both are G's and nobody else's.
    @property
    def trainable_variables(self):
        return self.generator.trainable_variables

    @property
    def trainable_weights(self):
        return self.generator.trainable_weights

    # Everything else the step reads or writes: D, seeds, batch-norm statistics. Without this JAX would bake D's
    # weights into the compiled step as constants, and G would play against a D that never changes.
    @property
    def non_trainable_variables(self):
        own = {id(variable) for variable in self.generator.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in own]


def combine(generator, discriminator):
    """Connect generator -> discriminator to a `CombinedModel`.

    It turns noise `(b, z)`, with classes a list of that and class numbers `(b, 1)`, into logits `(b, 1)`: what D
    thinks of what G made, judged as a picture of that class.
    """
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in generator.inputs]
    if len(inputs) == 1:
        return CombinedModel(inputs[0], discriminator(generator(inputs[0])), generator)
    return CombinedModel(inputs, discriminator([generator(inputs), inputs[1]]), generator)


class FakeMaker(keras.Model):
    """Make D's fakes as G makes its own in training, in one compiled call.

    `generator.predict` would be in inference mode (batch normalization by stored statistics: other pictures than
    those G learns from) and cuts the batch into pieces of 32; `generator(noise, training=True)` by itself is not
    compiled. `predict_on_batch` of this model is compiled, whole, and in training mode.

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

    D maximises log D(x) + log(1 - D(G(z))). G maximises log D(G(z)), the non-saturating form of the same section:
    log(1 - D(G(z))) hardly changes while D wins, and G would not learn. With D = sigmoid(logit),
    -log D is softplus(-logit) and -log(1 - D) is softplus(logit), exact for any logit.

    Args:
        label_smoothing: s in [0, 1): D's target for real pictures is 1 - s instead of 1, for fakes it stays 0
            (one-sided: Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 3.4). G's target stays 1.
            Keras' own `label_smoothing` is two-sided, which would reward D for calling fakes half real.

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


def d_of_real(is_real, logits):
    """D(x): the mean probability that D gives to the real pictures of a batch, 0 where there are none."""
    is_real = ops.broadcast_to(ops.cast(is_real, logits.dtype), ops.shape(logits))  # D may have several logits
    return ops.sum(is_real * ops.sigmoid(logits)) / ops.maximum(ops.sum(is_real), 1.0)


def d_of_fake(is_real, logits):
    """D(G(z)): the mean probability that D gives to the fakes of a batch, 0 where there are none."""
    return d_of_real(1.0 - ops.cast(is_real, logits.dtype), logits)


def compile_players(generator, discriminator, losses, learning_rate=2e-4, beta_1=0.5, beta_2=0.999, optimizer=None):
    """Give each player its loss and an Adam optimizer of its own, and join them for G's steps.

    Args:
        generator: Model from noise to pictures. It needs no compiling of its own: it learns inside the combined model.
        discriminator: Model from pictures to logits. Compiled here, in place.
        losses: What `binary_cross_entropy` or `hinge` returned.
        learning_rate: Adam's step size for both players.
        beta_1: Adam's memory of the gradient: 0.5, as 0.9 oscillates (Radford et al. 2016, section 4).
        beta_2: Adam's memory of the gradient's size; 0.999 is about 1,000 steps (Kingma and Ba 2015).
        optimizer: G's, if it shall be another one, as the Adam of averaging_keras.py.

    Returns:
        The compiled `CombinedModel`, whose `train_on_batch(noise, zeros)` is G's step.
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
        metrics=[d_of_fake],
    )
    # Made now rather than in the first step, so that a checkpoint can be put back before any step was played.
    discriminator.optimizer.build(discriminator.trainable_variables)
    combined.optimizer.build(combined.trainable_variables)
    return combined


def normalizes_batches(model):
    """Say whether a model has batch normalization: then real and fake must pass it in two calls.

    In one call each half would be normalised by the mixture's mean, and the answer for a fake would depend on the
    real pictures beside it.
    """
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


class StepCheck:
    """Prove in one step that each player moves in its own turn, and only there.

    Args:
        generator: The generator.
        discriminator: The discriminator.

    Example:
        check = StepCheck(generator, discriminator)
        discriminator.train_on_batch(...)
        check.moved(discriminator)
        combined.train_on_batch(...)
        check.moved(generator)
    """

    def __init__(self, generator, discriminator):
        self.players = (generator, discriminator)
        self.before = [self._weights(player) for player in self.players]

    @staticmethod
    def _weights(player):
        return {variable.path: np.array(ops.convert_to_numpy(variable)) for variable in player.trainable_variables}

    def moved(self, mover):
        """Compare with the weights before this turn.

        Args:
            mover: The player whose turn it was.

        Raises:
            RuntimeError: If a kernel of the mover stood still, or any trainable variable of the other one moved.
        """
        now = [self._weights(player) for player in self.players]
        for player, old, new in zip(self.players, self.before, now, strict=True):
            if player is mover:
                still = [path for path in new if path.endswith("kernel") and old[path].tobytes() == new[path].tobytes()]
                if still or not new:
                    what = ", ".join(still) or "no trainable variables at all"
                    raise RuntimeError(f"the {player.name} does not learn: its step left {what} unchanged")
            else:
                moved = [path for path in new if old[path].tobytes() != new[path].tobytes()]
                if moved:
                    raise RuntimeError(f"the {player.name} moved in the {mover.name}'s step: {', '.join(moved)}")
        self.before = now


if __name__ == "__main__":
    from discri_keras import classic_discriminator
    from gene_keras import classic_generator

    generator, discriminator = classic_generator(filters=8), classic_discriminator(filters=8)
    combined, make_fakes = compile_players(generator, discriminator, binary_cross_entropy()), FakeMaker(generator)
    for step in (1, 2, 3):
        random = np.random.default_rng(step)
        real = random.uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
        noise = random.standard_normal((2, 8, 100), dtype="float32")
        fake = make_fakes.predict_on_batch(noise[0])
        check = StepCheck(generator, discriminator)
        d_loss = discriminator.train_on_batch(np.concatenate([real, fake]), np.repeat([[1.0], [0.0]], 8, axis=0))[0]
        check.moved(discriminator)
        g_loss = combined.train_on_batch(noise[1], np.zeros((8, 1), "float32"))[0]
        check.moved(generator)
        print(f"step {step}: D's loss {d_loss:.3f}, then G's loss {g_loss:.3f}; each moved in its own step alone")
