"""Make the small models beside this file with Keras 2, and what Keras 2 drew with them.

    python -m venv keras2
    keras2/bin/pip install "tensorflow-cpu==2.15.*"
    keras2/bin/python tests/keras2/make_fixtures.py

It needs an environment of its own (Python 3.9 to 3.11): TensorFlow 2.15 is the last one with Keras 2. Weights are
random, those of the batch normalisation statistics too, so that a layer left out or a weight put elsewhere changes the
pictures. `references.npz` holds for each model its inputs in order, `NAME.input0`, `NAME.input1`, and Keras 2's
pictures, `NAME.pictures`.
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

FOLDER = pathlib.Path(__file__).parent
NOISE_SIZE = 6
CLASSES = 3


def dcgan():
    """Conv2DTranspose (Keras 3 refuses its `groups`), BatchNormalization (its axis is a list), LeakyReLU(alpha)."""
    noise = keras.Input((NOISE_SIZE,))
    x = layers.Dense(2 * 2 * 8, use_bias=False)(noise)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(alpha=0.2)(x)
    x = layers.Reshape((2, 2, 8))(x)
    x = layers.Conv2DTranspose(6, 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(alpha=0.2)(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Conv2DTranspose(3, 5, strides=2, padding="same", activation="tanh")(x)
    return keras.Model(noise, x, name="generator")


def sequential_sigmoid():
    """No Input layer, `input_dim` on the first one; pictures in [0, 1]."""
    return keras.Sequential(
        [
            layers.Dense(24, input_dim=NOISE_SIZE),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(max_value=6.0),
            layers.Dense(8 * 8, activation="sigmoid"),
            layers.Reshape((8, 8, 1)),
        ]
    )


def nested_upsampling():
    """A Sequential inside a functional model: Keras 2 counted its calls from 1, Keras 3 from 0."""
    inner = keras.Sequential(
        [
            layers.Dense(2 * 3 * 8, activation="relu", input_dim=NOISE_SIZE),
            layers.Reshape((2, 3, 8)),
            layers.UpSampling2D(),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(momentum=0.8),
            layers.Activation("relu"),
            layers.GaussianNoise(0.1),
            layers.UpSampling2D(interpolation="bilinear"),
            layers.Conv2D(3, 3, padding="same", kernel_initializer=keras.initializers.RandomNormal(stddev=0.02)),
            layers.Activation("tanh"),
        ]
    )
    noise = keras.Input((NOISE_SIZE,))
    return keras.Model(noise, inner(noise))


def conditional():
    """Class by Embedding(input_length), flattened and multiplied with the noise."""
    inner = keras.Sequential(
        [
            layers.Dense(32, input_dim=NOISE_SIZE),
            layers.LeakyReLU(alpha=0.2),
            layers.BatchNormalization(momentum=0.8),
            layers.Dense(4 * 4 * 3, activation="tanh"),
            layers.Reshape((4, 4, 3)),
        ]
    )
    noise = keras.Input((NOISE_SIZE,))
    label = keras.Input((1,), dtype="int32")
    embedded = layers.Flatten()(layers.Embedding(CLASSES, NOISE_SIZE, input_length=1)(label))
    return keras.Model([noise, label], inner(layers.multiply([noise, embedded])))


def conditional_one_hot():
    """The class comes first, one-hot, and is appended to the noise."""
    label = keras.Input((CLASSES,), name="label")
    noise = keras.Input((NOISE_SIZE,), name="noise")
    x = layers.concatenate([noise, label])
    x = layers.Dense(4 * 4 * 1, activation="sigmoid")(x)
    return keras.Model([label, noise], layers.Reshape((4, 4, 1))(x))


def depthwise():
    """DepthwiseConv2D and SeparableConv2D (`groups` again), noise (1, 1, z), cropping behind the last activation."""
    noise = keras.Input((1, 1, NOISE_SIZE))
    x = layers.Conv2DTranspose(8, 4)(noise)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.LeakyReLU(alpha=0.1)(x)
    x = layers.UpSampling2D()(x)
    x = layers.SpatialDropout2D(0.2)(x)
    x = layers.SeparableConv2D(3, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(noise, layers.Cropping2D(((0, 1), (1, 0)))(x))


def silently_different():
    """Keras 3 takes all of this without a word, and would draw other pictures: hard_sigmoid has another slope there."""
    noise = keras.Input((NOISE_SIZE,))
    x = layers.Dense(4 * 4 * 4)(noise)
    x = layers.Reshape((4, 4, 4))(x)
    x = layers.LayerNormalization(axis=[1, 2, 3])(x)
    x = layers.ThresholdedReLU(theta=0.3)(x)
    return keras.Model(noise, layers.Conv2D(3, 3, padding="same", activation="hard_sigmoid")(x))


def mixed_precision():
    """float16 inside, by a Policy object that Keras 3 does not know."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    noise = keras.Input((NOISE_SIZE,))
    x = layers.Dense(4 * 4 * 4)(noise)
    x = layers.BatchNormalization()(x)
    x = layers.Reshape((4, 4, 4))(x)
    x = layers.Conv2DTranspose(3, 3, padding="same")(x)
    x = layers.Activation("tanh", dtype="float32")(x)
    keras.mixed_precision.set_global_policy(before)
    return keras.Model(noise, x)


