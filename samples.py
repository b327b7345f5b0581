"""Draw pictures with a generator that is in a file: noise -> generator -> pictures.

    python samples.py generator_e200.h5                                a grid, generator_e200.png
    python samples.py generator_e200.h5 --out faces --n 1000           a folder, faces/00000.png ... faces/00999.png
    python samples.py generator_e200.h5 --out walk.gif --n 16          a loop that walks through the latent space
    python samples.py generator_e200.h5 --out fake.npz --n 50000       an array (n, h, w, c) of uint8, for FID tools
    python samples.py generator_e050.h5 --class ring                   one class of a class-conditional generator
    python samples.py generator_e050.h5 --class-grid                   a row a class: generator_e050_classes.png
    python samples.py generator_e200.h5 --truncation 0.7               nicer pictures, but more alike
    python samples.py generator_e200.h5 --nearest my_pictures          does it copy? generator_e200_nearest.png

It opens what train.py writes, and any other .h5 or .keras file whose model makes pictures from noise, those of Keras 2
included. The same --seed draws the same pictures, and a larger --n the same ones followed by more.
"""

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import pathlib
import re

import keras
import numpy as np
from tqdm import tqdm

import defDATA
from support.drawing import class_grid
from support.drawing.grid import class_columns, to_uint8
from support.drawing.noise import WALK_FRAMES, noise_batches, split_into_batches, truncate, walk_through_latent_space
from support.drawing.writing import FOUR_WAYS, check_output, write_animation, write_array, write_folder, write_grid
from support.models.generator import class_number, names_of_classes
from support.models.opening import open_generator
from support.scores import nearest
from support.system.command_line import OneLineParser, positive_number, whole_number
from support.system.errors import InputError, one_line_errors


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


def drawn_in_batches(generator, noise_in_batches, classes, batch, threshold, bar):
    """Yield the pictures of each batch of noise, and move the bar.

    Args:
        generator: What `open_generator` gave.
        noise_in_batches: Iterable of arrays of floats `(at most batch, z)`.
        classes: Array of integers, one for each picture, in the order of the noise.
        batch: See `draw`.
        threshold: That of `--truncation`, or None.
        bar: A tqdm bar that counts pictures.
    """
    start = 0
    for noise in noise_in_batches:
        if threshold is not None:
            noise = truncate(noise, threshold)
        yield draw(generator, noise, classes[start : start + len(noise)], batch)
        start += len(noise)
        bar.update(len(noise))


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
    default = (
        f"64; with classes, full rows; with --nearest {nearest.FAKES}; with --class-grid {class_grid.IN_A_ROW} a row"
    )
    parser.add_argument("--n", type=whole_number(), metavar="PICTURES", help=f"how many ({default})")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="another seed, other pictures (0)")
    parser.add_argument(
        "--truncation",
        type=positive_number,
        metavar="THRESHOLD",
        help="no noise beyond it: nicer pictures that are more alike; 2 is hardly seen, 1 well, 0.5 much",
    )
    parser.add_argument("--class", dest="class_name", metavar="NAME", help="only this class, by name or number")
    parser.add_argument(
        "--class-grid", action="store_true", help="a row for each class, with the same noise; --n a row"
    )
    parser.add_argument("--nearest", metavar="DATA", help="beside each its nearest pictures of DATA: does it copy?")
    parser.add_argument("--out", type=pathlib.Path, metavar="PATH", help=f"{FOUR_WAYS} (FILE.png beside the model)")
    parser.add_argument(
        "--batch", type=whole_number(), default=100, help="pictures drawn at once; less for less memory (100)"
    )
    arguments = parser.parse_args(arguments)
    with one_line_errors("samples.py"):
        generator = open_generator(arguments.file)
        compares = arguments.nearest is not None
        what = "_classes" if arguments.class_grid else "_nearest" if compares else ""
        out = arguments.out or arguments.file.with_name(arguments.file.stem + what + ".png")

        if arguments.class_grid:
            class_grid.check_class_grid(generator.class_count, arguments.class_name, compares, out)
            columns = arguments.n or class_grid.IN_A_ROW
            rows, row_names = generator.class_count, names_of_classes(generator)
            ending = check_output(out, columns, rows)
            count = rows * columns
            classes = np.arange(rows).repeat(columns)  # 0 0 0 ... 1 1 1 ...
        else:
            if arguments.class_name is not None:
                cycle = [class_number(generator, arguments.class_name)]
            else:
                cycle = range(generator.class_count or 1)
            columns, full_rows = class_columns(len(cycle))
            rows, row_names = 1, None
            count = arguments.n or (nearest.FAKES if compares else full_rows)
            if compares:
                nearest.check_nearest(out, count)
            ending = check_output(out, count)
            classes = np.resize(cycle, count)  # 0 1 2 0 1 2 0 ...
        print(description(arguments.file, generator))
        real = real_pictures(arguments.nearest, generator).images if compares else None

        batch = min(arguments.batch, count)
        is_walk = ending == ".gif"
        with tqdm(total=count * (WALK_FRAMES if is_walk else 1), unit=" pictures", leave=False, disable=None) as bar:

            def drawn(noise_in_batches):
                return drawn_in_batches(generator, noise_in_batches, classes, batch, arguments.truncation, bar)

            def drawn_together(noise):
                noise = np.tile(noise, (rows, 1))  # in a class grid, every row has the same
                return np.concatenate(list(drawn(split_into_batches(noise, batch))))

            if is_walk:
                walk = walk_through_latent_space(arguments.seed, count // rows, generator.noise_size)
                write_animation(out, map(drawn_together, walk), columns, row_names)
            elif arguments.class_grid:
                noise = next(noise_batches(arguments.seed, columns, generator.noise_size, columns))
                write_grid(out, [drawn_together(noise)], columns, row_names)
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
        details = [
            "a row a class" if arguments.class_grid else None,
            f"seed {arguments.seed}",
            f"truncation {arguments.truncation:g}" if arguments.truncation is not None else None,
        ]
        print(f"wrote {out}: {count} pictures {kind[ending]}, {', '.join(detail for detail in details if detail)}")


if __name__ == "__main__":
    main()
