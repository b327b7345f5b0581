"""How good are the pictures? This compares them with real ones, with the measures of the papers.

    python evaluate.py generator_e200.h5                        50,000 pictures against those it was trained on
    python evaluate.py generator_e200.h5 --data my_pictures     against the pictures it was trained on
    python evaluate.py fake.npz --data cifar10                  pictures drawn before: an array arr_0, or a folder
    python evaluate.py generator_e200.h5 --quick                only two of the measures: no torch, no download

Everything except --quick needs requirements-evaluate.txt. g are the generated pictures, r the real ones:

FID                Inception, a network trained on ImageNet, turns every picture into 2048 numbers. With their means m
                   and covariances C, FID is |m_g - m_r|^2 + trace(C_g + C_r - 2 (C_g C_r)^(1/2)). It notices dull
                   pictures and missing kinds. It is larger with fewer pictures, so compare at equal --n.
                   (Heusel and others 2017)
KID                The same numbers. A polynomial of degree 3 measures how alike two of g are, two of r, and one of
                   each. KID does not grow with fewer pictures. Perfect pictures have 0 on average, so it may be
                   negative. (Binkowski and others 2018)
Inception score    Is Inception sure what each picture shows, and do the pictures show different things? It ignores r.
                   Copies of a few good pictures get a good score. (Salimans and others 2016)
precision, recall  The share of g within reach of r: are they good? The share of r within reach of g: are all kinds
                   there? A picture reaches to the third nearest of its own set. (Kynkäänniemi and others 2019)
copies             The share of g at most half as far from one real picture as from all others, in pixels; see
                   `support/scores/copies.py`. FID cannot find copies: they get the best FID.
quick distance     FID's formula on features that take seconds, not hours: `support/scores/quick_distance.py`.
"""

import support.system.start  # noqa: F401  # isort: skip  (first: says in one line what is not installed)

import math
import os

import numpy as np
from tqdm import tqdm

import defDATA
from presets import PRESETS
from support.data.npz import has_own_size
from support.models.flags import add_flags, refuse_told
from support.models.recognising import is_model
from support.scores import inception
from support.scores.copies import copied_shares
from support.scores.generated_files import read_pictures
from support.scores.quick_distance import QuickDistance
from support.scores.report import table, write_json
from support.system.command_line import OneLineParser, file_path, place_to_write, whole_number
from support.system.errors import InputError, one_line_errors

GENERATED, GENERATED_QUICK = 50_000, 10_000  # as in the papers; as many as the quick distance uses of the real ones
CIFAR10 = "cifar10"
FEWEST = 10  # of each kind: the Inception score is the mean over ten parts


def measure(pictures, real, weights=None, seed=0, batch=64):
    """Measure generated pictures against real ones.

    Args:
        pictures: Generated ones, uint8 `(n, height, width, channels)`.
        real: Real ones of this size: such an array, or a `defDATA.Pictures.images`.
        weights: Path of the Inception network's weights; None: the measures of `--quick`, which need none.
        seed: Chooses the pictures that are checked for copies.
        batch: How many pictures go through Inception at once.

    Returns:
        `(scores, protocol)`: a dictionary from a measure's name to `(value, spread)`, where the spread may be None; and
        lines that say how it was measured.

    Example:

    ```python
    scores, protocol = measure(fakes, reals)
    scores["quick distance"]      # (0.35, None)
    ```
    """
    if weights is None:
        distance = QuickDistance(real)
        scores = {"quick distance": (distance(pictures), None)}
        protocol = [f"quick distance: {len(pictures):,} generated pictures; no Inception"]
    else:
        found = inception.inception_scores(pictures, real, weights, batch)
        scores = {
            "FID": (found["frechet_inception_distance"], None),
            "KID": (found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]),
            "Inception score": (found["inception_score_mean"], found["inception_score_std"]),
            "precision": (found["precision"], None),
            "recall": (found["recall"], None),
        }
        protocol = inception.protocol(pictures, real, weights)
    copies, expected, looked_at = copied_shares(pictures, real, seed)
    scores |= {"copies": (copies, None), "copies expected": (expected, None)}
    return scores, [
        *protocol,
        f"copies: {looked_at:,} generated pictures, in pixels, each beside all {len(real):,} real ones",
    ]


def start_keras_and_open(path, arguments):
    """Start Keras and open a generator, as samples.py does with the same flags. Returns `(samples, generator)`."""
    # Otherwise TensorFlow and JAX would take all of a GPU's memory and leave none for Inception.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    import samples  # imported here: it starts Keras, which saved pictures do not need

    generator = samples.open_generator(path)
    return samples, samples.as_told(generator, arguments.noise, arguments.range, arguments.one_hot)


def data_of(path, generator):
    """Return the data that a generator was trained on, as far as its file and its run tell.

    Args:
        path: The generator's file. No generator holds the path of a user's pictures, but its run's folder does.
        generator: The opened generator. In files that are older than `data` in their settings, the preset counts.

    Raises:
        InputError: If nothing tells it.
    """
    settings = generator.settings
    name, data = settings.get("preset"), settings.get("data")
    if name in PRESETS and "data" not in settings and PRESETS[name]["data"] in defDATA.SOURCES:
        data = PRESETS[name]["data"]
    if name is None and generator.picture_shape == (32, 32, 3):
        data = CIFAR10  # a stranger's generator; most of this size are CIFAR-10's
    if data is None and name is not None:
        from support.run.folder import RunFolder  # imported here: it starts Keras

        data = RunFolder(path.parent, name).stored_settings().get("data")
    if data is None:
        raise InputError("--data is missing: nothing tells what this generator was trained on; give those pictures")
    return data


