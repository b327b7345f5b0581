"""Draw pictures with a generator that is in a file: noise -> generator -> pictures.

    python samples.py generator_e200.h5                                a grid, generator_e200.png
    python samples.py generator_e200.h5 --out faces --n 1000           a folder, faces/00000.png ... faces/00999.png
    python samples.py generator_e200.h5 --out walk.gif --n 16          a loop that walks through the latent space
    python samples.py generator_e200.h5 --out fake.npz --n 50000       an array (n, h, w, c) of uint8, for FID tools
    python samples.py generator_e050.h5 --class ring                   one class of a class-conditional generator
    python samples.py generator_e200.h5 --nearest my_pictures          does it copy? generator_e200_nearest.png

It opens what train.py writes, and any other .h5 or .keras file whose model makes pictures from noise, those of Keras 2
included. The same --seed draws the same pictures, and a larger --n the same ones followed by more.
"""

import support.silent_start  # noqa: F401  # isort: skip  (before Keras)

import pathlib
import re

import keras
import numpy as np
from tqdm import tqdm

import defDATA
from support import nearest
from support.drawing_to_files import FOUR_WAYS, check_output, write_animation, write_array, write_folder, write_grid
from support.errors import InputError, OneLineParser, one_line_errors
from support.flags import whole_number
from support.opening_models import open_generator
from support.picture_grid import class_columns, to_uint8

# A walk leads through this many noise points and back to the first one: 4 x 12 frames, four seconds.
WALK_POINTS = 4
STEPS_BETWEEN_POINTS = 12
FRAMES_A_SECOND = 12


def draw(generator, noise, classes, batch):
    """Turn noise into pictures.

    Args:
        generator: What `open_generator` gave.
        noise: Array of floats `(n, z)`, n at most `batch`.
        classes: Array of integers `(n,)`; generators without classes do not look at it.
        batch: A shorter batch is filled up to this length, so that the network is compiled for one length only.

    Returns:
        Array of uint8 `(n, height, width, channels)`.
    """
    count = len(noise)
    noise = np.pad(noise, ((0, batch - count), (0, 0)))
    classes = np.pad(classes, (0, batch - count))
    # predict_on_batch is generator(inputs, training=False), compiled: batch normalisation uses its stored statistics.
    pictures = generator.model.predict_on_batch(generator.inputs(noise, classes))
    pictures = np.asarray(keras.tree.flatten(pictures)[0], "float32")[:count]
    if not np.isfinite(pictures).all():
        raise InputError(
            "the generator's pictures are not finite (NaN): its training broke down; take an earlier epoch"
        )
    lowest, highest = generator.value_range
    return to_uint8((pictures - lowest) / (highest - lowest) * 2.0 - 1.0)


def noise_batches(seed, count, size, batch):
    """Yield noise, `(at most batch, size)` at a time; drawn in order, so that the batch changes nothing."""
    random = np.random.default_rng(seed)
    for start in range(0, count, batch):
        yield random.standard_normal((min(batch, count - start), size), dtype="float32")


def walk_through_latent_space(seed, count, size):
    """Yield the noise of each frame of a closed walk: the first frame follows on the last.

    Args:
        seed: Seed of the noise points; the first of them is the noise of a grid with this seed.
        count: How many pictures walk side by side.
        size: How many numbers of noise a picture takes.

    Returns:
        Iterator over arrays of floats `(count, size)`, one for each frame.
    """
    points = np.random.default_rng(seed).standard_normal((WALK_POINTS, count, size), dtype="float32")
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        for step in range(STEPS_BETWEEN_POINTS):
            yield spherical_interpolation(start, end, step / STEPS_BETWEEN_POINTS)


def spherical_interpolation(start, end, fraction):
    """Go a fraction of the way between two noise points, along the arc.

    Noise of many dimensions lies close to a sphere of radius sqrt(z). A straight line between two points cuts through
    its inside, where the generator has seen no noise in training and draws dull pictures; the arc stays near it.

    Args:
        start: Array of floats `(n, z)`.
        end: Array of floats `(n, z)`.
        fraction: 0 gives `start`, 1 gives `end`.

    Returns:
        Array of float32 `(n, z)`.
    """
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    angle = np.arccos(np.clip((start * end).sum(axis=1) / lengths, -1.0, 1.0))[:, None]
    # Points in one line with the centre (they occur in few dimensions) have no arc of their own: straight on.
    has_arc = np.sin(angle) > 1e-3
    sine = np.where(has_arc, np.sin(angle), 1.0)
    share_of_start = np.where(has_arc, np.sin((1.0 - fraction) * angle) / sine, 1.0 - fraction)
    share_of_end = np.where(has_arc, np.sin(fraction * angle) / sine, fraction)
    return (share_of_start * start + share_of_end * end).astype("float32")


