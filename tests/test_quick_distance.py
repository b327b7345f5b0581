"""quick_distance.py: the distance by hand, and that each way in which pictures go bad raises the score."""

import math
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest
from keras.src.backend.common import global_state

from support.data.shapes import draw_shapes
from support.scores import quick_distance
from support.scores.quick_distance import QuickDistance, frechet_distance, quarter_means, sizes_of

ROOT = pathlib.Path(__file__).parent.parent


def cross(*lengths, centre=0.0):
    """Points on the axes, one on either side: their covariance is diagonal, 2 length^2 / (2 d - 1) each."""
    return np.concatenate([np.diag(lengths), -np.diag(lengths)]) + np.asarray(centre, "float64")


@pytest.fixture(scope="module")
def shapes():
    """A thousand shapes of 16x16, and five hundred others."""
    pictures, _ = draw_shapes(1500, 16, 16)
    pictures = pictures[np.random.default_rng(0).permutation(1500)]
    return pictures[:1000], pictures[1000:]


@pytest.fixture(scope="module")
def distance(shapes):
    """The distance from the thousand."""
    return QuickDistance(shapes[0])


def blurred(pictures):
    """Average each pixel with its four neighbours, round the edge."""
    total = pictures.astype("float32")
    total = total + sum(np.roll(total, shift, axis) for axis in (1, 2) for shift in (-1, 1))
    return (total / 5).astype("uint8")


def test_diagonal_covariances_by_hand():
    """Would catch a covariance where its root belongs, or means that do not count: per axis (sqrt(v) - sqrt(w))^2."""
    # 2 d - 1 = 5: variances 2 * 10 / 5 = 4, 1, 9 and 1, 1, 25. (2-1)^2 + 0 + (3-5)^2 = 5; the means add 3^2 + 4^2.
    one = cross(math.sqrt(10), math.sqrt(2.5), math.sqrt(22.5))
    other = cross(math.sqrt(2.5), math.sqrt(2.5), math.sqrt(62.5))
    assert frechet_distance(one, other) == pytest.approx(5.0)
    assert frechet_distance(one, other + [3.0, 0.0, -4.0]) == pytest.approx(30.0)
    assert frechet_distance(other, one) == pytest.approx(5.0)
    assert frechet_distance(np.array([[-1.0], [1.0]]), np.array([[2.0], [4.0]])) == pytest.approx(9.0)


def test_covariances_that_do_not_commute():
    """Would catch sqrt(A) sqrt(B) in place of sqrt(A B): for 2x2, trace sqrt(M) = sqrt(trace M + 2 sqrt(det M))."""
    numbers = np.random.default_rng(1).standard_normal((2, 50, 2))
    one, other = numbers[0] @ [[3.0, 1.0], [0.0, 0.5]], numbers[1] @ [[0.4, 0.0], [2.0, 2.0]] + 1
    a, b = np.cov(one.T), np.cov(other.T)
    root = math.sqrt(np.trace(a @ b) + 2 * math.sqrt(np.linalg.det(a @ b)))
    means = ((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum()
    expected = means + np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)


def test_as_scipy_computes_it():
    """Would catch what goes wrong in many dimensions only: the root of the product, by another algorithm."""
    sqrtm = pytest.importorskip("scipy.linalg").sqrtm
    numbers = np.random.default_rng(2)
    one = numbers.standard_normal((400, 40)) @ numbers.standard_normal((40, 40))
    other = numbers.standard_normal((300, 40)) @ numbers.standard_normal((40, 40)) + 0.3
    a, b = np.cov(one.T), np.cov(other.T)
    means = ((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum()
    expected = means + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b).real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)


def test_fewer_rows_than_features():
    """Would catch a root of a tiny negative eigenvalue: covariances of 5 rows in 30 dimensions have 26 of 0."""
    few = np.random.default_rng(3).standard_normal((5, 30))
    assert frechet_distance(few, few) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(few, 3 * few - 2 * few.mean(axis=0)) == pytest.approx(4 * few.var(axis=0, ddof=1).sum())
    assert frechet_distance(few, np.zeros((2, 30))) > 0


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (np.zeros((1, 2)), np.zeros((5, 2)), "two rows"),
        (np.zeros((5, 2)), np.zeros((5, 3)), r"\(5, 2\) and \(5, 3\)"),
        (np.zeros((5, 2)), np.array([[0.0, np.nan], [1.0, 1.0]]), "not finite"),
    ],
)
def test_what_is_no_set_of_features(one, other, message):
    """Would catch NaN, or a distance of sets that have none, given as a number."""
    with pytest.raises(ValueError, match=message):
        frechet_distance(one, other)


def test_sizes_by_hand():
    """Would catch a size left out or one too small, and averages of the wrong pixels."""
    ramp = np.arange(16 * 16, dtype="uint8").reshape(1, 16, 16, 1)
    full, half = sizes_of(ramp)
    assert full[0, 15, 15, 0] == pytest.approx(1.0) and full[0, 0, 0, 0] == -1.0
    assert half[0, 0, 1, 0] == pytest.approx((2 + 3 + 18 + 19) / 4 / 127.5 - 1, abs=1e-6)
    for size, expected in [
        ((8, 8), [(8, 8)]),
        ((15, 40), [(15, 40)]),
        ((33, 64), [(33, 64), (16, 32), (8, 16)]),
        ((240, 360), [(60, 90), (30, 45), (15, 22)]),
    ]:
        assert [pictures.shape[1:3] for pictures in sizes_of(np.zeros((1, *size, 3), "uint8"))] == expected


