"""The discriminator that is taught to see: its bound, its branches, what stands still in the game. On every backend."""

import keras
import numpy as np
import pytest
from keras import ops

import defGAN
import presets
import train
from arrays import values, weights_of
from modern import taught
from support.run.rehearsal import StepCheck

SIDE = 8
SETTINGS = train.PRESETS["modern"] | presets.ON_A_CPU
SETTINGS |= {"filters": 4, "noise_size": 5, "mixed_precision": False, "image_size": [SIDE, SIDE], "augment": []}


@pytest.mark.parametrize("shape", [(3, 3, 5, 7), (4, 4, 3, 32), (4, 4, 32, 1)])
def test_the_singular_value_is_that_of_another_method(shape):
    """Would catch axes that are counted together wrongly, or a power method that ends too early: NumPy's SVD says it.

    Values so close together that the method confuses them differ little themselves: hence 3 %, and never above.
    """
    kernel = np.random.default_rng(0).standard_normal(shape).astype("float32")
    exact = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)[0]
    estimate = float(taught.largest_singular_value(ops.array(kernel)))
    assert 0.97 * exact < estimate < 1.0001 * exact


def test_a_known_singular_value():
    """Would catch a Frobenius norm in its place: of diagonal 3, 4 the largest is 4, the norm would be 5."""
    kernel = ops.array(np.diag([3.0, 4.0]).astype("float32").reshape(1, 1, 2, 2))
    assert float(taught.largest_singular_value(kernel)) == pytest.approx(4.0, rel=1e-3)
    assert float(taught.largest_singular_value(0.0 * kernel)) == 0.0


def test_a_bounded_convolution_by_hand():
    """Would catch a kernel that is not divided, or a bias that is: twice 0.5 and -0.75 over 0.75, plus 0.1."""
    layer = taught.SpectralConv2D(2, 1)
    pictures = np.array([3.0, 1.0], "float32").reshape(1, 1, 1, 2)
    layer.build(pictures.shape)
    layer.set_weights([np.diag([0.5, -0.75]).astype("float32").reshape(1, 1, 2, 2), np.full(2, 0.1, "float32")])
    np.testing.assert_allclose(values(layer(pictures)).ravel(), [2 * 2.0 + 0.1, 2 * -1.0 + 0.1], rtol=1e-3)
    layer.kernel.assign(100.0 * layer.kernel)
    np.testing.assert_allclose(values(layer(pictures)).ravel(), [4.1, -1.9], rtol=1e-3)


def test_being_asked_changes_nothing():
    """Would catch a bound that is stored while D is only asked, as in G's turn: Keras' own wrapper does so."""
    discriminator = taught.taught_discriminator(SIDE, SIDE, filters=4)
    before = weights_of(discriminator)
    discriminator(np.zeros((2, SIDE, SIDE, 3), "float32"), training=True)
    assert weights_of(discriminator) == before


@pytest.mark.parametrize(("size", "branches"), [((8, 8), 2), ((32, 32), 4), ((33, 47), 4), ((64, 64), 5)])
def test_a_logit_of_each_branch(size, branches):
    """Would catch a map without a branch, or a size that is no power of two failing inside."""
    discriminator = taught.taught_discriminator(*size, class_count=3, filters=4)
    logits = discriminator([np.full((2, *size, 3), 0.5, "float32"), np.array([[0], [2]])], training=False)
    assert tuple(logits.shape) == (2, branches) and np.ptp(values(logits), axis=0).min() > 0  # the class counts
    assert len(discriminator.get_layer("eye").outputs) == branches - 1


def test_what_d_says_with_several_logits():
    """Would catch D(x) as a sum over the branches: sigmoids of 0, 2, 0, -2 have the mean 0.5."""
    logits = ops.array([[0.0, 2.0], [0.0, -2.0], [50.0, 50.0]])
    is_real = ops.array([[1.0], [1.0], [0.0]])
    assert float(defGAN.d_of_real(is_real, logits)) == pytest.approx(0.5, rel=1e-5)
    assert float(defGAN.d_of_fake(is_real, logits)) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("class_count", [0, 3])
@pytest.mark.parametrize("augment", [[], ["color"]])
def test_the_eye_stands_still_in_the_game(class_count, augment):
    """Would catch an eye that G or D moves, statistics of batch normalization among it, or a branch that stands."""
    keras.utils.set_random_seed(0)
    players = train.build_players(SETTINGS | {"augment": augment}, class_count)
    random = np.random.default_rng(1)
    real = random.uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")
    classes = np.arange(6).reshape(-1, 1) % class_count if class_count else None
    eye = players.discriminator.get_layer("eye")
    before = weights_of(eye)
    check = StepCheck(players.generator, players.discriminator)
    for _ in range(2):
        taught.play_step(players, real, classes, random.standard_normal((2, 6, 5), dtype="float32"), check)
    assert weights_of(eye) == before and len(before) == 6  # a convolution, from kernel to variance
    assert int(players.discriminator.optimizer.iterations) == 2  # D moves once in a step, on both kinds of picture


def test_g_has_a_rate_of_its_own():
    """Would catch G moved at D's rate: Adam's first step has the size of the rate, whatever the gradient."""
    keras.utils.set_random_seed(0)
    rates = {"learning_rate": 0.001, "generator_learning_rate": 0.01, "averaging": 0.0}
    players = train.build_players(SETTINGS | rates, 0)
    layer = players.generator.get_layer("start")
    before = values(layer.kernel)
    random = np.random.default_rng(1)
    real = random.uniform(-1, 1, (6, SIDE, SIDE, 3)).astype("float32")
    taught.play_step(players, real, None, random.standard_normal((2, 6, 5), dtype="float32"))
    assert np.median(np.abs(values(layer.kernel) - before)) == pytest.approx(0.01, rel=0.01)
    assert float(players.discriminator.optimizer.learning_rate) == pytest.approx(0.001)
