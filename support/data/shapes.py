"""Draws pictures of ten kinds of shape, for training without a download."""

import math

import numpy as np
from PIL import Image, ImageDraw

SHAPE_NAMES = ["circle", "square", "triangle", "star", "ring", "cross", "heart", "crescent", "arrow", "bar"]
OVERSAMPLING = 4  # drawn four times as large, then averaged, for smooth edges


def draw_shapes(count, height, width, channels=3, seed=0):
    """Draw ten kinds of shape, equally many of each, with varied colour, size, place, rotation and background.

    Args:
        count: Number of pictures.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour, and an alpha that is 255 everywhere).
        seed: The same seed draws the same pictures.

    Returns:
        `(pictures, labels)`: uint8 `(count, height, width, channels)` and int32 `(count,)`, indices of `SHAPE_NAMES`.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype="int32") % len(SHAPE_NAMES)
    pictures = np.empty((count, height, width, channels), "uint8")
    for index, label in enumerate(labels):
        picture = draw_shape(SHAPE_NAMES[label], height, width, random)
        pictures[index] = np.asarray(picture.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(
            height, width, channels
        )
    return pictures, labels


def draw_shape(name, height, width, random):
    """Draw one shape of kind `name` as an RGB Pillow image; `random` is a `numpy.random.Generator`."""
    background, colour = two_colours(random)
    short_side = min(height, width) * OVERSAMPLING
    radius = short_side * random.uniform(0.28, 0.40)
    centre_x = width * OVERSAMPLING / 2 + random.uniform(-0.08, 0.08) * short_side
    centre_y = height * OVERSAMPLING / 2 + random.uniform(-0.08, 0.08) * short_side
    angle = random.uniform(-0.35, 0.35)  # radians, 20 degrees either way: an arrow still points up

    image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), background)
    draw = ImageDraw.Draw(image)
    for outline, fill in zip(outlines(name), (colour, background), strict=False):
        cosine, sine = math.cos(angle), math.sin(angle)
        draw.polygon(
            [
                (centre_x + radius * (x * cosine - y * sine), centre_y + radius * (x * sine + y * cosine))
                for x, y in outline
            ],
            fill=fill,
        )
    return image.resize((width, height), Image.Resampling.BOX)


def two_colours(random):
    """Draw a dark background and a bright colour for the shape.

    The shape is always brighter than the background. Otherwise each kind would have two forms to learn.
    """
    return tuple(random.integers(0, 100, 3).tolist()), tuple(random.integers(120, 256, 3).tolist())


def circle(radius=1.0, centre_x=0.0, centre_y=0.0):
    """Return points around a circle."""
    turns = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    return [(centre_x + radius * math.cos(turn), centre_y + radius * math.sin(turn)) for turn in turns]


def star_points():
    """Return ten points, alternately outer and inner; the first one is at the top."""
    turns = [math.pi * (step / 5 - 0.5) for step in range(10)]
    radii = [1.15, 0.45] * 5
    return [(radius * math.cos(turn), radius * math.sin(turn)) for radius, turn in zip(radii, turns, strict=True)]


def heart_points():
    """Return the heart curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, scaled to radius 1."""
    points = []
    for turn in np.linspace(0, 2 * math.pi, 48, endpoint=False):
        x = 16 * math.sin(turn) ** 3
        y = 13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)
        points.append((x / 15, -(y + 2) / 15))
    return points


def outlines(name):
    """Return the outlines of one kind, in units of its radius, y downwards: the shape, then the part cut out of it."""
    arm = 0.36  # half the thickness of a cross's arm
    return {
        "circle": [circle()],
        "square": [[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]],
        "triangle": [[(0.0, -1.1), (1.0, 0.75), (-1.0, 0.75)]],
        "star": [star_points()],
        "ring": [circle(1.05), circle(0.55)],
        "cross": [
            [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm)]
            + [(arm, 1), (-arm, 1), (-arm, arm), (-1, arm), (-1, -arm), (-arm, -arm)]
        ],
        "heart": [heart_points()],
        "crescent": [circle(1.05), circle(0.85, centre_x=0.5, centre_y=-0.15)],
        "arrow": [[(0, -1.15), (0.95, -0.1), (0.32, -0.1), (0.32, 1.1), (-0.32, 1.1), (-0.32, -0.1), (-0.95, -0.1)]],
        "bar": [[(-1.15, -0.3), (1.15, -0.3), (1.15, 0.3), (-1.15, 0.3)]],
    }[name]
