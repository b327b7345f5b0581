"""Averaged weights: worked out by hand, in the generator that is drawn, and in a checkpoint. Runs on every backend."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import presets
import train
from arrays import values
from modern import averaging
from support.run import checkpoints

SIDE = 8
SETTINGS = train.PRESETS["modern"] | presets.ON_A_GPU
SETTINGS |= {"filters": 4, "noise_size": 5, "mixed_precision": False, "learning_rate": 0.01}
SETTINGS |= {"image_size": [SIDE, SIDE], "augment": []}


def test_averages_by_hand():
    """Would catch averages that begin at zero, remember the first noise, or overwrite the weights that are trained.

    The momentum after t steps is the smaller of 0.3 and (1 + t) / (10 + t): nothing (Keras begins with the weights
    themselves), 2/11, 3/12, 0.3 from then on.
    """
    variable = keras.Variable(np.array([1.0, 2.0], "float32"), name="kernel")
    optimizer = averaging.AveragingAdam(0.1, beta_1=0.0, beta_2=0.99, momentum=0.3)
    optimizer.build([variable])
    average = None
    for momentum in (0.0, 2 / 11, 3 / 12, 0.3, 0.3):
        before = values(variable)
        optimizer.apply([ops.array([1.0, -1.0])], [variable])
        assert values(variable) - before == pytest.approx([-0.1, 0.1], rel=1e-3)
        average = values(variable) if average is None else momentum * average + (1 - momentum) * values(variable)
        np.testing.assert_allclose(values(optimizer.averages()[0]), average, rtol=1e-5)


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_the_drawn_generator_has_the_averaged_weights(mixed_precision):
    """Would catch averages in the wrong order or left out, a drawn generator that is not plain float32, or
    one that is built anew for each plot: the compiled functions of the old ones would fill the memory for hours."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed_precision else "float32")
    try:
        settings = SETTINGS | {"mixed_precision": mixed_precision}
        keras.utils.set_random_seed(0)
        players = train.build_players(settings, 0)
        random = np.random.default_rng(1)
        real = random.uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")
        for _ in range(3):
            train.step_of(settings, players)(players, real, None, random.standard_normal((2, 6, 5), dtype="float32"))
        drawn = train.generator_to_draw(players, settings)
        same = train.generator_to_draw(players, settings)
    finally:
        keras.config.set_dtype_policy("float32")
    averages = players.combined.optimizer.averages()
    assert len(averages) == len(drawn.trainable_variables) == 9
    for average, shown, live in zip(averages, drawn.variables, players.generator.variables, strict=True):
        assert np.array_equal(values(average), values(shown))
        if live.path.endswith("kernel"):
            assert not np.array_equal(values(shown), values(live))
    assert all(layer.compute_dtype == "float32" for layer in drawn.layers)
    assert same is drawn


def test_averaged_weights_get_statistics_of_their_own():
    """Would catch averages drawn with the live weights' statistics of batch normalization, or with none.

    A dense layer of kernel 3 makes values of deviation 3 from the noise; the stored statistics say 100.
    """
    noise = keras.Input((1,), name="noise")
    values_before = layers.Dense(1, name="dense")(noise)
    generator = keras.Model(noise, layers.BatchNormalization(momentum=0.9, name="normalization")(values_before))
    optimizer = averaging.AveragingAdam(0.0, beta_1=0.0, beta_2=0.99, momentum=0.9)
    generator.get_layer("dense").set_weights([np.array([[3.0]], "float32"), np.array([7.0], "float32")])
    optimizer.build(generator.trainable_variables)
    optimizer.apply([ops.zeros(variable.shape) for variable in generator.trainable_variables])
    one = np.ones(1, "float32")
    generator.get_layer("normalization").set_weights([one, 0 * one, 100 * one, 100 * one])
    averaging.take_averages(generator, optimizer)
    *_, mean, variance = generator.get_layer("normalization").get_weights()
    assert mean[0] == pytest.approx(7.0 + 0.9**40 * 93, abs=1.0)
    assert variance[0] == pytest.approx(9.0 + 0.9**40 * 91, rel=0.25)


def test_averaged_weights_are_in_a_checkpoint():
    """Would catch an optimizer's averages being left out: a resumed run would begin them anew."""
    kept = {}
    for share in (0.0, 0.9):
        players = train.build_players(SETTINGS | {"averaging": share}, 0)
        kept[share] = len(checkpoints.all_variables(players)["generator optimizer"])
    assert kept[0.9] == kept[0.0] + len(players.generator.trainable_variables)