def class_number(generator, name):
    """Find the number of the class that `--class` names.

    Raises:
        InputError: Where the generator has no classes, or none of this name.
    """
    if generator.class_position is None:
        raise InputError(f"--class {name}: this generator was trained without classes; leave --class out")
    names = generator.class_names or [str(number) for number in range(generator.class_count)]
    numbers = {str(number): number for number in range(generator.class_count)}
    numbers |= {class_name: number for number, class_name in enumerate(names)}
    if name not in numbers:
        raise InputError(f"--class {name}: there is no such class; choose one of {', '.join(names)}")
    return numbers[name]


def real_pictures(source, generator):
    """Load the pictures that `--nearest` names, in the size of the generator's own. Returns a `defDATA.Pictures`."""
    try:
        return defDATA.load_pictures(source, *generator.picture_shape, fit=generator.settings.get("fit", "cover"))
    except InputError as error:
        raise InputError(str(error).replace("--data", "--nearest")) from None


def description(path, generator):
    """Say in one line what was opened."""
    epoch = generator.settings.get("epoch")
    if epoch is None:
        in_name = re.search(r"_e(\d+)$", path.stem)
        epoch = int(in_name[1]) if in_name else None
    preset = generator.settings.get("preset")
    height, width, channels = generator.picture_shape
    parts = [
        f"preset {preset}" if preset else f"saved by Keras {generator.keras_version}",
        f"epoch {epoch}" if epoch is not None else None,
        f"pictures {height}x{width}x{channels} from {generator.noise_size} numbers of noise",
        f"{generator.class_count} classes" if generator.class_count else None,
    ]
    return f"{path.name}: " + ", ".join(part for part in parts if part)


def main(arguments=None):
    """Read the flags, open the generator, draw, write."""
    parser = OneLineParser("samples.py", description="Draw pictures with a generator that is in a file.")
    parser.add_argument("file", type=pathlib.Path, help="generator_eXXX.h5 of train.py, or another .h5 or .keras file")
    parser.add_argument(
        "--n", type=whole_number(), metavar="PICTURES", help="how many (64; with classes, full rows; with --nearest 16)"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="another seed, other pictures (0)")
    parser.add_argument("--class", dest="class_name", metavar="NAME", help="only this class, by name or number")
    parser.add_argument("--nearest", metavar="DATA", help="beside each its nearest pictures of DATA: does it copy?")
    parser.add_argument("--out", type=pathlib.Path, metavar="PATH", help=f"{FOUR_WAYS} (FILE.png beside the model)")
    parser.add_argument(
        "--batch", type=whole_number(), default=100, help="pictures drawn at once; less for less memory (100)"
    )
    arguments = parser.parse_args(arguments)
    with one_line_errors("samples.py"):
        generator = open_generator(arguments.file)
        compares = arguments.nearest is not None
        out = arguments.out or arguments.file.with_name(arguments.file.stem + "_nearest" * compares + ".png")

        if arguments.class_name is not None:
            cycle = [class_number(generator, arguments.class_name)]
        else:
            cycle = range(generator.class_count or 1)
        columns, full_rows = class_columns(len(cycle))
        count = arguments.n or (nearest.FAKES if compares else full_rows)
        if compares:
            nearest.check_nearest(out, count)
        ending = check_output(out, count)
        classes = np.resize(cycle, count)  # 0 1 2 0 1 2 0 ...
        print(description(arguments.file, generator))
        real = real_pictures(arguments.nearest, generator).images if compares else None

        batch = min(arguments.batch, count)
        is_walk = ending == ".gif"
        total = count * (WALK_POINTS * STEPS_BETWEEN_POINTS if is_walk else 1)
        with tqdm(total=total, unit=" pictures", leave=False, disable=None) as bar:

            def drawn(noise_in_batches):
                start = 0
                for noise in noise_in_batches:
                    yield draw(generator, noise, classes[start : start + len(noise)], batch)
                    start += len(noise)
                    bar.update(len(noise))

            if is_walk:
                walk = walk_through_latent_space(arguments.seed, count, generator.noise_size)
                frames = (np.concatenate(list(drawn(np.split(noise, range(batch, count, batch))))) for noise in walk)
                write_animation(out, frames, columns, FRAMES_A_SECOND)
            else:
                pictures = drawn(noise_batches(arguments.seed, count, generator.noise_size, batch))
                if compares:
                    comparison = nearest.write_nearest(out, pictures, real, arguments.seed)
                elif ending == ".png":
                    write_grid(out, pictures, columns)
                elif ending == ".npz":
                    write_array(out, pictures, count, generator.picture_shape)
                else:
                    write_folder(out, pictures, count)
        kind = {".png": "in a grid", ".gif": "walking in a loop", ".npz": "in the array arr_0", "": "as single PNGs"}
        if compares:
            kind[".png"] = "beside their nearest real ones"
            print(comparison)
        print(f"wrote {out}: {count} pictures {kind[ending]}, seed {arguments.seed}")


if __name__ == "__main__":
    main()
