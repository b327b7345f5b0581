"""The game: losses worked out by hand, and who moves in which step. Runs on every backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

import defGAN
import train
from arrays import values
from discri_keras import classic_discriminator, dcgan_discriminator
from gene_keras import classic_generator, dcgan_generator
from support.models.on_device import to_numbers, train_on_batch
from support.run.rehearsal import StepCheck

LOGITS = np.array([[0.0], [math.log(3.0)], [-2.0], [0.5]], "float32")
IS_REAL = np.array([[1.0], [1.0], [0.0], [0.0]], "float32")


def small_game(losses=None, network="classic", class_count=0):
    """Build a small game with a batch for it: `(players, real, classes, noise)`."""
    keras.utils.set_random_seed(0)
    generators = {"classic": classic_generator, "dcgan": dcgan_generator}
    discriminators = {"classic": classic_discriminator, "dcgan": dcgan_discriminator}
    side = {"classic": 8, "dcgan": 16}[network]  # 16: at 8 a DCGAN's D has one layer, which is not normalised
    generator = generators[network](side, side, noise_size=5, filters=4, class_count=class_count)
    discriminator = discriminators[network](side, side, filters=4, class_count=class_count, dropout=0.0)
    combined = defGAN.compile_players(generator, discriminator, losses or defGAN.binary_cross_entropy())
    fake_maker = defGAN.FakeMaker(generator)
    random = np.random.default_rng(1)
    real = random.uniform(-1, 1, (6, side, side, 3)).astype("float32")
    classes = np.arange(6).reshape(-1, 1) % class_count if class_count else None
    return (
        train.Players(generator, discriminator, combined, fake_maker, discriminator, plain_generator=generator),
        real,
        classes,
        random.standard_normal((2, 6, 5), dtype="float32"),
    )


def kernels_that_stood_still(player, before):
    """Name a player's kernels that still have the values `before`, one array for each trainable variable."""
    pairs = zip(player.trainable_variables, before, strict=True)
    kernels = [(variable, old) for variable, old in pairs if variable.path.endswith("kernel")]
    return [variable.path for variable, old in kernels if np.array_equal(old, values(variable))]


def test_binary_cross_entropy_by_hand():
    """Would catch swapped labels: D(x) = sigmoid(logit) is 1/2, 3/4 for the reals and 0.1192, 0.6225 for the fakes."""
    discriminator_loss, generator_loss = defGAN.binary_cross_entropy()
    expected = [-math.log(1 / 2), -math.log(3 / 4), -math.log(1 - 0.11920292), -math.log(1 - 0.62245933)]
    np.testing.assert_allclose(values(discriminator_loss(IS_REAL, ops.array(LOGITS)))[:, 0], expected, rtol=1e-5)
    expected = [-math.log(1 / 2), -math.log(3 / 4), -math.log(0.11920292), -math.log(0.62245933)]
    np.testing.assert_allclose(values(generator_loss(IS_REAL, ops.array(LOGITS)))[:, 0], expected, rtol=1e-5)


def test_label_smoothing_is_one_sided():
    """Would catch Keras' own two-sided smoothing, which also gives fakes a target of 0.05; G's target stays 1."""
    discriminator_loss, generator_loss = defGAN.binary_cross_entropy(0.1)
    real = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)  # target 0.9, D(x) = 3/4
    fake = -math.log(1 - 0.11920292)  # target 0 as ever
    losses = values(discriminator_loss(IS_REAL, ops.array(LOGITS)))[:, 0]
    np.testing.assert_allclose(losses[1:3], [real, fake], rtol=1e-5)
    assert values(generator_loss(IS_REAL, ops.array(LOGITS)))[1, 0] == pytest.approx(-math.log(3 / 4), rel=1e-5)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    """Would catch a target below 0 or of nothing at all."""
    with pytest.raises(ValueError, match=f"received {smoothing}"):
        defGAN.binary_cross_entropy(smoothing)


