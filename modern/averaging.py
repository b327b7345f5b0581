"""Averaged weights: a second generator, with the average of the weights of the one in training, draws better pictures.

    python -m modern.averaging          shows over how many steps the average reaches as training goes on

During training G's weights circle around a good solution, and their average lies nearer to it (Yazici et al. 2019,
https://arxiv.org/abs/1806.04498). Training itself uses the normal weights. Pictures are drawn and saved with a copy of
G that has the average of each weight over the last steps.
"""

import keras
import numpy as np
from keras import layers, ops


class AveragingAdam(keras.optimizers.Adam):
    """Adam that also averages the weights over the steps. The average does not influence the training.

    In each step, average = momentum * average + (1 - momentum) * weights. The momentum is (1 + t) / (10 + t) after t
    steps, up to its full value. So early in a run the average covers about the last tenth of the steps, and forgets the
    first weights, which are noise.
    """

    def __init__(self, learning_rate, beta_1, beta_2, momentum):
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, use_ema=True)
        self.full_momentum = momentum

    @property
    def ema_momentum(self):
        """The share of the old average that Keras keeps in each step."""
        steps = ops.cast(self.iterations, "float32")
        return ops.minimum(self.full_momentum, (1.0 + steps) / (10.0 + steps))

    @ema_momentum.setter
    def ema_momentum(self, momentum):
        """Ignore the constant that Keras sets here: the momentum is computed from the number of steps."""

    def averages(self):
        """Return the averages, in the order of the trained variables."""
        return [variable for variable in self.variables if variable.path.endswith("_average")]


def take_averages(generator, optimizer, batches=40, batch_size=32):
    """Give a generator the averaged weights, and batch normalization statistics that fit these weights.

    The statistics stored in training fit the normal weights, not the averaged ones: with them the averaged weights draw
    worse pictures than the normal ones. So this function measures the statistics again, on new noise.

    Args:
        generator: A copy of the generator that was trained, with its weights; changed in place.
        optimizer: The `AveragingAdam` that trained it.
        batches: Batches of noise to measure the statistics on; after 40, a share of 0.9^40 of the old ones is left.
        batch_size: Pictures in each.
    """
    for variable, average in zip(generator.trainable_variables, optimizer.averages(), strict=True):
        variable.assign(average)
    if not any(isinstance(layer, layers.BatchNormalization) for layer in generator.layers):
        return
    random = np.random.default_rng(0)
    class_count = next((layer.input_dim for layer in generator.layers if isinstance(layer, layers.Embedding)), 0)
    for _ in range(batches):
        inputs = random.standard_normal((batch_size, generator.inputs[0].shape[1]), dtype="float32")
        if class_count:
            inputs = [inputs, random.integers(class_count, size=(batch_size, 1), dtype="int32")]
        generator(inputs, training=True)


def adam_for_generator(learning_rate, beta_1, beta_2, averaging):
    """Make G's optimizer: an `AveragingAdam` with `averaging` as momentum, or Keras' own Adam if `averaging` is 0."""
    if averaging:
        return AveragingAdam(learning_rate, beta_1=beta_1, beta_2=beta_2, momentum=averaging)
    return keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2)


if __name__ == "__main__":
    optimizer = AveragingAdam(2e-4, beta_1=0.0, beta_2=0.99, momentum=0.999)
    optimizer.build([keras.Variable([0.0])])
    for steps in (0, 100, 1000, 10_000):
        optimizer.iterations.assign(steps)
        kept = float(optimizer.ema_momentum)
        print(
            f"after {steps:6,} steps the average keeps {kept:.4f} of itself: it looks back {1 / (1 - kept):5.0f} steps"
        )
