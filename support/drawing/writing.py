"""Writes pictures that arrive batch by batch: as a grid, a folder, an animation or an array."""

import itertools
import pathlib
import tempfile
import zipfile

import numpy as np

from support.drawing.class_grid import with_row_names
from support.drawing.grid import picture_grid, save_image, to_image, write_gif
from support.system.atomic_files import folder_written_beside, written_beside
from support.system.errors import InputError

FOUR_WAYS = "FILE.png for a grid, FILE.gif for a walk, FILE.npz for an array, a name without an ending for single PNGs"

# A larger grid is useless to look at, and one of 50,000 pictures would need more memory than the model.
MOST_IN_A_GRID = 10_000
MOST_IN_A_WALK = 400


def check_output(path, count, classes=None):
    """Check before the long work that the result can be written at its end.

    Args:
        path: Where the pictures go.
        count: How many there will be.
        classes: If `count` pictures of each class are drawn, the number of classes; else None.

    Returns:
        `".png"`, `".gif"`, `".npz"` or, for a folder, `""`.

    Raises:
        InputError: If the ending is unknown, the place cannot be written, or there are too many pictures for this form.
    """
    path = pathlib.Path(path)
    ending = path.suffix.lower()
    if ending not in (".png", ".gif", ".npz"):
        if ending and not path.is_dir():
            raise InputError(f"--out {path} ends in {path.suffix}, which is none of the four ways: {FOUR_WAYS}")
        ending = ""
        if path.exists() and not path.is_dir():
            raise InputError(f"--out {path} is a file; {FOUR_WAYS}")
        if path.is_dir() and any(path.iterdir()):
            raise InputError(
                f"--out {path} is a folder with files in it, old pictures would mix with new ones; name another"
            )
    elif path.is_dir():
        raise InputError(f"--out {path} is a folder; choose another name")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"--out {path}: there is no folder {folder}; create it first, or choose another place")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"--out {path}: folder {folder} cannot be written ({error.strerror}); choose another"
        ) from error
    most = {".png": MOST_IN_A_GRID, ".gif": MOST_IN_A_WALK}.get(ending, count)
    if count * (classes or 1) > most:
        each, instead = "", "--out FILE.npz or a folder"
        if classes is not None:
            each, instead = f" of each of {classes} classes", "one class with --class in place of --class-grid"
        raise InputError(f"--n {count}{each}: a {ending} shows {most} pictures at most; take fewer, or {instead}")
    return ending


def write_grid(path, batches, columns=None, row_names=None):
    """Write all pictures side by side into one PNG.

    Args:
        path: Path of the PNG.
        batches: Iterable of uint8 arrays `(b, height, width, channels)`.
        columns: Pictures in a row; by default as many as make the grid nearly square.
        row_names: What to write at the left of each row, or None.
    """
    grid = picture_grid(np.concatenate(list(batches)), columns)
    save_image(with_row_names(grid, row_names) if row_names else grid, path)


def write_folder(path, batches, count):
    """Write each picture into a PNG (00000.png and so on) of a folder, which is made completely or not at all.

    Args:
        path: Path of the folder; it must be empty or not exist yet.
        batches: Iterable of uint8 arrays `(b, height, width, channels)`.
        count: How many pictures there will be; it decides how many digits the names have.
    """
    path = pathlib.Path(path)
    digits = max(5, len(str(count - 1)))
    with folder_written_beside(path) as temporary:
        for index, picture in enumerate(itertools.chain.from_iterable(batches)):
            to_image(picture).save(temporary / f"{index:0{digits}d}.png")


def write_animation(path, frames, columns=None, row_names=None):
    """Write an animation that loops forever; every frame is a grid.

    Args:
        path: Path of the GIF.
        frames: Iterable of uint8 arrays `(n, height, width, channels)`, one for each frame.
        columns: Pictures in a row of the grid.
        row_names: What to write at the left of each row, or None.
    """
    grids = (picture_grid(pictures, columns) for pictures in frames)
    with written_beside(path) as temporary:
        write_gif(temporary, (with_row_names(grid, row_names) if row_names else grid for grid in grids))


def write_array(path, batches, count, picture_shape):
    """Write all pictures into the array `arr_0` of a .npz, batch by batch, so that they need little memory.

    Args:
        path: Path of the .npz.
        batches: Iterable of uint8 arrays `(b, height, width, channels)`.
        count: How many pictures there will be; the file stores this number before the first picture.
        picture_shape: `(height, width, channels)`.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *picture_shape)}
    with (
        written_beside(path) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for pictures in batches:
            file.write(np.ascontiguousarray(pictures).tobytes())


def write_pictures(plan, batches, picture_shape):
    """Write pictures in the form that the ending of the path means: a grid, an array, or a folder of PNGs.

    Args:
        plan: A `support.drawing.plan.Plan`, but not for an animation.
        batches: Iterable of uint8 arrays `(b, height, width, channels)`.
        picture_shape: `(height, width, channels)`.
    """
    if plan.ending == ".png":
        write_grid(plan.out, batches, plan.columns)
    elif plan.ending == ".npz":
        write_array(plan.out, batches, plan.count, picture_shape)
    else:
        write_folder(plan.out, batches, plan.count)
