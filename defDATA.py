"""The data: it loads pictures, and makes batches of them.

    python defDATA.py PATH      checks pictures before a long training, and draws a contact sheet

`load_pictures` finds pictures: by a name of `SOURCES`, a path, or the address of a DeepLake dataset (`hub://...`).
Files are decoded when they are first needed. Decoded pictures stay uint8, a quarter of the size of floats. They are
kept in memory, or in a file if there are too many. `batch_of_step` gives the pictures of one step. Their order is
computed from the seed and the epoch's number and never stored, so a stopped run can continue at the same place.
`to_floats` turns the pictures into the networks' input, float32 in [-1, 1].
"""

import support.system.start  # noqa: F401  # isort: skip  (first: says in one line what is not installed)

import dataclasses
import functools
import math
import pathlib
import zlib

import numpy as np

from support.data import addresses, doctor, kinds
from support.data.cifar_files import is_cifar, load_cifar
from support.data.class_names import CLASS_NAMES
from support.data.decoding import fit_image
from support.data.deeplake_source import DeepLakePictures, is_deeplake
from support.data.npz import has_own_size, is_npz, load_npz
from support.data.on_demand import KeptPictures
from support.data.picture_files import PictureFolder
from support.data.shapes import SHAPE_NAMES, draw_shapes
from support.drawing.grid import to_image
from support.system.errors import InputError, one_line_errors, printable


@dataclasses.dataclass
class Pictures:
    """Pictures of one size, with their classes where they have any.

    Attributes:
        images: uint8 `(n, height, width, channels)`: an array, or a `KeptPictures`, which decodes on demand.
            Both return the pictures at a list of positions: `images[[3, 1, 4]]`.
        labels: int32 `(n,)`, or None.
        class_names: A name for each label, or None.
        source: Where they came from, in words.
        broken: Names of the files that could not be opened; they are left out.
        notes: Lines about what else was found, for the user.
        doubt: None, or why the classes are probably none: the folders are named `train` and `test`, for example.
    """

    images: np.ndarray | KeptPictures
    labels: np.ndarray | None
    class_names: list[str] | None
    source: str
    broken: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    doubt: str | None = None

    def __len__(self):
        return len(self.images)

    def describe(self):
        """Say in one line what the pictures are."""
        count, height, width, channels = self.images.shape
        kind = {1: "grey", 3: "colour", 4: "colour and alpha"}[channels]
        classes = "no classes"
        if self.class_names:
            classes = f"{len(self.class_names)} class" + ("es" if len(self.class_names) > 1 else "")
        text = f"{count:,} pictures at {height}x{width} (height x width), {kind}, {classes}, from {self.source}"
        if self.broken:
            text += f"; {len(self.broken):,} more do not open and are skipped: {', '.join(self.broken[:3])}"
            text += ", ..." if len(self.broken) > 3 else ""
        return printable(text)

    def fingerprint(self):
        """Return a number that identifies the pictures: a resumed run checks that they are still the same."""
        if isinstance(self.images, KeptPictures):
            return self.images.fingerprint()
        return zlib.crc32(np.ascontiguousarray(self.images).data)


def load_pictures(source, height=None, width=None, channels=None, seed=0, fit="cover", cache=None):
    """Load the pictures of a source as uint8, all scaled to one size.

    Args:
        source: A name of `SOURCES`, the path of a folder, a .zip, an .npz or CIFAR's own files, or a DeepLake dataset.
        height: Height in pixels to scale them to. None: a download or an array keeps its own, others get 32.
        width: The same for the width.
        channels: 1, 3 or 4. None: a download or an array keeps its own, others get 3.
        seed: Seed of the random numbers that draw `shapes`.
        fit: "cover", "pad" or "stretch": how to treat other proportions, as
            in `support.data.decoding.fit_image`.
        cache: Path of the file for decoded pictures that do not fit in memory, or None.

    Returns:
        `Pictures`.

    Raises:
        InputError: If the source is missing, holds no picture, or cannot be read or downloaded.
    """
    if source in SOURCES:
        row = SOURCES[source]
        images, labels = row["load"](height, width, channels, seed)
        images = resize_array(images, height, width, channels, fit)
        notes = [f"not the {source} in this folder; for that give ./{source}"] if pathlib.Path(source).exists() else []
        return Pictures(images, labels, row["class_names"], row["says"], notes=notes)

    if is_deeplake(source):
        files: DeepLakePictures | PictureFolder = DeepLakePictures(source)
        chosen, broken = np.arange(len(files)), []
    else:
        path = pathlib.Path(source).expanduser()
        if not source or not path.exists():
            addresses.refuse_address(source)
            raise InputError(
                f"no such file or folder: {source or 'an empty name'}; {addresses.meant(source, SOURCES)}"
                "give --data a folder of pictures, a .zip, an .npz or a DeepLake dataset"
            )
        if not (path.is_dir() or path.is_file()):
            raise InputError(f"{source} is neither a file nor a folder, but a pipe or a device; give one of these")
        if is_cifar(path):
            images, labels, class_names = load_cifar(path)
            return Pictures(resize_array(images, height, width, channels, fit), labels, class_names, source)
        if is_npz(path):
            images, labels, class_names = load_npz(path)
            return Pictures(resize_array(images, height, width, channels, fit), labels, class_names, source)
        if not path.is_dir() and path.suffix.lower() != ".zip":
            raise InputError(f"{source} is neither a folder nor a .zip nor an .npz; {kinds.way_out(path)}")
        files = PictureFolder(path)
        chosen, broken = files.openable()
    class_names, labels = files.classes(chosen)
    images = KeptPictures(files, chosen, labels, (height or 32, width or 32, channels or 3), fit, cache)
    notes = [*files.notes, *([f"passed over: {kinds.in_words(files.passed_over)}"] if files.passed_over else [])]
    return Pictures(images, labels, class_names, source, broken, notes, files.doubt)


