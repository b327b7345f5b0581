"""The data: pictures in, batches of float32 in [-1, 1] out.

    python defDATA.py PATH      looks pictures over before hours are spent on them, and draws a contact sheet

Where pictures come from: a name (`cifar10`, `cifar100`: the training split, by `keras.datasets`; `shapes`: drawn by the
suite), a path, or a DeepLake dataset (`hub://...`, or a local one). Files are decoded when they are first needed and
stay uint8, a quarter of the size of floats: in memory, or in a file where they are more than fit there. The order of
an epoch is computed from the seed and the epoch's number, never stored: a stopped run finds its place again.
"""

import dataclasses
import functools
import math
import pathlib
import zipfile
import zlib

import numpy as np

from support import doctor
from support.cifar_names import CIFAR_NAMES
from support.deeplake_pictures import DeepLakePictures, is_deeplake
from support.errors import InputError, one_line_errors
from support.kept_pictures import KeptPictures
from support.picture_files import DECODING_ERRORS, PictureFolder, fit_image
from support.picture_grid import to_image
from support.shape_pictures import SHAPE_NAMES, draw_shapes

SHAPES_COUNT = 10_000  # a thousand of each kind
MOST_CLASSES = 65_535  # a larger class number is a mistake: a year, an identity


@dataclasses.dataclass
class Pictures:
    """Pictures of one size, with their classes where they have any.

    Attributes:
        images: uint8 `(n, height, width, channels)`: an array, or a `KeptPictures`, which decodes when it is asked.
            Both give the pictures at an array of positions: `images[[3, 1, 4]]`.
        labels: int32 `(n,)`, or None.
        class_names: A name for each label, or None.
        source: Where they came from, in words.
        broken: Names of the files that could not be opened, and are left out.
    """

    images: np.ndarray | KeptPictures
    labels: np.ndarray | None
    class_names: list[str] | None
    source: str
    broken: list[str] = dataclasses.field(default_factory=list)

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
        return text

    def fingerprint(self):
        """Give a number that other pictures would hardly have, to know these again when a run is resumed."""
        if isinstance(self.images, KeptPictures):
            return self.images.fingerprint()
        return zlib.crc32(np.ascontiguousarray(self.images))


def load_pictures(source, height=None, width=None, channels=None, seed=0, fit="cover", cache=None):
    """Find the pictures of a source, and bring them to one size, as uint8.

    Args:
        source: "cifar10", "cifar100", "shapes", the path of a folder, a .zip or an .npz, or a DeepLake dataset.
        height: Height in pixels to bring them to; None keeps CIFAR's or an .npz's own, and means 32 elsewhere.
        width: Width in pixels, likewise.
        channels: 1, 3 or 4; None keeps an .npz's own, and means 3 elsewhere.
        seed: What `shapes` is drawn from.
        fit: "cover", "pad" or "stretch": what to do with other proportions, as in `support.picture_files.fit_image`.
        cache: Path of the file that keeps decoded pictures where they are too many for the memory, or None.

    Returns:
        `Pictures`.

    Raises:
        InputError: If the source is missing, holds no picture, or cannot be read or downloaded.
    """
    if source == "shapes":
        images, labels = draw_shapes(SHAPES_COUNT, height or 32, width or 32, channels or 3, seed)
        return Pictures(images, labels, SHAPE_NAMES, "shapes, drawn by the suite")
    if source in ("cifar10", "cifar100"):
        images, labels = download_cifar(source)
        images = resize_array(images, height, width, channels, fit)
        return Pictures(images, labels, CIFAR_NAMES[source], f"{source}'s training split")

    if is_deeplake(source):
        files = DeepLakePictures(source)
        chosen, broken = np.arange(len(files)), []
    else:
        path = pathlib.Path(source)
        if not source or not path.exists():
            raise InputError(
                f"no such file or folder: {source or 'an empty name'}; "
                "give --data a folder of pictures, a .zip, an .npz or a DeepLake dataset"
            )
        if path.suffix.lower() == ".npz":
            images, labels = load_npz(path)
            class_names = [str(number) for number in range(labels.max() + 1)] if labels is not None else None
            return Pictures(resize_array(images, height, width, channels, fit), labels, class_names, source)
        if not path.is_dir() and path.suffix.lower() != ".zip":
            raise InputError(
                f"{source} is neither a folder nor a .zip nor an .npz; put pictures into a folder and name that"
            )
        files = PictureFolder(path)
        chosen, broken = files.openable()
    class_names, labels = files.classes(chosen)
    images = KeptPictures(files, chosen, labels, (height or 32, width or 32, channels or 3), fit, cache)
    return Pictures(images, labels, class_names, source, broken)