def test_quarters_by_hand():
    """Would catch quarters exchanged between rows and columns, or averaged over all pictures."""
    answers = np.zeros((2, 2, 3, 1), "float32")
    answers[1, 0] = [[4], [1], [3]]  # above: left is one column wide, right two
    answers[1, 1] = [[8], [5], [7]]
    assert quarter_means(answers).tolist() == [[0, 0, 0, 0], [4, 2, 8, 6]]


def test_filters_are_whitened(shapes):
    """Would catch filters that answer to brightness: with whitening, what two filters say of real patches is little
    alike, each has a mean of 0 and a deviation of 1, while raw patches' answers all follow the brightness."""
    kernel, offset = QuickDistance(shapes[0]).filters[0]
    patches = quick_distance.windows(sizes_of(shapes[1])[0], 1).reshape(-1, len(kernel))
    answers = patches @ kernel + offset
    assert np.abs(answers.mean(axis=0)).max() < 0.15 and np.abs(answers.std(axis=0) - 1).max() < 0.3
    alike = np.abs(np.corrcoef(answers.T) - np.eye(kernel.shape[1]))
    assert alike.mean() < 0.35


def test_each_way_of_going_bad_raises_the_score(shapes, distance):
    """Would catch a score that a generator could please by blur, noise, copies, grey, or headlong."""
    real = shapes[1]
    best = distance(real)
    noise = np.random.default_rng(4).normal(0, 1, real.shape)
    noisy = [np.clip(real + deviation * noise, 0, 255).astype("uint8") for deviation in (10, 30)]
    copies = [real[np.arange(len(real)) % kept] for kept in (50, 5, 1)]
    grey = real.mean(axis=-1, keepdims=True).astype("uint8").repeat(3, axis=-1)
    for worse in ([blurred(real), blurred(blurred(real))], noisy, copies, [grey], [real[:, ::-1]]):
        scores = [best, *(distance(pictures) for pictures in worse)]
        assert scores == sorted(scores) and scores[1] > 1.05 * best, scores


def test_the_features_of_the_real_pictures_are_standard(shapes, distance):
    """Would catch features that are not on one scale, where the largest would be the whole score."""
    features = distance.features(shapes[0])
    assert np.abs(features.mean(axis=0)).max() < 1e-3
    assert np.abs(features.std(axis=0) - 1).max() < 1e-3
    assert distance(shapes[0]) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 4), (13, 9, 3), (8, 70, 3), (130, 65, 1)])
def test_any_size(shape):
    """Would catch a size or a number of channels that breaks, or that is not looked at."""
    numbers = np.random.default_rng(5)
    bright = numbers.integers(0, 256, (60, 1, 1, shape[2]))
    pictures = np.clip(bright + numbers.integers(-20, 20, (60, *shape)), 0, 255).astype("uint8")
    if shape[2] == 4:
        pictures[..., 3] = 255  # an alpha that says nothing
    distance = QuickDistance(pictures[:40])
    assert 0 < distance(pictures[40:]) < distance(pictures[40:41].repeat(20, axis=0))
    with pytest.raises(ValueError, match="the real pictures are"):
        distance(pictures[:, :-1])


def test_pictures_all_alike():
    """Would catch a division by a variance of 0."""
    black = np.zeros((5, 16, 16, 3), "uint8")
    assert QuickDistance(black)(black) == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(QuickDistance(black)(black + 200))


def test_too_few_or_too_small_real_pictures():
    """Would catch NaN in place of an error."""
    for shape in ((1, 16, 16, 3), (9, 7, 16, 3)):
        with pytest.raises(ValueError, match="two or more, from 8x8 up"):
            QuickDistance(np.zeros(shape, "uint8"))


def test_blocks_change_nothing(shapes, distance, monkeypatch):
    """Would catch pictures lost or exchanged where they are taken a few at a time."""
    features = distance.features(shapes[1])
    monkeypatch.setattr(quick_distance, "BLOCK", 7 * 16 * 16)
    np.testing.assert_allclose(distance.features(shapes[1]), features, atol=1e-4)


class Decoding:
    """Pictures as KeptPictures gives them, by arrays of positions alone; it notes which were asked for."""

    def __init__(self, pictures):
        self.pictures, self.shape, self.asked = pictures, pictures.shape, set()

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, positions):
        assert isinstance(positions, np.ndarray) and positions.ndim == 1
        self.asked |= set(positions.tolist())
        return self.pictures[positions]


def test_pictures_that_are_decoded_when_asked_for(shapes, distance):
    """Would catch a slice, which KeptPictures does not take; more decoded than looked at; and the first ones taken,
    which may all be of one class."""
    assert QuickDistance(Decoding(shapes[0]))(shapes[1]) == distance(shapes[1])
    some = Decoding(shapes[0])
    QuickDistance(some, most=100)
    assert len(some.asked) == 100 and max(some.asked) > 500


def test_chance_is_its_own(shapes):
    """Would catch a training that goes otherwise because its pictures are scored: no global state is touched."""
    np.random.seed(7)
    random.seed(7)
    before = np.random.get_state()[1].tolist(), random.getstate(), global_state.get_global_attribute("global_seed")
    QuickDistance(shapes[0][:50])(shapes[1][:50])
    after = np.random.get_state()[1].tolist(), random.getstate(), global_state.get_global_attribute("global_seed")
    assert after == before


def test_the_same_in_another_process_and_without_keras(shapes, distance):
    """Would catch chance that no seed reaches, and a backend where NumPy does."""
    code = (
        "import sys, numpy as np; from support.scores.quick_distance import QuickDistance; "
        "from support.data.shapes import draw_shapes; pictures = draw_shapes(1500, 16, 16)[0]; "
        "pictures = pictures[np.random.default_rng(0).permutation(1500)]; "
        "print(round(QuickDistance(pictures[:1000])(pictures[1000:]), 6), 'keras' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [str(round(distance(shapes[1]), 6)), "False"]