def resize_array(images, height, width, channels, fit="cover"):
    """Scale uint8 `(n, h, w, c)` to another size and other channels, if these are given and differ."""
    wanted = (height or images.shape[1], width or images.shape[2], channels or images.shape[3])
    if images.shape[1:] == wanted:
        return images
    return np.stack([fit_image(to_image(image), *wanted, fit) for image in images])


@functools.lru_cache(maxsize=2)  # every step of an epoch calls it
def epoch_order(count, batch_size, seed, epoch, shuffle_window=0):
    """Compute which pictures each step of an epoch sees.

    Every picture is used once. The last batch is filled up with the first pictures of the epoch, so that all batches
    have the same size. The order depends only on the seed and the epoch's number.

    Args:
        count: Number of pictures.
        batch_size: Pictures in a batch, at most `count`.
        seed: The run's seed.
        epoch: The epoch's number, from 1.
        shuffle_window: 0 mixes all pictures. A window of w moves a picture by fewer than w places, for sources that
            must be read in their own order.

    Returns:
        int array `(steps, batch_size)` of positions, with `steps` = ceil(count / batch_size).
    """
    random = np.random.default_rng([seed, epoch])
    reach = shuffle_window or count
    order = random.permutation(count) if reach >= count else np.argsort(np.arange(count) + reach * random.random(count))
    steps = math.ceil(count / batch_size)
    return np.resize(order, (steps, batch_size))


def batch_of_step(pictures, epoch, step, batch_size, seed, shuffle_window=0, flip=False):
    """Return the pictures of one step. They depend only on the pictures, the settings below and the step.

    Args:
        pictures: `Pictures`.
        epoch: The epoch's number, from 1.
        step: The step's number within the epoch, from 0.
        batch_size: Pictures in a batch.
        seed: The run's seed.
        shuffle_window: As for `epoch_order`.
        flip: Whether half of them are mirrored, left to right.

    Returns:
        `(images, classes)`: uint8 `(b, height, width, channels)`, and int32 class numbers `(b, 1)` or None.
    """
    order = epoch_order(len(pictures), batch_size, seed, epoch, shuffle_window)
    chosen = order[step % len(order)]  # for a dry run's second step, if all pictures fit in one batch
    images = pictures.images[chosen]
    if flip:
        mirrored = np.random.default_rng([seed, epoch, step, 1]).random(len(images)) < 0.5
        images[mirrored] = images[mirrored, :, ::-1]
    return images, None if pictures.labels is None else pictures.labels[chosen].reshape(-1, 1)


def to_floats(images):
    """Scale uint8 pictures 0 to 255 to float32 in [-1, 1], the range of the generator's tanh."""
    return images.astype("float32") / 127.5 - 1.0


SHAPES_COUNT = 10_000  # a thousand of each kind


def download(name):
    """Fetch a training split through Keras.

    Args:
        name: "cifar10", "cifar100", "mnist" or "fashion_mnist", a module of `keras.datasets`.

    Returns:
        `(images, labels)`: uint8 `(n, height, width, channels)` and int32 `(n,)`.

    Raises:
        InputError: If it cannot be downloaded.
    """
    import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

    import keras

    try:
        (images, labels), _ = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for any error of the download
        raise InputError(
            f"{name} could not be downloaded ({error}); "
            "give pictures of your own with --data PATH, or try --preset shapes"
        ) from None
    if images.ndim == 3:  # MNIST has no axis for its one channel
        images = images[..., np.newaxis]
    return images, labels.reshape(-1).astype("int32")


# The named data sets: `--data` takes one of these names, or a path. A row says
#   load          a function of height, width, channels and seed that gives the pictures (uint8) and their classes
#   class_names   a name for each class
#   says          where the pictures come from, in words
#   any_size      True: they are made in any size. Otherwise they have a fixed size, and are scaled to the wanted one
SOURCES: dict[str, dict] = {
    name: {
        "load": lambda height, width, channels, seed, name=name: download(name),
        "class_names": CLASS_NAMES[name],
        "says": f"{name}'s training split",
        "any_size": False,
    }
    for name in ("cifar10", "cifar100", "mnist", "fashion_mnist")
} | {
    "shapes": {
        "load": lambda height, width, channels, seed: draw_shapes(
            SHAPES_COUNT, height or 32, width or 32, channels or 3, seed
        ),
        "class_names": SHAPE_NAMES,
        "says": "shapes, drawn by the suite",
        "any_size": True,
    },
}


def main(arguments=None):
    """Check a source before training, as support/data/doctor.py describes."""
    from presets import PRESETS  # imported here: the rest of this file does not need presets

    with one_line_errors("defDATA.py"):
        options = doctor.parse_arguments(arguments, PRESETS, SOURCES)
        preset = PRESETS[options.preset]
        pictures = load_pictures(options.path, *doctor.size_to_look_at(options, preset), fit=options.fit)
        stored = SOURCES[options.path] if options.path in SOURCES else {"any_size": not has_own_size(options.path)}
        doctor.examine(pictures, pictures if stored["any_size"] else load_pictures(options.path), options, preset)


if __name__ == "__main__":
    main()