def test_cross_entropy_is_exact_for_sure_answers():
    """Would catch log(sigmoid(logit)): at a logit of -200 that is log(0), while the loss is 200."""
    discriminator_loss, generator_loss = defGAN.binary_cross_entropy()
    logits = ops.array([[-200.0], [200.0]])
    np.testing.assert_allclose(values(generator_loss(None, logits))[:, 0], [200.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(values(discriminator_loss(np.array([[1.0], [0.0]]), logits))[:, 0], [200.0, 200.0])


def test_hinge_by_hand():
    """Would catch a margin on the wrong side: reals at 0 and 1.1 cost 1 and 0, fakes at -2 and 0.5 cost 0 and 1.5."""
    discriminator_loss, generator_loss = defGAN.hinge()
    losses = values(discriminator_loss(IS_REAL, ops.array(LOGITS)))[:, 0]
    np.testing.assert_allclose(losses, [1.0, 0.0, 0.0, 1.5], atol=1e-6)
    np.testing.assert_allclose(values(generator_loss(IS_REAL, ops.array(LOGITS)))[:, 0], -LOGITS[:, 0])


def test_least_squares_by_hand():
    """Would catch targets of 0 and 1, or swapped: logits 0, 2, -2 cost 0.5, 0.5, 4.5 if real, 0.5, 4.5, 0.5 if fake."""
    discriminator_loss, generator_loss = defGAN.least_squares()
    logits, real, fake = ops.array([[0.0], [2.0], [-2.0]]), np.ones((3, 1), "float32"), np.zeros((3, 1), "float32")
    np.testing.assert_allclose(values(discriminator_loss(real, logits))[:, 0], [0.5, 0.5, 4.5], rtol=1e-6)
    np.testing.assert_allclose(values(discriminator_loss(fake, logits))[:, 0], [0.5, 4.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(values(generator_loss(real, logits))[:, 0], [0.5, 0.5, 4.5], rtol=1e-6)


def test_what_d_says_by_hand():
    """Would catch D(x) and D(G(z)) mixed up, or averaged over the whole batch instead of their half of it."""
    assert float(defGAN.d_of_real(IS_REAL, ops.array(LOGITS))) == pytest.approx((1 / 2 + 3 / 4) / 2, rel=1e-5)
    assert float(defGAN.d_of_fake(IS_REAL, ops.array(LOGITS))) == pytest.approx((0.11920292 + 0.62245933) / 2, rel=1e-5)
    assert float(defGAN.d_of_real(0 * IS_REAL, ops.array(LOGITS))) == 0.0
    all_fakes = (1 / 2 + 3 / 4 + 0.11920292 + 0.62245933) / 4  # in G's turn, whatever target G is given
    for target in (IS_REAL, 0 * IS_REAL + 1):
        assert float(defGAN.d_of_generated(target, ops.array(LOGITS))) == pytest.approx(all_fakes, rel=1e-5)


@pytest.mark.parametrize("network", ["classic", "dcgan"])
@pytest.mark.parametrize("class_count", [0, 3])
@pytest.mark.parametrize("losses", [defGAN.binary_cross_entropy(0.1), defGAN.hinge(), defGAN.least_squares()])
def test_each_step_moves_its_own_player_only(network, class_count, losses):
    """Would catch the Keras 3 trap, D frozen for good, and its opposite, D moving to please G."""
    (generator, discriminator, combined, *_), real, classes, noise = small_game(losses, network, class_count)
    real_inputs, noise_inputs = (real, noise[0]) if classes is None else ([real, classes], [noise[0], classes])
    g_before, d_before = values(generator.trainable_variables), values(discriminator.trainable_variables)
    discriminator.train_on_batch(real_inputs, np.ones((6, 1)))
    for before, after in zip(g_before, values(generator.trainable_variables), strict=True):
        assert np.array_equal(before, after)
    d_after = values(discriminator.trainable_variables)
    assert not kernels_that_stood_still(discriminator, d_before)

    combined.train_on_batch(noise_inputs, np.zeros((6, 1)))
    for before, after in zip(d_after, values(discriminator.trainable_variables), strict=True):
        assert np.array_equal(before, after)
    assert not kernels_that_stood_still(generator, g_before)


def test_g_plays_against_the_d_of_now():
    """Would catch D's weights baked into G's compiled step as constants: doubling D's last layer must change G's loss.

    After the change all logits are twice as large, and the hinge loss of G, -mean(logit), with them.
    """
    (generator, discriminator, combined, *_), _, _, noise = small_game(defGAN.hinge())
    before = combined.train_on_batch(noise[0], np.zeros((6, 1)), return_dict=True)["loss"]
    logit = discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.array([7.0], "float32")])
    after = combined.train_on_batch(noise[0], np.zeros((6, 1)), return_dict=True)["loss"]
    assert before != after
    assert after == pytest.approx(-7.0)  # a D that answers 7 to everything


def test_one_optimizer_a_player():
    """Would catch a shared Adam, whose moments of one player would steer the other."""
    (generator, discriminator, combined, *_), real, _, noise = small_game()
    for _ in range(2):
        discriminator.train_on_batch(real, np.ones((6, 1)))
    combined.train_on_batch(noise[0], np.zeros((6, 1)))
    assert discriminator.optimizer is not combined.optimizer
    assert int(discriminator.optimizer.iterations) == 2 and int(combined.optimizer.iterations) == 1


def test_first_adam_step_has_the_size_of_the_learning_rate():
    """Would catch a learning rate that does not arrive: Adam's first step is the rate, whatever the gradient."""
    keras.utils.set_random_seed(0)
    generator, discriminator = classic_generator(8, 8, noise_size=5, filters=4), classic_discriminator(8, 8, filters=4)
    defGAN.compile_players(generator, discriminator, defGAN.binary_cross_entropy(), learning_rate=0.01)
    before = values(discriminator.get_layer("full_size").kernel)
    discriminator.train_on_batch(np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 3)), np.ones((6, 1)))
    moved = np.abs(values(discriminator.get_layer("full_size").kernel) - before)
    np.testing.assert_allclose(moved, 0.01, rtol=0.02)


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")  # the trap itself
def test_the_check_finds_the_trap():
    """Would catch a check that passes whatever happens: D frozen as in the classic recipe must be refused."""
    (generator, discriminator, *_), real, _, _ = small_game()
    discriminator.compile(keras.optimizers.Adam(0.01), loss=defGAN.binary_cross_entropy()[0])
    discriminator.trainable = False
    check = StepCheck(generator, discriminator)
    discriminator.train_on_batch(real, np.ones((6, 1)))
    with pytest.raises(RuntimeError, match="the discriminator does not learn"):
        check.moved(discriminator)


