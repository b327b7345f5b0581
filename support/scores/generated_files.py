"""Reads generated pictures from an .npz, a folder or a .zip, in their own size."""

import pathlib

import numpy as np
from tqdm import tqdm

from support.data.addresses import refuse_address
from support.data.decoding import DECODING_ERRORS, one_large_at_a_time, to_mode, upright
from support.data.npz import as_pictures, read_arrays
from support.data.picture_files import PictureFolder
from support.system.errors import InputError

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def read_pictures(path, count=None, seed=0):
    """Read pictures from an .npz, as samples.py writes it, or from a folder or a .zip.

    Args:
        path: Path of the .npz, the folder or the .zip.
        count: How many to take, chosen at random; None: all.
        seed: Chooses them.

    Returns:
        uint8 `(n, height, width, channels)`.

    Raises:
        InputError: If they cannot be read, are fewer than `count`, or have different sizes.
    """
    path = pathlib.Path(path)
    is_folder = path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file())
    if not is_folder and (path.suffix.lower() != ".npz" or not path.is_file()):
        refuse_address(str(path))
        what = "this is none of them" if path.exists() else "there is no such file"
        raise InputError(
            f"{path}: {what}; give a generator (.h5, .keras), an .npz of pictures, or a folder or .zip of them"
        )
    source = PictureFolder(path) if is_folder else read_array(path)
    if count is not None and count > len(source):
        raise InputError(f"--n {count}: {path} holds {len(source)} pictures; lower it, or leave it out to take all")
    chosen = np.arange(len(source))
    if count is not None:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(source))[:count])
    return read_folder(source, chosen) if is_folder else source[chosen]


def read_array(path):
    """Read the pictures of an .npz: uint8 `(n, height, width, channels)`."""
    pictures, name, _ = read_arrays(path)
    return as_pictures(pictures, f"{name} in {path}")


def read_folder(files, chosen):
    """Decode the pictures of a `PictureFolder` at the positions `chosen`; all must have the size of the first.

    They are grey if all are grey, they have alpha if all have it, and otherwise they are in colour.
    """
    files.openable()  # finds out what is white in files of 16 bits
    modes = {decoded(files, index, plain_mode) for index in chosen}
    mode = modes.pop() if len(modes) == 1 else "RGB"
    pictures = None
    for place, index in enumerate(tqdm(chosen, unit=" pictures", leave=False, disable=None)):
        picture = decoded(files, index, lambda image: np.asarray(to_mode(upright(image), mode, files.white)))
        if pictures is None:
            pictures = np.empty((len(chosen), *picture.shape[:2], CHANNELS[mode]), "uint8")
        if picture.shape[:2] != pictures.shape[1:3]:
            raise InputError(
                f"{files.path / files.names[index]} is {picture.shape[0]}x{picture.shape[1]} and the first picture is "
                f"{pictures.shape[1]}x{pictures.shape[2]} (height x width); pictures to be judged have one size"
            )
        pictures[place] = picture.reshape(pictures.shape[1:])
    return pictures


def plain_mode(image):
    """Return "L", "RGB" or "RGBA": the mode that holds all of a Pillow image of any mode."""
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L", "F") or image.mode.startswith("I") else "RGB"


def decoded(files, index, read):
    """Return what the function `read` makes of a picture.

    Raises:
        InputError: If it does not decode.
    """
    try:
        with files.image(index) as image, one_large_at_a_time(image):
            return read(image)
    except InputError:
        raise
    except DECODING_ERRORS as error:
        name = files.path / files.names[index]
        raise InputError(f"{name} does not decode ({error}); take it out, or draw it again") from None
