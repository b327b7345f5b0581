"""Loads pictures from an .npz of plain arrays; Keras' MNIST file has this form."""

import zipfile

import numpy as np

from support.data.picture_files import DECODING_ERRORS
from support.system.errors import InputError

MOST_CLASSES = 65_535  # a larger number is no class, but perhaps a year or an identity


def load_npz(path):
    """Read `x_train` and, if it exists, `y_train`, the names that Keras' MNIST file uses.

    Returns:
        uint8 `(n, height, width, channels)`, and int32 labels `(n,)` or None.

    Raises:
        InputError: If `x_train` is missing, holds pickled objects, or is not a stack of 8-bit pictures.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not a zip archive, or was cut short")
        with np.load(path, allow_pickle=False) as arrays:  # a pickle can run any code, so it is never opened
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
