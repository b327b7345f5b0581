"""The relativistic game: its numbers worked out by hand, and who moves in which turn. Runs on every backend."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import presets
import train
from arrays import values
from modern import augment, relativistic
from modern.residual import residual_discriminator, residual_generator
from support.models.on_device import to_numbers
from support.run.rehearsal import StepCheck

SIDE = 8
SETTINGS = train.PRESETS["modern"] | presets.ON_A_GPU
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
    check = StepCheck(players.generator, players.discriminator)
    measured, fake = relativistic.play_step(players, real, classes, noise, check)  # raises where a player does not move
    assert np.isfinite(to_numbers(measured)).all() and tuple(fake.shape) == real.shape
    assert int(players.discriminator_turn.optimizer.iterations) == int(players.combined.optimizer.iterations) == 1


def test_a_step_measures_what_it_says():
    """Would catch the five measurements in the wrong order: a flat D that answers 0 costs log 2 and is unsure."""
    players, real, classes, noise = small_game()
    logit = players.discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.zeros(1, "float32")])
    d_loss, g_loss, d_real, d_fake, _ = to_numbers(relativistic.play_step(players, real, classes, noise)[0])
    assert d_loss == pytest.approx(math.log(2), rel=1e-5) and (d_real, d_fake) == (pytest.approx(0.5),) * 2
    assert 0.0 < g_loss < 1.5  # D has moved once


def test_g_learns_against_the_real_pictures_beside_it():
    """Would catch a G whose loss leaves D(real) out: with the linear D it is softplus(0.1 (sum x - sum G(z)))."""
    generator = residual_generator(SIDE, SIDE, noise_size=5, filters=4)
    _, combined = relativistic.compile_turns(generator, linear_discriminator(0.1))
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
    turn, _ = relativistic.compile_turns(generator, discriminator, slope_weight=100.0, learning_rate=0.01)
    same = np.zeros((64, SIDE, SIDE, 3), "float32")  # real and fake are the same: nothing but the price is left
    for _ in range(60):
        turn.train_on_batch([same, same], np.zeros((64, 1)))
    assert np.abs(values(discriminator.layers[-1].kernel)).mean() < 0.4


@pytest.mark.parametrize("chance", [{"dropout": 0.4}, {"batch_normalization": True}])
def test_an_unsteady_discriminator_is_refused(chance):
    """Would catch slopes that measure dropout or the other pictures of the batch."""
    generator = residual_generator(SIDE, SIDE, noise_size=5, filters=4)
    with pytest.raises(ValueError, match="without batch normalization and dropout, received the layer"):
        relativistic.compile_turns(generator, residual_discriminator(SIDE, SIDE, filters=4, **chance))


def test_a_price_below_zero_is_refused():
    """Would catch a D that is paid for being steep."""
    with pytest.raises(ValueError, match="received -1"):
        relativistic.relativistic(-1)
