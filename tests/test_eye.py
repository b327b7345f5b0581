"""The eye: its lesson, and that what is learnt reaches it. On every backend."""

import keras
import numpy as np
import pytest

from arrays import weights_of
from modern import eye, taught

SIDE = 8


def half_dark(count, random):
    """Draw pictures of two classes, dark (0) and bright (1), with noise: `(images, classes)`."""
    classes = np.arange(count) % 2
    images = random.integers(0, 60, (count, SIDE, SIDE, 3)) + 150 * classes[:, None, None, None]
    return images.astype("uint8"), classes


def test_turns_by_hand():
    """Would catch an answer that is not by how much its picture was turned, or turned sides of no square.

    A picture of 8x10 whose middle square is bright in its left half: turned against the clock by a quarter its lower
    half is bright, by two the right one, by three the upper one.
    """
    picture = np.zeros((SIDE, SIDE + 2, 3), "uint8")
    picture[:, 1:5] = 255
    images = np.stack([picture] * 40)
    pictures, answers = next(eye.lesson(images, None, 40, False, np.random.default_rng(0)))
    assert pictures.shape == (40, SIDE, SIDE, 3) and set(answers) == {0, 1, 2, 3}
    bright = {0: np.s_[:, :4], 1: np.s_[4:], 2: np.s_[:, 4:], 3: np.s_[:4]}
    for one, answer in zip(pictures, answers, strict=True):
        assert (one[bright[answer]] == 1.0).all() and one.mean() == pytest.approx(0.0, abs=1e-6)


def test_classes_stay_with_their_pictures():
    """Would catch classes in another order than the pictures, pictures left out, or mirrored ones where none may be."""
    images = np.zeros((20, SIDE, SIDE, 3), "uint8")
    images[:, 0, 0, 0] = np.arange(20)  # who it is, in a corner
    batches = eye.lesson(images, np.arange(20) + 5, 10, False, np.random.default_rng(0))
    seen = [next(batches) for _ in range(2)]
    for pictures, answers in seen:
        assert np.array_equal(np.rint((pictures[:, 0, 0, 0] + 1) * 127.5).astype(int) + 5, answers)
    assert {answer for _, answers in seen for answer in answers} == set(range(5, 25))
    pictures, _ = next(eye.lesson(images + 1, np.arange(20), 20, True, np.random.default_rng(0)))
    mirrored = (pictures[:, 0, -1, 0] > pictures[:, 0, 0, 0]).sum() + (pictures[0, 0, 0, 0] != pictures[0, 0, -1, 0])
    assert 3 < mirrored < 17


def test_the_eye_learns():
    """Would catch a lesson whose weights do not reach D's eye, or that teaches nothing: two classes, told by light."""
    keras.utils.set_random_seed(0)
    images, classes = half_dark(64, np.random.default_rng(0))
    discriminator = taught.taught_discriminator(SIDE, SIDE, class_count=2, filters=4)
    before, its_eye = weights_of(discriminator), discriminator.get_layer("eye")
    eye_before = weights_of(its_eye)
    made, share = eye.teach(its_eye, images, classes, steps=1000)
    assert made == eye.TIMES_EACH and share > 0.8  # 64 pictures are one batch, seen 20 times; all 20 count
    assert all(now != then for now, then in zip(weights_of(its_eye), eye_before, strict=True))
    changed = sum(now != then for now, then in zip(weights_of(discriminator), before, strict=True))
    assert changed == len(eye_before)  # and nothing else
    assert not its_eye.trainable_variables


def test_the_lesson_is_the_same_each_time():
    """Would catch an order of pictures or first weights that the seed does not fix."""
    images, classes = half_dark(40, np.random.default_rng(0))
    ends = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        its_eye = eye.build_eye(SIDE, SIDE, filters=4)
        eye.teach(its_eye, images, None, steps=3, seed=3)
        ends.append(weights_of(its_eye))
    assert ends[0] == ends[1]


def test_a_lesson_may_end_early():
    """Would catch a lesson that a Ctrl-C must wait for."""
    images, classes = half_dark(40, np.random.default_rng(0))
    its_eye = eye.build_eye(SIDE, SIDE, filters=4)
    left = iter([True, True])
    made, _ = eye.teach(its_eye, images, classes, may_go_on=lambda: next(left, False))
    assert made == 2


@pytest.mark.parametrize("learnable", [True, False])
def test_the_lesson_ends_when_nothing_is_left_to_learn(learnable):
    """Would catch minutes spent on a lesson that is learnt, and a lesson that ends before it is: classes by chance."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    classes = np.arange(1280) % 2
    bright = classes if learnable else random.permutation(classes)
    images = (bright[:, None, None, None] * 200 + random.integers(0, 50, (1280, 8, 8, 1))).astype("uint8")
    made, share = eye.teach(eye.build_eye(8, 8, 1, filters=2), images, classes, steps=120)
    if learnable:
        assert made in (50, 100) and share >= eye.ENOUGH
    else:
        assert made == 120 and 0.3 < share < 0.7
