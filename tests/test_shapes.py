"""The drawn shapes: each kind as its name says, its size worked out by hand, the same for a seed."""

import math

import numpy as np
import pytest

import defDATA
from defDATA import load_pictures
from support.data import shapes
from support.data.shapes import SHAPE_NAMES, draw_shape, draw_shapes, two_colours


class Middle:
    """Stands in for a random generator: always the middle, so that a shape lies straight and in the centre."""

    def uniform(self, low, high):
        return (low + high) / 2


@pytest.fixture
def black_and_white(monkeypatch):
    """Draw every shape white on black."""
    monkeypatch.setattr(shapes, "two_colours", lambda random: ((0, 0, 0), (255, 255, 255)))


def lens(radius, other, distance):
    """Give the area that two circles share (any table of formulas has it)."""
    one = math.acos((distance**2 + radius**2 - other**2) / (2 * distance * radius))
    two = math.acos((distance**2 + other**2 - radius**2) / (2 * distance * other))
    triangle = distance * radius * math.sin(one)
    return radius**2 * one + other**2 * two - triangle


AREAS = {  # of each shape, in squares of its radius, worked out by hand
    "circle": math.pi,
    "square": 1.7**2,
    "triangle": 2 * 1.85 / 2,
    "star": 5 * 1.15 * 0.45 * math.sin(math.pi / 5),
    "ring": math.pi * (1.05**2 - 0.55**2),
    "cross": 2 * 2 * 0.72 - 0.72**2,
    "heart": 180 * math.pi / 15**2,  # the known area of the heart curve
    "crescent": math.pi * 1.05**2 - lens(1.05, 0.85, math.hypot(0.5, 0.15)),
    "arrow": 1.9 * 1.05 / 2 + 0.64 * 1.2,
    "bar": 2.3 * 0.6,
}


@pytest.mark.parametrize("name", SHAPE_NAMES)
def test_area_of_each_shape(name, black_and_white):
    """Would catch a name that draws another shape, a hole that is not cut out, and a wrong scale."""
    pixels = np.asarray(draw_shape(name, 128, 128, Middle()).convert("L")) / 255.0
    assert pixels.sum() == pytest.approx(AREAS[name] * (0.34 * 128) ** 2, rel=0.03)


def test_shapes_stand_upright(black_and_white):
    """Would catch y that points up: triangle and arrow are widest far from or near their tip, the heart's tip is
    below."""

    def widest_row(name):
        rows = (np.asarray(draw_shape(name, 128, 128, Middle()).convert("L")) > 127).sum(axis=1)
        return rows.argmax() / 128, np.flatnonzero(rows)

    row, rows = widest_row("triangle")
    assert row > 0.7 and rows[0] == pytest.approx(64 - 1.1 * 0.34 * 128, abs=2)
    assert widest_row("arrow")[0] < 0.5
    assert widest_row("heart")[0] < 0.5


def test_ring_has_a_hole():
    """Would catch a ring drawn as a disc: wherever it lies, the picture's centre is in its hole, and in a circle's
    inside."""
    for seed in range(20):
        background, colour = two_colours(np.random.default_rng(seed))
        ring, circle, crescent = (
            draw_shape(name, 64, 64, np.random.default_rng(seed)) for name in ("ring", "circle", "crescent")
        )
        assert ring.getpixel((32, 32)) == background == ring.getpixel((0, 0))
        assert circle.getpixel((32, 32)) == colour != background
        assert crescent.getpixel((0, 0)) == background


def test_shapes_are_brighter_than_their_background():
    """Would catch a shape that cannot be seen once the picture is grey, and dark shapes on bright backgrounds."""
    for seed in range(200):
        background, colour = two_colours(np.random.default_rng(seed))
        assert all(dark + 20 < bright for dark, bright in zip(background, colour, strict=True))
        assert min(background) >= 0 and max(colour) <= 255


def test_every_kind_differs_from_each_other(black_and_white):
    """Would catch two class names for one shape: with size, place and turn alike, a 25th of the pixels
    differ."""
    drawn = [np.asarray(draw_shape(name, 64, 64, np.random.default_rng(4))).astype(int) for name in SHAPE_NAMES]
    assert len(set(SHAPE_NAMES)) == 10
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert (np.abs(one - other).max(axis=-1) > 127).mean() > 0.04


def test_same_seed_same_bytes():
    """Would catch a global random state, and a seed that is not used."""
    pictures, labels = draw_shapes(30, 32, 32, seed=5)
    again, labels_again = draw_shapes(30, 32, 32, seed=5)
    assert pictures.tobytes() == again.tobytes() and (labels == labels_again).all()
    other, _ = draw_shapes(30, 32, 32, seed=6)
    assert (pictures != other).any(axis=(1, 2, 3)).all()
    assert (pictures[:10] != pictures[10:20]).any(axis=(1, 2, 3)).all()  # the second of a kind is not the first again


def test_ten_kinds_equally_often_and_rightly_labelled():
    """Would catch a kind that is missing, and labels that name another kind than the one drawn."""
    pictures, labels = draw_shapes(40, 32, 32, seed=1)
    assert labels.dtype == np.int32 and np.bincount(labels).tolist() == [4] * 10
    random = np.random.default_rng(1)
    for picture, label in zip(pictures, labels, strict=True):
        assert (np.asarray(draw_shape(SHAPE_NAMES[label], 32, 32, random)) == picture).all()


def test_edges_are_smooth():
    """Would catch stairs: edges must hold colours between the two, though no others."""
    pictures, labels = draw_shapes(10, 32, 32, seed=2)
    random = np.random.default_rng(2)
    for picture, label in zip(pictures, labels, strict=True):
        state = random.bit_generator.state
        ends = np.sort(np.array(two_colours(random)), axis=0)
        random.bit_generator.state = state
        draw_shape(SHAPE_NAMES[label], 32, 32, random)
        colours = np.unique(picture.reshape(-1, 3), axis=0)
        assert len(colours) > 5
        assert (colours >= ends[0]).all() and (colours <= ends[1]).all()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 36), (33, 17), (64, 10)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes_of_any_size(height, width, channels):
    """Would catch height and width in each other's place, shapes cut off at the short side, and see-through alpha."""
    pictures, _ = draw_shapes(10, height, width, channels, seed=3)
    assert pictures.dtype == np.uint8 and pictures.shape == (10, height, width, channels)
    for picture in pictures:
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners == corners[0]).all()
        assert (picture != corners[0]).any()
    if channels == 4:
        assert (pictures[..., 3] == 255).all()


def test_shapes_by_name(monkeypatch):
    """Would catch size, channels, seed or class names that get lost between the name `shapes` and the drawing."""
    monkeypatch.setattr(defDATA, "SHAPES_COUNT", 20)
    pictures = load_pictures("shapes", 16, 24, 1, seed=7)
    assert (pictures.images == draw_shapes(20, 16, 24, 1, seed=7)[0]).all()
    assert pictures.class_names == SHAPE_NAMES and pictures.labels.tolist() == list(range(10)) * 2
    assert load_pictures("shapes").images.shape == (20, 32, 32, 3)
