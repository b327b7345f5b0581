"""Augmentation: the views worked out by hand, their limits, and that no picture gets past them."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

import defGAN
from arrays import values
from discri_keras import classic_discriminator, dcgan_discriminator
from gene_keras import classic_generator
from modern.augment import FOR_FEW_PICTURES, KINDS, Augmentation
from support.run.rehearsal import StepCheck


def random_pictures(count, height, width, channels=3):
    """Draw pictures of noise in [-1, 1]."""
    return np.random.default_rng(0).uniform(-1, 1, (count, height, width, channels)).astype("float32")


def with_numbers(kind, *numbers):
    """Make an augmentation of one kind that draws these numbers, one after the other, instead of random ones."""
    augmentation = Augmentation([kind])
    drawn = itertools.cycle(numbers)
    augmentation.uniform = lambda pictures, low, high: ops.full((1, 1, 1, 1), next(drawn), "float32")
    augmentation.whole_number = lambda pictures, low, high: ops.full((1, 1, 1), next(drawn), "int32")
    return augmentation


def views(augmentation, pictures):
    """Look at pictures through an augmentation, as in training."""
    return values(augmentation(ops.convert_to_tensor(pictures), training=True))


def test_color_by_hand():
    """Would catch brightness that multiplies, a saturation about the whole picture's mean, a contrast about a pixel's,
    and another order of the three."""
    picture = np.array([[[0.0, 0.3, 0.6], [-0.2, -0.2, -0.2]]], "float32")[np.newaxis]
    # Brightness + 0.1:               0.1  0.4  0.7    -0.1 -0.1 -0.1
    # saturation x 2 about 0.4, -0.1: -0.2 0.4  1.0    -0.1 -0.1 -0.1
    # contrast x 0.5 about their mean, 0.15:
    expected = [[-0.025, 0.275, 0.575], [0.025, 0.025, 0.025]]
    np.testing.assert_allclose(views(with_numbers("color", 0.1, 2.0, 0.5), picture)[0, 0], expected, atol=1e-6)


def test_no_saturation_is_grey():
    """Would catch a mean over the wrong axis: with saturation 0 all three colours of a pixel are their mean."""
    picture = random_pictures(2, 8, 12)
    view = views(with_numbers("color", 0.0, 0.0, 1.0), picture)
    np.testing.assert_allclose(view, np.repeat(picture.mean(axis=3, keepdims=True), 3, axis=3), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 4])
def test_color_of_grey_pictures_and_alpha(channels):
    """Would catch a grey picture that gets three channels, and an alpha channel that is tinted with the colours."""
    picture = random_pictures(3, 8, 8, channels)
    view = views(Augmentation(["color"], seed=1), picture)
    assert view.shape == picture.shape
    assert np.abs(view[..., 0] - picture[..., 0]).mean() > 0.05
    if channels == 4:
        assert (view[..., 3] == picture[..., 3]).all()


@pytest.mark.parametrize(("down", "right"), [(1, -2), (-1, 0), (0, 3), (0, 0)])
def test_translation_by_hand(down, right):
    """Would catch height and width exchanged, the opposite direction, and edges that wrap round instead of grey 0."""
    picture = random_pictures(1, 8, 24)
    expected = np.zeros_like(picture)
    for row in range(8):
        for column in range(24):
            if 0 <= row - down < 8 and 0 <= column - right < 24:
                expected[0, row, column] = picture[0, row - down, column - right]
    assert (views(with_numbers("translation", down, right), picture) == expected).all()


def test_translation_reaches_an_eighth_and_no_farther():
    """Would catch other limits than the paper's, or one side's for both: of 16x40 they are 2 rows and 5 columns."""
    pictures = np.ones((400, 16, 40, 1), "float32")
    seen = views(Augmentation(["translation"], seed=2), pictures)[..., 0] != 0
    rows_down = seen.any(axis=2).argmax(axis=1)
    rows_up = seen[:, ::-1].any(axis=2).argmax(axis=1)
    columns_right = seen.any(axis=1).argmax(axis=1)
    columns_left = seen[:, :, ::-1].any(axis=1).argmax(axis=1)
    assert [ways.max() for ways in (rows_down, rows_up, columns_right, columns_left)] == [2, 2, 5, 5]
    moved = set((rows_down - rows_up).tolist())
    assert moved == {-2, -1, 0, 1, 2}
    assert len(set(zip(rows_down, columns_right, strict=True))) > 10  # each picture is moved by itself, both ways


def cut_by_the_paper(side, centre):
    """Say which places of a side the paper's own code sets to 0: half of it about the centre, ends clamped."""
    length = int(side * 0.5 + 0.5)
    places = np.clip(np.arange(length) + centre - length // 2, 0, side - 1)
    return np.isin(np.arange(side), places)


@pytest.mark.parametrize("centre_row", [0, 3, 9])
@pytest.mark.parametrize("centre_column", [0, 7, 14])
def test_cutout_as_in_the_paper(centre_row, centre_column):
    """Would catch a window of another size or place, or one that covers whole rows. 5 of 9 rows, 7 of 14."""
    picture = np.ones((1, 9, 14, 3), "float32")
    view = views(with_numbers("cutout", centre_row, centre_column), picture)[0, :, :, 0]
    cut = np.outer(cut_by_the_paper(9, centre_row), cut_by_the_paper(14, centre_column))
    assert (view == np.where(cut, 0.0, 1.0)).all()


def test_cutout_centres_lie_anywhere():
    """Would catch windows that never touch a corner, or that are always whole: of 8x8 a quarter at most is cut."""
    cut = views(Augmentation(["cutout"], seed=3), np.ones((500, 8, 8, 1), "float32"))[..., 0] == 0
    assert cut.any(axis=0).all()
    sizes = cut.sum(axis=(1, 2))
    assert sizes.max() == 16  # 4 x 4
    assert sizes.min() == 4  # 2 x 2: centre in a corner


def test_only_in_training():
    """Would catch a D that judges views where it should judge pictures, and one that never sees a view."""
    pictures = random_pictures(4, 8, 12)
    augmentation = Augmentation(seed=0)
    assert (values(augmentation(pictures, training=False)) == pictures).all()
    assert (values(augmentation(pictures)) == pictures).all()
    changed = np.abs(views(augmentation, pictures) - pictures).mean(axis=(1, 2, 3))
    assert (changed > 0.05).all()


def test_each_picture_and_each_call_has_its_own_view():
    """Would catch one random number for the whole batch, and a seed that starts over at every call."""
    pictures = np.repeat(random_pictures(1, 16, 16), 8, axis=0)
    augmentation = Augmentation(["color"], seed=5)
    first, second = views(augmentation, pictures), views(augmentation, pictures)
    assert len({view.tobytes() for view in [*first, *second]}) == 16
    assert (views(Augmentation(["color"], seed=5), pictures) == first).all()


def test_kinds_are_chosen_by_name():
    """Would catch kinds applied in the order of typing, which would make other pictures, and a name that is ignored."""
    assert Augmentation(["cutout", "color"]).kinds == ["color", "cutout"]
    with pytest.raises(ValueError, match="no augmentation 'colour'; choose from color, translation, cutout"):
        Augmentation(["colour"])


@pytest.mark.parametrize(("asked", "deviation"), [({}, 0.2), ({"noise_deviation": 0.35}, 0.35)])
def test_noise_has_its_deviation_everywhere_and_leaves_alpha(asked, deviation):
    """Would catch noise that is the same for a picture's pixels, its colours or two pictures, another deviation (of
    49,152 numbers it is within 2 %), a shift, or an alpha that becomes noisy."""
    pictures = random_pictures(4, 64, 64, 4)
    added = views(Augmentation(["noise"], seed=0, **asked), pictures) - pictures
    assert (added[..., 3] == 0).all()
    added = added[..., :3]
    assert added.std() == pytest.approx(deviation, rel=0.02) and abs(added.mean()) < 0.005
    for axis in range(4):
        assert np.diff(added, axis=axis).std() == pytest.approx(deviation * 2**0.5, rel=0.02)  # of independent numbers


def test_few_pictures_get_no_noise():
    """Would catch noise among what a small set gets without being asked: it is against something else."""
    assert FOR_FEW_PICTURES == ("color", "translation", "cutout") and "noise" in KINDS
    assert Augmentation().kinds == list(FOR_FEW_PICTURES)


@pytest.mark.parametrize(
    ("kind", "numbers", "seen_at", "share", "share_of_all"),
    [
        ("color", (0.3, 1.0, 0.5), (0, 0), 0.5, 0.5 / 48),  # contrast 0.5 about the mean of 4x4x3
        ("translation", (1, 2), (1, 2), 1.0, 0.0),
        ("translation", (1, 2), (0, 0), 0.0, 0.0),  # grey that came in
        ("cutout", (0, 0), (0, 0), 0.0, 0.0),
        ("cutout", (4, 4), (0, 0), 1.0, 0.0),
        ("noise", (), (0, 0), 1.0, 0.0),
    ],
)
def test_gradient_by_hand(kind, numbers, seen_at, share, share_of_all):
    """Would catch arithmetic that stops the gradient on its way to G (rounding, clipping, a way through numpy), and a
    gradient that comes back at another place: the view at `seen_at` shows the picture's first number."""
    inputs = keras.Input((1,))
    painting = layers.Dense(48, use_bias=False, kernel_initializer="zeros", name="painting")
    view = with_numbers(kind, *numbers)(layers.Reshape((4, 4, 3))(painting(inputs)))
    model = keras.Model(inputs, layers.Flatten()(view))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=lambda place, output: -ops.sum(place * output))
    place = np.zeros((1, 4, 4, 3), "float32")
    place[0, *seen_at, 0] = 1.0
    model.train_on_batch(np.ones((1, 1), "float32"), place.reshape(1, 48))
    expected = np.full(48, share_of_all)
    expected[0] += share
    np.testing.assert_allclose(values(painting.kernel)[0], expected, atol=1e-6)