def test_the_check_finds_a_d_that_moves_in_gs_step():
    """Would catch the missing override: an ordinary combined model moves D in G's step as well."""
    (generator, discriminator, *_), _, _, noise = small_game()
    noise_input = keras.Input((5,))
    ordinary = keras.Model(noise_input, discriminator(generator(noise_input)))
    ordinary.compile(keras.optimizers.Adam(0.01), loss=defGAN.binary_cross_entropy()[1])
    check = StepCheck(generator, discriminator)
    ordinary.train_on_batch(noise[0], np.zeros((6, 1)))
    with pytest.raises(RuntimeError, match="the discriminator moved in the generator's step"):
        check.moved(generator)


@pytest.mark.parametrize("network", ["classic", "dcgan"])
def test_d_sees_real_and_fake_apart(network):
    """Would catch batch normalization seeing real and fake in one batch: D moves once for each of the two."""
    players, real, classes, noise = small_game(network=network)
    train.play_step(players, real, classes, noise)
    assert int(players.discriminator.optimizer.iterations) == 2 and int(players.combined.optimizer.iterations) == 1


@pytest.mark.parametrize("network", ["classic", "dcgan"])
def test_a_step_measures_what_it_says(network):
    """Would catch the five measurements in the wrong order or of the wrong batch.

    With a D that answers 0 to everything, D's loss is log 2, G's loss too, and every probability 1/2; Adam's first
    step then moves D's bias, so that only G's turn may differ.
    """
    players, real, classes, noise = small_game(network=network)
    logit = players.discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.zeros(1, "float32")])
    measured, fake = train.play_step(players, real, classes, noise)
    d_loss, g_loss, d_real, d_fake, d_fake_after = to_numbers(measured)
    assert d_loss == pytest.approx(math.log(2), abs=2e-3) and g_loss == pytest.approx(math.log(2), abs=2e-2)
    assert (d_real, d_fake) == (pytest.approx(0.5, abs=1e-3), pytest.approx(0.5, abs=1e-3))
    assert d_fake_after == pytest.approx(0.5, abs=1e-2)
    assert tuple(fake.shape) == real.shape


