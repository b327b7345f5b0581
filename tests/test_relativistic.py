"""The relativistic game: its numbers worked out by hand, and who moves in which turn. Runs on every backend."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import defGAN
import train
from arrays import values
from modern import augment, averaging, relativistic
from modern.residual import residual_discriminator, residual_generator

SIDE = 8
SETTINGS = train.PRESETS["modern"] | train.LARGE
SETTINGS |= {"filters": 4, "noise_size": 5, "mixed_precision": False, "seed": 0}
SETTINGS |= {"image_size": [SIDE, SIDE], "augment": [], "dry_run": False, "learning_rate": 0.01}


def small_game(class_count=0, **settings):
    """Build a small game with a batch for it: `(players, real, classes, noise)`."""
    keras.utils.set_random_seed(0)
    players = train.build_players(SETTINGS | settings, class_count)
    random = np.random.default_rng(1)
    real = random.uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")
    classes = np.arange(6).reshape(-1, 1) % class_count if class_count else None
    return players, real, classes, random.standard_normal((2, 6, 5), dtype="float32")


def linear_discriminator(weight):
    """A D whose logit is the sum of all values times `weight`: its gradient's squared length is 192 weight^2."""
    pictures = keras.Input((SIDE, SIDE, 3), name="picture")
    logit = layers.Dense(1, kernel_initializer=keras.initializers.Constant(weight))(layers.Flatten()(pictures))
    return keras.Model(pictures, logit, name="discriminator")


def test_the_losses_by_hand():
    """Would catch real and fake swapped, a gamma not halved, or one slope left out.

    D(x) - D(G(z)) is 2, then 0: softplus(-2) = 0.126928 and log 2. Slopes of 3 and 5 with a gamma of 0.5 add 2.
    """
    discriminator_loss, generator_loss = relativistic.relativistic(0.5)
    turn = ops.array([[2.5, 0.5, 3.0, 5.0], [1.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(values(discriminator_loss(None, turn)), [2.126928, math.log(2)], rtol=1e-5)
    np.testing.assert_allclose(values(generator_loss(None, turn[:, :2])), [2.126928, math.log(2)], rtol=1e-5)


def test_what_d_says_by_hand():
    """Would catch D(x) measured from one logit, which in this game means nothing by itself: both pairs differ by 2."""
    pairs = ops.array([[2.5, 0.5], [-7.0, -9.0]])
    assert float(relativistic.d_of_real(None, pairs)) == pytest.approx(0.880797, rel=1e-5)
    assert float(relativistic.d_of_fake(None, pairs)) == pytest.approx(0.119203, rel=1e-5)


def test_squared_slope_by_hand():
    """Would catch a difference that is squared before it is divided: 0.1 over 0.05 is 2, squared 4."""
    slope = relativistic.squared_slope(ops.array([[1.0]]), ops.array([[1.1]]), 0.05)
    assert float(slope[0, 0]) == pytest.approx(4.0, rel=1e-4)


@pytest.mark.parametrize("one_in", [1, 3, 4])
def test_slopes_of_a_known_discriminator(one_in):
    """Would catch a slope of the wrong pictures, or one that shrinks where fewer pairs are measured.

    The gradient of a linear D is the same everywhere; the estimate's deviation is sqrt(2 / measured) of it, 3.2 % with
    2,000 and twice that with 500, so 25 % is far outside.
    """
    keras.utils.set_random_seed(0)
    turn = relativistic.DiscriminatorTurn(linear_discriminator(0.1), slope_of_one_in=one_in)
    random = np.random.default_rng(0)
    real, fake = random.uniform(-1, 1, (2, 2000, SIDE, SIDE, 3)).astype("float32")
    judged = values(turn([real, fake]))
    np.testing.assert_allclose(judged[:, 0], 0.1 * real.sum((1, 2, 3)), atol=1e-4)
    np.testing.assert_allclose(judged[:, 1], 0.1 * fake.sum((1, 2, 3)), atol=1e-4)
    np.testing.assert_allclose(judged[:, 2:], 192 * 0.1**2, rtol=0.25)
    assert judged[0, 2] != judged[0, 3] and np.ptp(judged[:, 2:], axis=0).max() == 0


def test_a_step_aside_is_taken_in_the_same_view():
    """Would catch augmentation after the step: two views of a picture differ by far more than noise, and so would D.

    With cutout the logits of two views differ by about 0.1 x 7; divided by 0.05 and squared that is 200, not 1.92.
    """
    keras.utils.set_random_seed(0)
    augmentation = augment.Augmentation(["translation", "cutout"])
    turn = relativistic.DiscriminatorTurn(linear_discriminator(0.1), augmentation)
    random = np.random.default_rng(0)
    real, fake = random.uniform(-1, 1, (2, 500, SIDE, SIDE, 3)).astype("float32")
    judged = values(turn([real, fake]))
    np.testing.assert_allclose(judged[0, 2:], 1.92, rtol=0.3)
    assert np.abs(judged[:, 0] - 0.1 * real.sum((1, 2, 3))).max() > 0.1  # it was a view


@pytest.mark.parametrize("class_count", [0, 3])
@pytest.mark.parametrize("augment", [[], ["color", "translation"]])
def test_each_turn_moves_its_own_player_only(class_count, augment):
    """Would catch a D frozen by G's turn, a D that moves to please G, or a layer that no gradient reaches."""
    players, real, classes, noise = small_game(class_count, augment=augment)
    check = defGAN.StepCheck(players.generator, players.discriminator)
    measured, fake = train.play_step(players, real, classes, noise, check)  # raises where a player does not move
    assert np.isfinite(measured).all() and fake.shape == real.shape
    assert int(players.discriminator_turn.optimizer.iterations) == int(players.combined.optimizer.iterations) == 1


def test_a_step_measures_what_it_says():
    """Would catch the five measurements in the wrong order: a flat D that answers 0 costs log 2 and is unsure."""
    players, real, classes, noise = small_game()
    logit = players.discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.zeros(1, "float32")])
    (d_loss, g_loss, d_real, d_fake, _), _ = train.play_step(players, real, classes, noise)
    assert d_loss == pytest.approx(math.log(2), rel=1e-5) and (d_real, d_fake) == (pytest.approx(0.5),) * 2
    assert 0.0 < g_loss < 1.5  # D has moved once


def test_g_learns_against_the_real_pictures_beside_it():
    """Would catch a G whose loss leaves D(real) out: with the linear D it is softplus(0.1 (sum x - sum G(z)))."""
    generator = residual_generator(SIDE, SIDE, noise_size=5, filters=4)
    _, combined = relativistic.compile_players(generator, linear_discriminator(0.1))
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")
    noise = random.standard_normal((6, 5), dtype="float32")
    fake = values(generator(noise, training=True))
    expected = np.log1p(np.exp(0.1 * (real.sum((1, 2, 3)) - fake.sum((1, 2, 3))))).mean()
    loss = combined.train_on_batch([noise, real], np.zeros((6, 1)), return_dict=True)["loss"]
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_g_plays_against_the_d_of_now():
    """Would catch D's weights baked into G's compiled turn: a D made flat costs G exactly log 2."""
    players, real, _, noise = small_game()
    players.combined.train_on_batch([noise[0], real], np.zeros((6, 1)))
    logit = players.discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.array([7.0], "float32")])
    loss = players.combined.train_on_batch([noise[0], real], np.zeros((6, 1)), return_dict=True)["loss"]
    assert float(loss) == pytest.approx(math.log(2), rel=1e-5)