def residual():
    """Branches of equal shapes: weights that are loaded in another order give other pictures, and no error."""
    noise = keras.Input((NOISE_SIZE,))
    x = layers.Reshape((4, 4, 4))(layers.Dense(4 * 4 * 4)(noise))
    left = layers.Conv2D(4, 3, padding="same", name="z")(x)
    right = layers.Conv2D(4, 3, padding="same", name="a", activation=layers.LeakyReLU(alpha=0.3))(x)
    x = layers.Concatenate()([layers.Add()([x, left]), right])
    x = layers.SpectralNormalization(layers.Conv2D(4, 3, padding="same"))(x)
    return keras.Model(noise, layers.Conv2D(4, 1, activation="tanh")(x))


def discriminator():
    """Pictures in, one number out: no generator."""
    return keras.Sequential([layers.Flatten(input_shape=(8, 8, 3)), layers.Dense(1, activation="sigmoid")])


def classifier():
    """Pictures in, ten numbers out: no generator."""
    return keras.Sequential([layers.Flatten(input_shape=(8, 8, 3)), layers.Dense(10, activation="softmax")])


def with_random_weights(model, random):
    """Give every weight a random value; variances stay positive."""
    values = []
    for weight in model.weights:
        value = random.normal(0.0, 0.4, weight.shape)
        values.append(np.abs(value) + 0.1 if "variance" in weight.name else value)
    model.set_weights(values)


def random_inputs(model, random, count=4):
    """Noise for every input but the class, which counts 0 1 2 0."""
    numbers = np.arange(count) % CLASSES
    for tensor in model.inputs:
        shape = tuple(tensor.shape[1:])
        if shape == (1,):
            yield numbers[:, None].astype("int32")
        elif shape == (CLASSES,):
            yield np.eye(CLASSES, dtype="float32")[numbers]
        else:
            yield random.standard_normal((count, *shape), dtype="float32")


def main():
    """Write every model and the references."""
    random = np.random.default_rng(2015)
    references = {}
    for make, endings in (
        (dcgan, (".h5", ".keras")),
        (sequential_sigmoid, (".h5", ".keras")),
        (nested_upsampling, (".h5", ".keras")),
        (conditional, (".h5",)),
        (conditional_one_hot, (".h5",)),
        (depthwise, (".h5",)),
        (silently_different, (".h5",)),
        (mixed_precision, (".h5",)),
        (residual, (".h5", ".keras")),
        (discriminator, (".h5",)),
        (classifier, (".keras",)),
    ):
        keras.backend.clear_session()
        model = make()
        with_random_weights(model, random)
        name = make.__name__
        if make not in (discriminator, classifier):
            inputs = list(random_inputs(model, random))
            references |= {f"{name}.input{number}": value for number, value in enumerate(inputs)}
            references[f"{name}.pictures"] = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        for ending in endings:
            model.save(FOLDER / f"{name}{ending}")
    np.savez_compressed(FOLDER / "references.npz", **references)


if __name__ == "__main__":
    main()