def test_d_loss_is_the_mean_over_real_and_fake():
    """Would catch a D that sees its own fakes as real: at a logit of 3 everywhere reals cost 0.0486, fakes 3.0486."""
    players, real, classes, noise = small_game()
    logit = players.discriminator.get_layer("logit")
    logit.set_weights([0.0 * logit.get_weights()[0], np.array([3.0], "float32")])
    players.discriminator.optimizer.learning_rate = 0.0  # so that the fakes meet the D that the reals met
    d_loss, _, d_real, d_fake, _ = to_numbers(train.play_step(players, real, classes, noise)[0])
    assert d_loss == pytest.approx((math.log1p(math.exp(-3)) + math.log1p(math.exp(3))) / 2, rel=1e-5)
    assert d_real == pytest.approx(1 / (1 + math.exp(-3)), rel=1e-5) and d_fake == pytest.approx(d_real, rel=1e-5)


def test_g_is_judged_on_the_classes_that_it_was_asked_for():
    """Would catch D being shown other classes than G drew from: D here answers by the class alone, 5 for class 1."""
    players, real, classes, noise = small_game(defGAN.hinge(), class_count=3)
    _, discriminator, combined, *_ = players
    logit, embedding = discriminator.get_layer("logit"), discriminator.get_layer("class_embedding")
    features = keras.Model(discriminator.inputs, discriminator.get_layer("features").output)
    for layer in discriminator.layers:  # features of exactly 1 everywhere: no weights, bias 1
        if layer.name.startswith(("full_size", "halve")) and layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([0 * kernel, 0 * bias + 1])
    assert np.all(values(features([real, classes])) == 1.0)
    logit.set_weights([0.0 * logit.get_weights()[0], np.zeros(1, "float32")])
    table = np.zeros_like(embedding.get_weights()[0])
    table[1] = 5.0 / table.shape[1]
    embedding.set_weights([table])
    loss = combined.train_on_batch([noise[0], np.array([[1], [1], [0], [2], [1], [0]])], np.zeros((6, 1)))[0]
    assert loss == pytest.approx(-5.0 * 3 / 6, rel=1e-5)


def test_fakes_are_made_as_in_training():
    """Would catch fakes drawn in inference mode: there the untouched statistics (mean 0, variance 1) normalise nothing.

    In training mode each feature has mean 0 and deviation 1 over the batch, and the moving mean moves a tenth of the
    way (momentum 0.9) to the batch's own mean.
    """
    players, _, _, noise = small_game(network="dcgan")
    generator, fake_maker = players.generator, players.fake_maker
    normalization = generator.get_layer("start_normalization")
    before = keras.Model(generator.input, normalization.input)(noise[0])
    expected = values(generator(noise[0], training=True))
    normalization.moving_mean.assign(0 * normalization.moving_mean)
    fake = fake_maker.predict_on_batch(noise[0])
    np.testing.assert_allclose(fake, expected, atol=1e-5)
    assert np.abs(fake - values(generator(noise[0], training=False))).max() > 1e-3
    batch_mean = values(before).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(values(normalization.moving_mean), 0.1 * batch_mean, atol=1e-6)


def test_the_targets_of_the_three_turns(monkeypatch):
    """Would catch G trained towards "fake": D's targets are 1 for real pictures and 0 for fakes, G's is 1."""
    players, real, classes, noise = small_game()
    targets = []

    def recorded(model, inputs, target):
        targets.append(np.unique(target).tolist())
        return train_on_batch(model, inputs, target)

    monkeypatch.setattr(train, "train_on_batch", recorded)
    train.play_step(players, real, classes, noise)
    assert targets == [[1.0], [0.0], [1.0]]