def test_slopes_are_paid_for():
    """Would catch a price that no gradient flows through: with it alone, a steep linear D must become flatter."""
    keras.utils.set_random_seed(0)
    discriminator = linear_discriminator(0.5)
    generator = residual_generator(SIDE, SIDE, noise_size=5, filters=4)
    turn, _ = relativistic.compile_players(generator, discriminator, slope_weight=100.0, learning_rate=0.01)
    same = np.zeros((64, SIDE, SIDE, 3), "float32")  # real and fake are the same: nothing but the price is left
    for _ in range(60):
        turn.train_on_batch([same, same], np.zeros((64, 1)))
    assert np.abs(values(discriminator.layers[-1].kernel)).mean() < 0.4


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
    """Would catch averages in the wrong order or left out, or a drawn generator that is not plain float32."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed_precision else "float32")
    try:
        players, real, classes, noise = small_game(mixed_precision=mixed_precision)
        for _ in range(3):
            train.play_step(players, real, classes, noise)
        drawn = train.plain_generator(players, SETTINGS | {"mixed_precision": mixed_precision}, 0)
    finally:
        keras.config.set_dtype_policy("float32")
    averages = players.combined.optimizer.averages()
    assert len(averages) == len(drawn.trainable_variables) == 9
    for average, shown, live in zip(averages, drawn.variables, players.generator.variables, strict=True):
        assert np.array_equal(values(average), values(shown))
        assert not live.path.endswith("kernel") or not np.array_equal(values(shown), values(live))
    assert all(layer.compute_dtype == "float32" for layer in drawn.layers)


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


@pytest.mark.parametrize("chance", [{"dropout": 0.4}, {"batch_normalization": True}])
def test_an_unsteady_discriminator_is_refused(chance):
    """Would catch slopes that measure dropout or the other pictures of the batch."""
    generator = residual_generator(SIDE, SIDE, noise_size=5, filters=4)
    with pytest.raises(ValueError, match="without batch normalization and dropout, received the layer"):
        relativistic.compile_players(generator, residual_discriminator(SIDE, SIDE, filters=4, **chance))


def test_a_price_below_zero_is_refused():
    """Would catch a D that is paid for being steep."""
    with pytest.raises(ValueError, match="received -1"):
        relativistic.relativistic(-1)
