"""Draw pictures with a saved generator: noise -> generator -> pictures.

    python samples.py generator_e200.h5                                a grid, generator_e200.png
    python samples.py generator_e200.h5 --out faces --n 1000           a folder, faces/00000.png ... faces/00999.png
    python samples.py generator_e200.h5 --out walk.gif --n 16          a loop that walks through the latent space
    python samples.py generator_e200.h5 --out fake.npz --n 50000       an array (n, h, w, c) of uint8, for FID tools
    python samples.py generator_e050.h5 --class ring                   one class, if it has any: generator_e050_ring.png
    python samples.py generator_e050.h5 --class-grid                   one row per class: generator_e050_classes.png
    python samples.py generator_e200.h5 --truncation 0.7               nicer pictures, but more alike
    python samples.py generator_e200.h5 --nearest my_pictures          does it copy? generator_e200_nearest.png

It opens the files of train.py, and any other .h5 or .keras file whose model makes pictures from noise, also files of
Keras 2. The same --seed draws the same pictures; a larger --n draws the same pictures first, then more.
"""

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import re

import numpy as np
from tqdm import tqdm

import defDATA
from support.drawing.grid import to_uint8
from support.drawing.noise import WALK_FRAMES, noise_batches, split_into_batches, truncate, walk_through_latent_space
from support.drawing.plan import DEFAULT_COUNTS, plan_drawing, what_was_written
from support.drawing.writing import FOUR_WAYS, write_animation, write_grid, write_pictures
from support.models.flags import add_flags
from support.models.generator import as_told, in_mixed_precision
from support.models.opening import open_generator
from support.scores import nearest
from support.system.command_line import OneLineParser, file_path, place_to_write, positive_number, whole_number
from support.system.errors import InputError, blame_flag, one_line_errors


def draw(generator, noise, classes, batch):
    """Turn noise into pictures.

    Args:
        generator: What `open_generator` gave.
        noise: Array of floats `(n, z)`, n at most `batch`.
        classes: Array of integers `(n,)`; generators without classes ignore it.
        batch: Length of a batch. A shorter one is filled up, so that the network is compiled for one length only.

    Returns:
        Array of uint8 `(n, height, width, channels)`.
    """
    count, most = len(noise), generator.most_at_once
    if batch > most:  # large pictures: fewer at once, for less memory
        parts = [slice(start, start + most) for start in range(0, count, most)]
        return np.concatenate([draw(generator, noise[part], classes[part], most) for part in parts])
    noise = np.pad(noise, ((0, batch - count), (0, 0)))
    classes = np.pad(classes, (0, batch - count))
    pictures = generator.draw(noise, classes)[:count]
    if not np.isfinite(pictures).all():
        raise InputError(
            "the generator's pictures are not finite (NaN): its training broke down; take an earlier epoch"
        )
    lowest, highest = generator.value_range
    return to_uint8((pictures - lowest) / (highest - lowest) * 2.0 - 1.0)


def drawn_in_batches(generator, noise_in_batches, classes, batch, threshold, bar):
    """Yield the pictures of each batch of noise, and move the bar.

    Args:
        generator: What `open_generator` gave.
        noise_in_batches: Iterable of arrays of floats `(at most batch, z)`.
        classes: Array of integers, one for each picture, in the order of the noise.
        batch: See `draw`.
        threshold: The value of `--truncation`, or None.
        bar: A tqdm bar that counts pictures.
    """
    start = 0
    for noise in noise_in_batches:
        if threshold is not None:
            noise = truncate(noise, threshold)
        yield draw(generator, noise, classes[start : start + len(noise)], batch)
        start += len(noise)
        bar.update(len(noise))


def description(path, generator):
    """Describe the opened generator in one line."""
    epoch = generator.settings.get("epoch")
    if epoch is None:
        in_name = re.search(r"_e(\d+)$", path.stem)
        epoch = int(in_name[1]) if in_name else None
    preset = generator.settings.get("preset")
    height, width, channels = generator.picture_shape
    lowest, highest = generator.value_range
    parts = [
        f"preset {preset}" if preset else f"saved by Keras {generator.keras_version}",
        f"epoch {epoch}" if epoch is not None else None,
        f"pictures {height}x{width}x{channels} from {generator.noise_size} numbers of noise",
        f"{generator.class_count} classes" if generator.class_count else None,
        f"values {lowest:g} to {highest:g}" if (lowest, highest) != (-1, 1) else None,
        "uniform noise" if generator.uniform_noise else None,
        *generator.notes,
    ]
    return f"{path.name}: " + ", ".join(part for part in parts if part)