def download_cifar(name):
    """Fetch a CIFAR training split through Keras: uint8 `(50000, 32, 32, 3)` and int32 labels `(50000,)`."""
    import keras

    try:
        (images, labels), _ = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for whatever went wrong on the way
        raise InputError(
            f"{name} could not be downloaded ({error}); "
            "give pictures of your own with --data PATH, or try --preset shapes"
        ) from None
    return images, labels.reshape(-1).astype("int32")


def load_npz(path):
    """Read `x_train` and, where it is there, `y_train`, as Keras ships MNIST.

    Returns:
        uint8 `(n, height, width, channels)`, and int32 labels `(n,)` or None.

    Raises:
        InputError: If `x_train` is missing, holds pickled objects, or is not a stack of 8-bit pictures.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not a zip archive, or was cut short")
        with np.load(path, allow_pickle=False) as arrays:  # a pickle can run any code: never opened
            if "x_train" not in arrays.files:
                held = ", ".join(arrays.files) or "nothing"
                raise InputError(
                    f"{path} has no x_train (it holds {held}); save it with numpy.savez(path, x_train=...)"
                )
            images = arrays["x_train"]
            labels = arrays["y_train"] if "y_train" in arrays.files else None
        if not all(isinstance(array, np.ndarray) for array in (images, labels) if array is not None):
            raise ValueError("an entry is no array")
    except InputError:
        raise
    except DECODING_ERRORS as error:
        raise InputError(
            f"{path} cannot be read as an .npz of plain arrays ({error}); save it again with numpy.savez"
        ) from None
    held = f"{images.dtype} {images.shape}"
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.size:
        raise InputError(
            f"x_train in {path} is {held}; expected uint8 (n, height, width) or "
            "(n, height, width, channels) with 1, 3 or 4 channels, values 0 to 255"
        )
    if labels is not None:
        whole = np.issubdtype(labels.dtype, np.integer) and labels.size
        if not whole or labels.size != len(images) or labels.min() < 0 or labels.max() > MOST_CLASSES:
            held = f"{labels.dtype} {labels.shape}" + (f" from {labels.min()} to {labels.max()}" if whole else "")
            raise InputError(f"y_train in {path} must be {len(images)} class numbers 0 to {MOST_CLASSES}, not {held}")
        labels = labels.reshape(-1).astype("int32")
    return images, labels


def resize_array(images, height, width, channels, fit="cover"):
    """Bring uint8 `(n, h, w, c)` to another size and other channels, where these are given and differ."""
    wanted = (height or images.shape[1], width or images.shape[2], channels or images.shape[3])
    if images.shape[1:] == wanted:
        return images
    return np.stack([fit_image(to_image(image), *wanted, fit) for image in images])


@functools.lru_cache(maxsize=2)  # every step of an epoch asks for it
def epoch_order(count, batch_size, seed, epoch, shuffle_window=0):
    """Compute which pictures each step of an epoch sees.

    Every picture comes once; the last batch is filled up with the first pictures of the epoch, so that all batches
    have one size. The order depends on the seed and the epoch's number alone.

    Args:
        count: Number of pictures.
        batch_size: Pictures in a batch, at most `count`.
        seed: The run's seed.
        epoch: The epoch's number, from 1.
        shuffle_window: 0 mixes all; a window of w moves a picture by less than w places, for sources that are read
            in their own order.

    Returns:
        int array `(steps, batch_size)` of positions, with `steps` = ceil(count / batch_size).
    """
    random = np.random.default_rng([seed, epoch])
    reach = shuffle_window or count
    order = random.permutation(count) if reach >= count else np.argsort(np.arange(count) + reach * random.random(count))
    steps = math.ceil(count / batch_size)
    return np.resize(order, (steps, batch_size))


def to_floats(images):
    """Scale uint8 pictures 0 to 255 to float32 in [-1, 1], where the generator's tanh lives."""
    return images.astype("float32") / 127.5 - 1.0


def main(arguments=None):
    """Look a source over before it is trained on, as `support/doctor.py` says."""
    with one_line_errors("defDATA.py"):
        options = doctor.parse_arguments(arguments)
        pictures = load_pictures(options.path, *doctor.wanted_size(options), fit=options.fit)
        resized = isinstance(pictures.images, np.ndarray) and options.path != "shapes"
        doctor.examine(pictures, load_pictures(options.path) if resized else pictures, options)


if __name__ == "__main__":
    main()
