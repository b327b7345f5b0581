"""Averaged weights: a second generator that follows the one in training, and draws the better pictures.

    python -m modern.averaging          shows how far back the average looks as the steps go on

G's weights circle around what they look for, and their average lies nearer to it (Yazici et al. 2019,
https://arxiv.org/abs/1806.04498). The players play on with the weights themselves; what is drawn and saved is a copy of
G with the average of each weight over the last steps.
"""

import keras
import numpy as np
from keras import layers, ops


class AveragingAdam(keras.optimizers.Adam):
    """Adam that also averages the weights over the steps; what is trained are still the weights themselves.

    Of each step's weights the average keeps 1 - momentum. The momentum grows to its full value as (1 + t) / (10 + t)
    after t steps: so the average always looks back over a tenth of the run, and the beginnings, which are noise, are
    forgotten.
    """

    def __init__(self, learning_rate, beta_1, beta_2, momentum):
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, use_ema=True)
        self.full_momentum = momentum

    @property
    def ema_momentum(self):
        """What Keras keeps of the average in each step."""
        steps = ops.cast(self.iterations, "float32")
        return ops.minimum(self.full_momentum, (1.0 + steps) / (10.0 + steps))

    @ema_momentum.setter
    def ema_momentum(self, momentum):
        """Ignore it: Keras sets a constant here, and the momentum is computed from the steps instead."""

    def averages(self):
        """Give the averages, in the order of the variables that are trained."""
        return [variable for variable in self.variables if variable.path.endswith("_average")]


def take_averages(generator, optimizer, batches=40, batch_size=32):
    """Give a generator the averaged weights, and statistics of batch normalization that belong to these.

    The statistics that were stored in training are those of the live weights, which are other weights: with them the
    averages draw worse pictures than the live weights do. So they are measured anew, on noise of its own.

    Args:
        generator: A copy of the generator that was trained, with its weights; changed in place.
        optimizer: The `AveragingAdam` that trained it.
        batches: How many batches of noise are drawn to measure the statistics; 0.9^40 of the old ones is left.
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
    """Make G's optimizer: an `AveragingAdam` of that momentum, or with `averaging` 0 Keras' own Adam."""
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
