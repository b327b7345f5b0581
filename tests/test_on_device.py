"""Results that stay on the device: the same numbers as from Keras' own methods, bit by bit."""

import keras
import numpy as np
import pytest
from keras import layers

import train
from presets import ON_A_CPU, ON_A_GPU, PRESETS
from support.models.on_device import BACKEND, as_one_call, predict_on_batch, to_numbers, train_on_batch
from support.run.checkpoints import copy_variables, variables_of
from support.run.rehearsal import StepCheck
from support.system import machine


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


SMALL = {"image_size": [8, 8], "filters": 4, "batch_size": 4, "noise_size": 5, "conditional": False}
GAMES = {
    "classic": PRESETS["cifar10"] | SMALL,
    "smooth": PRESETS["shapes"] | SMALL | {"conditional": True},
    "relativistic": PRESETS["modern"] | ON_A_GPU | SMALL | {"augment": ["color"]},
    "taught": PRESETS["modern"] | ON_A_CPU | SMALL | {"augment": [], "conditional": True},
}


def game(settings):
    """Build the players of a game, and six steps' inputs."""
    keras.utils.set_random_seed(0)
    players = train.build_players(settings, 3 if settings["conditional"] else 0)
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, (4, 8, 8, settings["channels"])).astype("float32")
    classes = np.array([[0], [1], [2], [0]]) if settings["conditional"] else None
    return players, [(players, real, classes, noise) for noise in random.standard_normal((6, 2, 4, 5), dtype="float32")]


@pytest.mark.skipif(BACKEND == "torch", reason="torch does not compile a step into one call")
@pytest.mark.parametrize("name", GAMES)
def test_a_step_in_one_call_is_the_same_step(name, monkeypatch):
    """Would catch a variable that one call leaves as it was, a seed that stands still, a first step played twice."""
    settings, ends = GAMES[name], []
    for one_call in (False, True):
        players, steps = game(settings)
        monkeypatch.setattr(machine, "gains_from_one_call", lambda one_call=one_call: one_call)
        play = train.step_of(settings, players)
        outputs = [[*to_numbers(measured), *np.ravel(fake)] for measured, fake in (play(*inputs) for inputs in steps)]
        ends.append((np.array(outputs), copy_variables(variables_of(players))))
    np.testing.assert_allclose(ends[0][0], ends[1][0], atol=1e-4)  # one compiler may order sums in another way
    for one, other in zip(ends[0][1], ends[1][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.skipif(BACKEND == "torch", reason="torch does not compile a step into one call")
def test_a_failed_call_leaves_the_variables_usable():
    """Would catch placeholders that stay in the variables when a batch does not fit: no smaller one could be tried."""
    players, steps = game(GAMES["classic"])
    fails = []

    def step(*inputs):
        if fails:
            raise RuntimeError("RESOURCE_EXHAUSTED")
        return train.play_step(*inputs)

    play = as_one_call(step, variables_of(players))
    play(*steps[0])
    before = copy_variables(variables_of(players))
    fails.append(True)
    with pytest.raises(RuntimeError):
        play(*steps[1])
    fails.clear()
    for one, other in zip(before, copy_variables(variables_of(players)), strict=True):
        np.testing.assert_array_equal(one, other)
    play(*steps[1], StepCheck(players.generator, players.discriminator))  # a checked step sees both turns
    play(*steps[2])


@pytest.mark.skipif(BACKEND == "torch", reason="torch does not compile a step into one call")
def test_a_step_that_looks_at_numbers_is_played_in_several_calls(capsys):
    """Would catch a step that somebody changed, to print a loss for example, and that then ends in a traceback."""

    def step(players, *inputs):
        measured, fake = train.play_step(players, *inputs)
        print("mean of the fakes", round(float(np.mean(fake)), 3))
        return measured, fake

    players, steps = game(GAMES["classic"])
    play = as_one_call(step, variables_of(players))
    for inputs in steps:
        play(*inputs)
    said = capsys.readouterr().out
    assert said.count("mean of the fakes") == len(steps) and said.count("in several calls") == 1
