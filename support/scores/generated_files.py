"""Reads generated pictures from an .npz or a folder, in their own size."""

import pathlib

import numpy as np
from tqdm import tqdm

from support.data.picture_files import DECODING_ERRORS, PictureFolder, to_mode
from support.system.errors import InputError

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def read_pictures(path, count=None, seed=0):
    """Read pictures from an .npz with `arr_0`, as samples.py writes it, or from a folder.

    Args:
        path: Path of the .npz or the folder.
        count: How many to take, chosen at random; None: all.
        seed: Chooses them.

    Returns:
        uint8 `(n, height, width, channels)`.

    Raises:
        InputError: If they cannot be read, are fewer than `count`, or have different sizes.
    """
    path = pathlib.Path(path)
    if not path.is_dir() and (path.suffix.lower() != ".npz" or not path.is_file()):
        what = "this is none of them" if path.exists() else "there is no such file"
        raise InputError(f"{path}: {what}; give a generator (.h5, .keras), an .npz of pictures, or a folder of them")
    source = PictureFolder(path) if path.is_dir() else read_array(path)
    if count is not None and count > len(source):
        raise InputError(f"--n {count}: {path} holds {len(source)} pictures; lower it, or leave it out to take all")
    chosen = np.arange(len(source))
    if count is not None:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(source))[:count])
    return read_folder(source, chosen) if path.is_dir() else source[chosen]


def read_array(path):
    """Read `arr_0` of an .npz: uint8 `(n, height, width, channels)`."""
    try:
        with np.load(path, allow_pickle=False) as arrays:  # a pickle can run any code, so it is never opened
            if "arr_0" not in arrays.files:
                raise InputError(
                    f"{path} has no arr_0 (it holds {', '.join(arrays.files) or 'nothing'}); "
                    "write it with samples.py --out FILE.npz, or numpy.savez(path, pictures)"
                )
            pictures = arrays["arr_0"]
    except InputError:
        raise
    except (*DECODING_ERRORS, AttributeError) as error:  # AttributeError: the file is no .npz in spite of its name
        raise InputError(f"{path} cannot be read as an .npz of plain arrays ({error}); write it again") from None
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] not in (1, 3, 4) or not pictures.size:
        raise InputError(
            f"arr_0 in {path} is {pictures.dtype} {pictures.shape}; "
            "expected uint8 (n, height, width, channels) with 1, 3 or 4 channels, values 0 to 255"
        )
    return pictures


def read_folder(files, chosen):
    """Decode the pictures of a `PictureFolder` at the positions `chosen`; all must have the size of the first."""
    pictures = None
    for place, index in enumerate(tqdm(chosen, unit=" pictures", leave=False, disable=None)):
        name = files.names[index]
        try:
            with files.image(index) as image:
                if pictures is None:
                    mode = image.mode if image.mode in CHANNELS else "RGB"
                    pictures = np.empty((len(chosen), image.height, image.width, CHANNELS[mode]), "uint8")
                picture = np.asarray(to_mode(image, mode))
        except DECODING_ERRORS as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{files.path / name} does not decode ({error}); take it out, or draw it again") from None
        if picture.shape[:2] != pictures.shape[1:3]:
            raise InputError(
                f"{files.path / name} is {picture.shape[0]}x{picture.shape[1]} and the first picture is "
                f"{pictures.shape[1]}x{pictures.shape[2]} (height x width); pictures to be judged have one size"
            )
        pictures[place] = picture.reshape(pictures.shape[1:])
    return pictures
