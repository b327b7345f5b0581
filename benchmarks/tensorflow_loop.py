"""The game as TensorFlow's DCGAN tutorial plays it, on the same networks: for speed.py.

https://www.tensorflow.org/tutorials/generative/dcgan: both networks learn in one `tf.function`, each with a gradient
tape, from the same fakes. So G draws once in a step, not twice as in train.py; speed.py counts the operations of
train.py's step for both.
"""

import keras
import tensorflow as tf


def play_step_of(players):
    """Make the step.

    Args:
        players: `train.Players`; the networks and their optimizers are used, the losses are the tutorial's.

    Returns:
        A compiled function of real pictures `(b, height, width, channels)` and noise `(2, b, z)`, of which it uses the
        first half. It returns G's loss.
    """
    generator, discriminator = players.generator, players.discriminator
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(real, noise):
        with tf.GradientTape() as of_g, tf.GradientTape() as of_d:
            fake = generator(noise[0], training=True)
            on_real, on_fake = discriminator(real, training=True), discriminator(fake, training=True)
            g_loss = cross_entropy(tf.ones_like(on_fake), on_fake)
            d_loss = cross_entropy(tf.ones_like(on_real), on_real) + cross_entropy(tf.zeros_like(on_fake), on_fake)
        g_gradients = of_g.gradient(g_loss, generator.trainable_variables)
        d_gradients = of_d.gradient(d_loss, discriminator.trainable_variables)
        players.combined.optimizer.apply(g_gradients)
        discriminator.optimizer.apply(d_gradients)
        return g_loss

    return step