class Blank(layers.Layer):
    """Lets nothing through in training."""

    def call(self, pictures, training=None):
        return pictures * 0.0 if training else pictures


@pytest.mark.parametrize("build", [classic_discriminator, dcgan_discriminator])
def test_no_picture_gets_past_it(build):
    """Would catch an augmentation for the real pictures alone, or for D's turn alone: through a blank pane D gives real
    and fake the same answer, and G cannot be told apart from noise."""
    keras.utils.set_random_seed(0)
    discriminator = build(16, 16, filters=4, dropout=0.0, batch_normalization=False, augmentation=Blank())
    generator = classic_generator(16, 16, noise_size=5, filters=4)
    combined = defGAN.compile_players(generator, discriminator, defGAN.binary_cross_entropy())
    pictures = random_pictures(4, 16, 16)
    answer = float(1 / (1 + np.exp(-values(discriminator(pictures * 0.0))[0, 0])))
    result = discriminator.train_on_batch(pictures, np.array([[1], [0], [1], [0]], "float32"), return_dict=True)
    assert result["d_of_real"] == pytest.approx(answer, abs=1e-5)
    assert result["d_of_fake"] == pytest.approx(answer, abs=1e-5)
    answer = float(1 / (1 + np.exp(-values(discriminator(pictures * 0.0))[0, 0])))
    before = [values(variable) for variable in generator.trainable_variables]
    noise = np.random.default_rng(0).standard_normal((4, 5), dtype="float32")
    result = combined.train_on_batch(noise, np.zeros((4, 1), "float32"), return_dict=True)
    assert result["d_of_generated"] == pytest.approx(answer, abs=1e-5)
    after = [values(variable) for variable in generator.trainable_variables]
    assert all((old == new).all() for old, new in zip(before, after, strict=True))


def test_the_game_with_all_kinds():
    """Would catch a G that no longer learns through the views, and random numbers that a checkpoint would forget."""
    keras.utils.set_random_seed(0)
    augmentation = Augmentation(KINDS)
    discriminator = classic_discriminator(8, 12, filters=4, augmentation=augmentation)
    generator = classic_generator(8, 12, noise_size=5, filters=4)
    combined = defGAN.compile_players(generator, discriminator, defGAN.binary_cross_entropy())
    check = StepCheck(generator, discriminator)
    discriminator.train_on_batch(random_pictures(4, 8, 12), np.array([[1], [0], [1], [0]], "float32"))
    check.moved(discriminator)
    state = augmentation.seed_generator.state
    assert any(variable is state for variable in discriminator.variables)
    before = values(state)
    combined.train_on_batch(np.ones((4, 5), "float32"), np.zeros((4, 1), "float32"))
    check.moved(generator)
    assert (values(state) != before).any()