def draw_pictures(samples, generator, count, seed, batch):
    """Draw the pictures that `samples.py --out FILE.npz` draws with the same seed.

    Args:
        samples: The module samples.py.
        generator: What it opened.
        count: How many; the classes of a class-conditional generator take turns, 0 1 2 0 1 2 ...
        seed: Seed of the noise.
        batch: How many to draw at once.

    Returns:
        uint8 `(count, height, width, channels)`.

    Raises:
        InputError: If they do not fit in memory.
    """
    shape, batch = (count, *generator.picture_shape), min(batch, count)
    refuse_too_many(shape)
    classes = np.resize(range(generator.class_count or 1), count)
    pictures = np.empty(shape, "uint8")
    noise_in_batches = samples.noise_batches(seed, count, generator.noise_size, batch)
    with tqdm(total=count, desc="drawing", unit=" pictures", leave=False, disable=None) as bar:
        for start, noise in zip(range(0, count, batch), noise_in_batches, strict=True):
            here = slice(start, start + len(noise))
            pictures[here] = samples.draw(generator, noise, classes[here], batch)
            bar.update(len(noise))
    return pictures


def refuse_too_many(shape):
    """Refuse pictures that do not fit in memory, before they fill it; `shape` is their shape."""
    from support.system.memory import free_memory

    needed, free = math.prod(shape), free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"--n {shape[0]} pictures take {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            f"--n {int(shape[0] * free / needed / 2)} would fit"
        )


def pictures_to_measure_against(source, shape, fit):
    """Load real pictures in the size of the generated ones; an array must have this size already.

    Args:
        source: As for `defDATA.load_pictures`.
        shape: `(height, width, channels)` of the generated pictures.
        fit: How to treat picture files of other proportions, as in training.

    Returns:
        `defDATA.Pictures`.

    Raises:
        InputError: If they have another size, are too few or too small, or cannot be loaded.
    """
    is_array = not defDATA.SOURCES.get(source, {"any_size": True})["any_size"] or has_own_size(source)
    pictures = defDATA.load_pictures(source, *((None, None, None) if is_array else shape), fit=fit)
    if pictures.images.shape[1:] != shape:
        theirs, ours = ("x".join(map(str, size)) for size in (pictures.images.shape[1:], shape))
        raise InputError(
            f"--data {source} is {theirs} (height x width x channels) and the generated pictures are {ours}; "
            "give the pictures that these should look like (a folder or a .zip is brought to their size)"
        )
    check_enough(pictures.images.shape, f"--data {source}")
    return pictures


def check_enough(shape, name):
    """Refuse pictures that are too few or too small to measure; `shape` is their shape."""
    count, height, width, _ = shape
    if count < FEWEST:
        raise InputError(f"{name} gives {count} pictures, too few to judge; give {FEWEST} or more, better 10,000")
    if min(height, width) < 8:
        raise InputError(f"{name} gives pictures of {height}x{width} (height x width); they are judged from 8x8 up")


def main(arguments=None):
    """Read the flags, get both kinds of pictures, measure, print."""
    parser = OneLineParser("evaluate.py", description="Measure how good generated pictures are.")
    add = parser.add_argument
    add("file", type=file_path, help="generator_eXXX.h5 or another generator, an .npz of pictures, a folder, a .zip")
    add("--data", help="real pictures, as for train.py (what it was trained on, if the file tells; cifar10)")
    add("--n", type=whole_number(), help="generated pictures (50,000, with --quick 10,000; all of an .npz or folder)")
    add("--seed", type=whole_number(0), default=0, help="another seed, other pictures (0)")
    add("--batch", type=whole_number(), default=64, help="pictures at once; less for less memory (64)")
    add("--quick", action="store_true", help="quick distance and copies alone: no torch, no download")
    add("--inception-weights", metavar="PATH", help="file of the Inception network's weights, instead of a download")
    add_flags(parser)
    add("--json", type=place_to_write, metavar="PATH", help="write the numbers and the protocol there, too")
    arguments = parser.parse_args(arguments)
    with one_line_errors("evaluate.py"):
        path, name = arguments.file, str(arguments.file)
        # First everything that may fail, then the long drawing.
        if arguments.json and not arguments.json.absolute().parent.is_dir():
            raise InputError(f"--json {arguments.json}: there is no such folder; create it first, or name another")
        # torch must start before TensorFlow: in the other order some versions crash (tensorflow/tensorflow#124205).
        weights = None if arguments.quick else inception.find_weights(arguments.inception_weights)
        is_generator = is_model(path)
        if is_generator:
            samples, generator = start_keras_and_open(path, arguments)
            count = arguments.n or (GENERATED_QUICK if arguments.quick else GENERATED)
            shape, fit = (count, *generator.picture_shape), generator.settings.get("fit", "cover")
            what = f"{samples.description(path, generator)}; {count:,} of them, seed {arguments.seed}"
            source = arguments.data or data_of(path, generator)
        else:
            pictures = read_pictures(path, arguments.n, arguments.seed)
            refuse_told(arguments, path)
            shape, fit = pictures.shape, "cover"
            what = defDATA.Pictures(pictures, None, None, name).describe()
            source = arguments.data or CIFAR10
        check_enough(shape, f"--n {arguments.n}" if is_generator else name)
        real = pictures_to_measure_against(source, shape[1:], fit)
        print(f"generated  {what}\nreal       {real.describe()}", flush=True)
        if is_generator:
            pictures = draw_pictures(samples, generator, count, arguments.seed, arguments.batch)
        scores, protocol = measure(pictures, real.images, weights, arguments.seed, arguments.batch)
        print("measured   " + "\n           ".join(protocol), table(scores), sep="\n\n")
        if arguments.json:
            about = {"generated": what, "real": real.describe(), "measured": protocol}
            write_json(arguments.json, about, scores)


if __name__ == "__main__":
    main()
