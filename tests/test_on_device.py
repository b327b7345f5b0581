"""Results that stay on the device: the same numbers as from Keras' own methods, bit by bit."""

import keras
import numpy as np
from keras import layers

from support.models.on_device import predict_on_batch, to_numbers, train_on_batch


def built(learning_rate=0.01):
    """A model with all kinds of state: weights, batch statistics, a seed for dropout, Adam's variables, a metric."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
    )
    compiled(model, learning_rate)
    return model


def compiled(model, learning_rate):
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])


def batches(count=4):
    random = np.random.default_rng(0)
    return [(random.normal(size=(6, 4)).astype("float32"), np.full((6, 1), step, "float32")) for step in range(count)]


def state(model):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in [*model.variables, *model.optimizer.variables]]


def keras_train(model, inputs, targets):
    return model.train_on_batch(inputs, targets, return_dict=True)


def keras_predict(model, inputs):
    return model.predict_on_batch(inputs)


def played(train, predict=None, learning_rates=(0.01,), prepare=np.asarray):
    """Play four batches for each learning rate, from the same seed. Returns all that came out, and the state."""
    model, outputs = built(), []
    for learning_rate in learning_rates:
        compiled(model, learning_rate)
        for inputs, targets in batches():
            measured = train(model, prepare(inputs), targets)
            outputs += [measured[name] for name in ("loss", "mae")]
            if predict:
                outputs.append(predict(model, prepare(inputs)))
    return [keras.ops.convert_to_numpy(output) for output in outputs], state(model)


def assert_same(ours, theirs):
    for one, other in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for one, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_is_the_one_of_keras():
    """Would catch a variable that is not put back, metrics that go on from the last batch, and a mean over batches."""
    assert_same(played(train_on_batch), played(keras_train))


def test_an_output_is_the_one_of_keras():
    """Would catch outputs in training mode, and weights that a first call keeps for ever."""
    assert_same(played(train_on_batch, predict_on_batch), played(keras_train, keras_predict))


def test_a_model_that_is_compiled_anew_learns_with_the_new_optimizer():
    """Would catch a compiled function, or an optimizer's variables, that outlive compile()."""
    rates = {"learning_rates": (0.01, 0.1)}
    assert_same(played(train_on_batch, **rates), played(keras_train, **rates))


def test_an_array_on_the_device_is_an_input():
    """Would catch fakes that must go through NumPy between two networks."""
    on_device = {"prepare": keras.ops.convert_to_tensor}
    assert_same(played(train_on_batch, predict_on_batch, **on_device), played(keras_train, keras_predict))


def test_numbers():
    """Would catch values in another order, and plain numbers refused."""
    assert to_numbers([keras.ops.convert_to_tensor(2.5), 1, np.float32(0.25)]) == [2.5, 1.0, 0.25]