def parse_arguments(arguments=None):
    """Read the flags."""
    parser = OneLineParser("samples.py", description="Draw pictures with a generator that is in a file.")
    add = parser.add_argument
    add("file", type=file_path, help="generator_eXXX.h5 of train.py, or another .h5, .keras or .json file")
    add("--n", type=whole_number(), metavar="PICTURES", help=f"how many ({DEFAULT_COUNTS})")
    add("--seed", type=whole_number(0), default=0, help="another seed, other pictures (0)")
    add(
        "--truncation",
        type=positive_number,
        metavar="THRESHOLD",
        help="no noise beyond it: nicer pictures that are more alike; 2 is hardly seen, 1 well, 0.5 much",
    )
    add("--class", dest="class_name", metavar="NAME", help="only this class, by name or number")
    add("--class-grid", action="store_true", help="a row for each class, with the same noise; --n a row")
    add("--nearest", metavar="DATA", help="beside each its nearest pictures of DATA: does it copy?")
    add("--out", type=place_to_write, metavar="PATH", help=f"{FOUR_WAYS} (FILE.png beside the model)")
    add("--batch", type=whole_number(), default=100, help="pictures drawn at once; less for less memory (100)")
    add("--mixed-precision", action="store_true", help="in bfloat16: faster on a chip that has it; hardly seen")
    add_flags(parser)
    return parser.parse_args(arguments)


def draw_and_write(generator, plan, arguments, real, bar):
    """Draw and write the pictures of a plan. Returns the result of `--nearest` in words, or None.

    Args:
        generator: What `open_generator` gave.
        plan: The `Plan`.
        arguments: The parsed flags.
        real: The pictures to compare with, or None.
        bar: A tqdm bar that counts pictures.
    """
    batch, seed, size = min(arguments.batch, plan.count), arguments.seed, generator.noise_size

    def drawn(noise_in_batches):
        return drawn_in_batches(generator, noise_in_batches, plan.classes, batch, arguments.truncation, bar)

    def drawn_together(noise):
        noise = np.tile(noise, (plan.rows, 1))  # in a class grid, every row has the same noise
        return np.concatenate(list(drawn(split_into_batches(noise, batch))))

    if plan.ending == ".gif":
        walk = walk_through_latent_space(seed, plan.count // plan.rows, size)
        write_animation(plan.out, map(drawn_together, walk), plan.columns, plan.row_names)
    elif plan.row_names:
        noise = next(noise_batches(seed, plan.columns, size, plan.columns))
        write_grid(plan.out, [drawn_together(noise)], plan.columns, plan.row_names)
    else:
        pictures = drawn(noise_batches(seed, plan.count, size, batch))
        if real is not None:
            return nearest.write_nearest(plan.out, pictures, real, seed)
        write_pictures(plan, pictures, generator.picture_shape)
    return None


def main(arguments=None):
    """Read the flags, open the generator, draw, write."""
    arguments = parse_arguments(arguments)
    with one_line_errors("samples.py"):
        generator = as_told(open_generator(arguments.file), arguments.noise, arguments.range, arguments.one_hot)
        generator = in_mixed_precision(generator) if arguments.mixed_precision else generator
        plan = plan_drawing(arguments, generator)  # errors in the flags end the program here, before any long work
        print(description(arguments.file, generator))
        real = None
        if arguments.nearest is not None:
            fit = generator.settings.get("fit", "cover")
            with blame_flag("--data", "--nearest"):
                height, width, channels = generator.picture_shape
                real = defDATA.load_pictures(arguments.nearest, height, width, channels, fit=fit).images
        frames = WALK_FRAMES if plan.ending == ".gif" else 1
        with tqdm(total=plan.count * frames, unit=" pictures", leave=False, disable=None) as bar:
            comparison = draw_and_write(generator, plan, arguments, real, bar)
        if comparison:
            print(comparison)
        print(what_was_written(plan, arguments))


if __name__ == "__main__":
    main()
