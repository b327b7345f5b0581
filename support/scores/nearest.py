"""Does the generator copy? Shows the nearest real pictures beside each generated one, and their distances.

The distance of two pictures is the root mean square difference over all their pixels and channels, in grey levels: 0
for equal pictures, 255 from black to white. A mirrored copy is a copy too (training may mirror the real pictures). So
the distance to a real picture is the smaller one of two: to the picture, and to its mirror image.

The limit for a copy comes from the real pictures: how far is each from the nearest OTHER real picture? Dull fakes come
nearer than that without being copies. An example is the mean of all pictures: its distance is smaller by a factor of
1.4 (it is one standard deviation from a picture, and two pictures are the square root of two apart). So only half of
the distance among real pictures counts as a copy. No distance on pixels finds a copy that was shifted: look at the
sheet.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from support.drawing.grid import save_image, to_image
from support.system.errors import InputError

NEIGHBOURS = 3  # beside each generated picture
FAKES = 16  # in a sheet; --n changes it
MOST_FAKES = 64  # a larger sheet is too large to look at
REAL_SAMPLE = 200  # real pictures that are compared with the others; fewer, down to 50, if they are large
BLOCK = 256  # real pictures in memory at a time; fewer if they are large
MOST_BYTES = 2**26  # of the real pictures in memory at a time
COPIES_BELOW = 0.5  # a share of the distance among real pictures
FARTHEST = np.iinfo("int64").max


def check_nearest(out, count):
    """Check before the long work whether `--nearest` can be done.

    Args:
        out: Path of the sheet.
        count: How many generated pictures there will be.

    Raises:
        InputError: If the ending is not .png, or there are more pictures than a sheet shows.
    """
    if out.suffix.lower() != ".png":
        raise InputError(
            f"--out {out}: --nearest draws one sheet; give a name that ends in .png, or leave --nearest out"
        )
    if count > MOST_FAKES:
        raise InputError(f"--n {count}: --nearest shows {MOST_FAKES} generated pictures at most; take fewer")


def squared_distances(first, second):
    """Compute the exact sum of squared differences between each of the first and each of the second pictures.

    With (a - b)^2 = a^2 - 2ab + b^2 it becomes a fast product of matrices. The product takes 1024 numbers from -128 to
    127 at a time, so no sum is above 2^24: up to there float32 is exact for whole numbers.

    Args:
        first: uint8 `(n, numbers)`.
        second: uint8 `(m, numbers)`.

    Returns:
        int64 `(n, m)`.
    """
    total = np.zeros((len(first), len(second)), "int64")
    for start in range(0, first.shape[1], 1024):
        a, b = (pictures[:, start : start + 1024].astype("float32") - 128 for pictures in (first, second))
        a_squared, b_squared = ((part * part).sum(axis=1).astype("int64") for part in (a, b))
        total += a_squared[:, None] + b_squared - 2 * (a @ b.T).astype("int64")
    return total


def find_nearest(pictures, images, count=NEIGHBOURS, own=None):
    """Find the nearest real pictures, in one pass through all of them.

    Args:
        pictures: uint8 `(n, height, width, channels)`: find the neighbours of these.
        images: The real ones: an object that returns uint8 `(m, height, width, channels)` for an array of m positions.
        count: How many neighbours to find for each.
        own: int array `(n,)`: the position of each picture among the real ones, where it is not its own neighbour; -1
            if it is not one of them. None: no picture is one of them.

    Returns:
        `(distances, positions, mirrored)`, each `(n, count)`, the nearest first; of equally near ones the one with the
        smaller position comes first. Distances are grey levels 0 to 255, positions are in `images`, and `mirrored` says
        whether the mirror image is nearer. If there are too few real pictures, the distance is infinite and the
        position -1.
    """
    n, size = len(pictures), math.prod(pictures.shape[1:])
    both_ways = np.concatenate([pictures, pictures[:, :, ::-1]]).reshape(2 * n, size)
    best = np.full((n, count), FARTHEST)
    positions = np.full((n, count), -1)
    mirrored = np.zeros((n, count), bool)
    block = max(1, min(BLOCK, MOST_BYTES // size))
    with tqdm(total=len(images), unit=" real pictures", leave=False, disable=None) as bar:
        for start in range(0, len(images), block):
            here = np.arange(start, min(start + block, len(images)))
            as_it_is, in_mirror = np.split(squared_distances(both_ways, images[here].reshape(len(here), size)), 2)
            squared = np.minimum(as_it_is, in_mirror)
            if own is not None:
                squared[here == own[:, None]] = FARTHEST
            best = np.concatenate([best, squared], axis=1)
            positions = np.concatenate([positions, np.broadcast_to(here, squared.shape)], axis=1)
            mirrored = np.concatenate([mirrored, in_mirror < as_it_is], axis=1)
            order = np.argsort(best, axis=1, kind="stable")[:, :count]
            best, positions, mirrored = (np.take_along_axis(each, order, 1) for each in (best, positions, mirrored))
            bar.update(len(here))
    distances = np.where(positions < 0, np.inf, np.sqrt(best / size))
    return distances, positions, mirrored


def compare(fakes, images, seed=0):
    """Find the nearest real pictures of the fakes, and the distances among real pictures.

    Args:
        fakes: Generated pictures, uint8 `(n, height, width, channels)`.
        images: The real ones, as in `find_nearest`.
        seed: Chooses the real pictures that are compared with the others.

    Returns:
        `(found, among_real)`: the result of `find_nearest` for the fakes, and the distances `(s,)` of up to 200 real
        pictures (fewer if they are large) to the nearest other one.
    """
    sample = min(len(images), REAL_SAMPLE, max(50, 2**24 // fakes[0].size))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:sample])
    own = np.concatenate([np.full(len(fakes), -1), chosen])
    # One pass for both, because the real pictures may have to be decoded.
    found = find_nearest(np.concatenate([fakes, images[chosen]]), images, own=own)
    return tuple(each[: len(fakes)] for each in found), found[0][len(fakes) :, 0]


def distance_in_words(distance):
    """Return a distance as text: `41`, or `4.1` if it is below ten."""
    return f"{distance:.0f}" if distance >= 9.95 or distance == 0 else f"{distance:.1f}"


def verdict(distances, among_real):
    """Say in one line how near the fakes are to the real pictures, compared with the distances among real pictures.

    Args:
        distances: The fakes' distances `(n, neighbours)`, the nearest first.
        among_real: The real pictures' distances `(s,)`, as `compare` gives them.
    """
    fake, real = np.median(distances[:, 0]), np.median(among_real)
    line = f"median distance to the nearest real picture: {distance_in_words(fake)} of 255 grey levels"
    if not np.isfinite(real):
        return f"{line}; there is one real picture only"
    line += f"; real pictures among themselves: {distance_in_words(real)}"
    if real == 0:
        return f"{line} (they hold duplicates, so this tells nothing: look at the sheet)"
    if fake < COPIES_BELOW * real:
        return f"{line} (so much smaller: the generator copies)"
    return f"{line} (much smaller would mean copies)"


def rows_in_a_block(count, across, down):
    """Return how many rows (each `across` x `down` pixels) are stacked before the next block of rows begins.

    The sheet then comes nearest to a rectangle that is a little wider than high.
    """

    def misfit(blocks):
        return abs(math.log(blocks * across / (math.ceil(count / blocks) * down) / 1.2))

    return math.ceil(count / min(range(1, 9), key=misfit))


def draw_nearest(path, fakes, images, found, remark):
    """Save a sheet as a PNG: each generated picture, and beside it its nearest real ones with their distances.

    Args:
        path: Path of the PNG.
        fakes: Generated pictures, uint8 `(n, height, width, channels)`.
        images: The real ones, as in `find_nearest`.
        found: The result of `find_nearest`. A mirror image is drawn mirrored.
        remark: Text below the pictures; parts between semicolons get a line each.
    """
    distances, positions, mirrored = found
    count, height, width, _ = fakes.shape
    factor = max(1, round(128 / min(height, width)))  # a picture of 32x32 pixels is very small on a screen
    height, width = height * factor, width * factor
    text_size = max(14, min(height, width) // 12)
    gap, middle, margin, top = 4, 16, 40, 4 * text_size
    across = (1 + positions.shape[1]) * (width + gap) + middle
    down = height + 2 * text_size
    rows = rows_in_a_block(count, across, down)
    blocks = math.ceil(count / rows)
    lines = remark.split("; ")
    bottom = top + rows * down
    size = max(600, blocks * (across - gap + margin) + margin), bottom + (2 + 2 * len(lines)) * text_size
    sheet = Image.new("RGB", size, "white")
    write = ImageDraw.Draw(sheet).text
    title, small = ImageFont.load_default(text_size + 4), ImageFont.load_default(text_size)

    def paste(picture, left, upper):
        sheet.paste(to_image(picture).convert("RGB").resize((width, height), Image.Resampling.NEAREST), (left, upper))

    for index, fake in enumerate(fakes):
        left, upper = margin + index // rows * (across - gap + margin), top + index % rows * down
        first_real = left + width + gap + middle
        if index % rows == 0:
            write((left, 2 * text_size), "generated", "black", title)
            write((first_real, 2 * text_size), "nearest real pictures", "black", title)
        paste(fake, left, upper)
        for place, real in enumerate(images[positions[index][positions[index] >= 0]]):
            is_mirrored = mirrored[index, place]
            at = first_real + place * (width + gap)
            paste(real[:, ::-1] if is_mirrored else real, at, upper)
            caption = distance_in_words(distances[index, place]) + (", mirrored" if is_mirrored else "")
            write((at, upper + height + text_size * 0.2), caption, "dimgrey", small)
    for number, line in enumerate(lines):
        write((margin, bottom + (1 + 1.5 * number) * text_size), line, "black", small)
    save_image(sheet, path)


def write_nearest(path, batches, images, seed=0):
    """Draw the sheet of generated pictures and their nearest real ones.

    Args:
        path: Path of the PNG.
        batches: Iterable of generated pictures, uint8 arrays `(b, height, width, channels)`.
        images: The real ones, as in `find_nearest`.
        seed: Chooses the real pictures that are compared with the others.

    Returns:
        The line of `verdict`.
    """
    fakes = np.concatenate(list(batches))
    found, among_real = compare(fakes, images, seed)
    said = verdict(found[0], among_real)
    draw_nearest(path, fakes, images, found, said)
    return said
