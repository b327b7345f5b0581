"""Pictures of DeepLake datasets, of version 3: `hub://activeloop/stanford-cars-train`, or a folder that it wrote.

DeepLake is imported only when a dataset is opened: other runs do not need it.
"""

import functools
import io
import logging
import os
import sys
import threading
import types
import zlib

import numpy as np
from PIL import Image

from support.data.addresses import is_address, is_in_deeplake, way_out
from support.data.decoding import SIXTEEN_BITS
from support.data.kinds import open_picture
from support.data.picture_files import files_below
from support.system.errors import InputError

# Megabytes of chunks in memory. A chunk of 8 MB takes 2 ms to read again from a folder, but much longer over the
# network. All of Stanford Cars fits; with a much larger dataset, whole chunks would be loaded again and again for
# single pictures.
CACHE_OF_FOLDER, CACHE_FROM_AFAR, CACHE_DECODED = 64, 1200, 16
MARK = "dataset_meta.json"  # every dataset has it


def is_deeplake(source: str) -> bool:
    """Say whether a source is the address of a DeepLake dataset (`hub://`, `s3://`...), or a folder that holds one."""
    return is_in_deeplake(source) or bool(source) and os.path.isfile(os.path.join(source, MARK))


class DeepLakePictures:
    """The pictures in a DeepLake dataset: its first tensor of pictures, one named `images` before others.

    Only one thread fetches at a time. DeepLake 3.9 changes its cache and its place in the index at every access,
    without a lock, so threads that share a dataset lose chunks ("Unable to get chunk"). Several threads decode, which
    takes longer. The memory stays bounded: the cache drops the least recently used chunks. If chunks were compressed as
    a whole, the cache holds pixels but counts compressed bytes, so it is made smaller.

    Args:
        path: An address or a folder.

    Attributes:
        path: The same.
        names: The names of the pictures in messages; they are numbered from 0, as in the dataset.

    Raises:
        InputError: If DeepLake 3 is not installed, the dataset cannot be opened, or it holds no picture.
    """

    white, passed_over, notes, doubt = SIXTEEN_BITS, {}, (), None  # as a `PictureFolder` has them

    def __init__(self, path):
        self.path, self.lock = str(path), threading.Lock()
        deeplake = import_deeplake(self.path)
        afar = is_address(self.path)
        if "@" in self.path and os.path.isdir(self.path):
            raise InputError(f"{path} has an @, after which DeepLake expects a version; rename or move the folder")
        try:
            size = CACHE_FROM_AFAR if afar else CACHE_OF_FOLDER
            self.dataset = deeplake.load(self.path, read_only=True, verbose=False, memory_cache_size=size)
            self.tensor = find_pictures(self.dataset, self.path)
            count = len(self.tensor)
        except InputError:
            raise
        except Exception as error:  # DeepLake has dozens of error classes without a common parent class
            hint = "check the address and the connection; for a private dataset set ACTIVELOOP_TOKEN"
            hint = hint + way_out(self.path) if afar else "give the folder as DeepLake 3 wrote it, all of it"
            raise InputError(f"{path} cannot be opened as a DeepLake dataset ({in_short(error)}); {hint}") from None
        if not count:
            raise InputError(f"{path} is empty: its tensor {self.tensor.key} has no picture; fill it, or give another")
        if self.tensor.meta.chunk_compression:
            self.dataset.storage.cache_size = CACHE_DECODED * 1_000_000
        self.names = [f"picture {number} of {self.path}" for number in range(count)]

    def __len__(self):
        return len(self.names)

    def image(self, index):
        """Fetch one picture as a Pillow image in its own mode and size. Several threads may call this at once.

        Args:
            index: Position, from 0 to the number of pictures minus 1.

        Returns:
            A Pillow image. A picture that is compressed alone is not decoded yet: decoding may still fail.

        Raises:
            InputError: If the dataset is not there any more.
            OSError, ValueError and others of `DECODING_ERRORS`: If the picture is damaged.
        """
        with self.lock:
            try:
                data = self._fetch(int(index))
            except Exception:
                self._check_it_is_there()
                try:
                    data = self._fetch(int(index))  # the second try helps if the connection was lost for a moment
                except Exception as error:
                    raise OSError(f"{self.names[index]} cannot be read ({in_short(error)})") from None
        return open_picture(io.BytesIO(data)) if isinstance(data, bytes) else array_to_image(data)

    def _fetch(self, index):
        """Return a picture's compressed bytes, or its pixels if it is not compressed alone (or not at all)."""
        meta = self.tensor.meta
        if meta.is_link or meta.sample_compression not in (None, "lz4"):
            try:
                return self.tensor[index].tobytes()
            except NotImplementedError:  # a large picture, in tiles
                pass
        return self.tensor[index].numpy()

    def _check_it_is_there(self):
        try:
            self.dataset.base_storage[MARK]
        except Exception as error:
            raise InputError(
                f"{self.path} was there and cannot be read any more ({in_short(error)}); "
                "put it back into its place, or check the connection, and go on with --resume"
            ) from None

    def classes(self, chosen=None):
        """Find the classes in the first tensor of class labels.

        Args:
            chosen: Positions of the pictures to look at; None for all. Classes without any of these are left out.

        Returns:
            `(class_names, labels)`: names in the order of the dataset's own numbers, and an int32 array `(n,)` of
            positions in these names. `(None, None)` if pictures do not have exactly one label each, or all have the
            same.

        Raises:
            InputError: If the labels cannot be read.
        """
        numbers, names = self._labels
        if numbers is None:
            return None, None
        present, labels = np.unique(numbers if chosen is None else numbers[chosen], return_inverse=True)
        if len(present) < 2:
            return None, None
        class_names = [str(names[number]) if number < len(names) else str(number) for number in present]
        return class_names, labels.reshape(-1).astype("int32")

    @functools.cached_property
    def _labels(self):
        """Return the pictures' class numbers `(n,)` or None, and the names of the classes as far as there are any."""
        found = [tensor for tensor in self.dataset.tensors.values() if tensor.htype == "class_label"]
        if not found or len(found[0]) < len(self):
            return None, []
        with self.lock:
            try:
                labels = found[0].numpy(aslist=True)[: len(self)]
                names = list(found[0].info.get("class_names") or [])
            except Exception as error:
                self._check_it_is_there()
                raise InputError(
                    f"the labels {found[0].key} in {self.path} cannot be read ({in_short(error)}); "
                    "copy the dataset anew, or take the tensor out"
                ) from None
        if any(np.size(label) != 1 for label in labels):
            return None, []
        return np.array(labels).reshape(-1), names

    def fingerprint(self):
        """Return a number that identifies the pictures, without reading them; copied files give the same number.

        It is made of the version, the chunks' names, the labels, and in a folder also the files' sizes. It does not
        notice pictures that were overwritten, without a commit, by others with exactly the same number of bytes.
        """
        labels, names = self._labels
        parts = [self.tensor.key, len(self), names, None if labels is None else labels.tolist()]
        with self.lock:
            engine = self.tensor.chunk_engine
            parts += [self.dataset.pending_commit_id, engine.chunk_id_encoder.array.tolist()]
            parts += [sorted(engine.commit_diff.data_updated)]
        if not is_address(self.path):
            sizes = [
                (file.relative_to(self.path).as_posix(), file.stat().st_size) for file in files_below(self.path)[0]
            ]
            parts += sorted(size for size in sizes if not size[0].endswith(".lock"))  # another program is writing
        return zlib.crc32(repr(parts).encode())


def import_deeplake(path):
    """Import DeepLake 3, and switch off its reports to its makers, update checks, prints and endless waits.

    Args:
        path: The source to read, for the message.

    Returns:
        The module.

    Raises:
        InputError: If it is not installed, or has another version.
    """
    os.environ["BUGGER_OFF"] = "true"  # switches off humbug, which reports every call and crash to bugout.dev
    no_look = types.ModuleType("deeplake.util.check_latest_version")  # the real one asks PyPI on import
    no_look.warn_if_update_required = lambda version: None
    sys.modules.setdefault(no_look.__name__, no_look)
    remedy = "in an environment of its own, pip install -r requirements-deeplake.txt" + way_out(path)
    try:
        import deeplake
    except ImportError as error:
        raise InputError(f"{path} needs DeepLake 3, which cannot be imported ({in_short(error)}); {remedy}") from None
    if not deeplake.__version__.startswith("3."):
        raise InputError(f"{path} needs DeepLake 3, and version {deeplake.__version__} is installed; {remedy}")

    import deeplake.client.client
    import requests
    from botocore.config import Config

    logging.getLogger("deeplake").setLevel(logging.ERROR)
    deeplake.constants.SHOW_ITERATION_WARNING = False
    deeplake.config["s3"] = Config(connect_timeout=10, read_timeout=60, max_pool_connections=50)  # default: 300 s each

    def request(method, url, timeout=None, **options):
        with requests.Session() as session:
            session.mount("https://", requests.adapters.HTTPAdapter(max_retries=2))
            try:
                return session.request(method, url, timeout=(10, 60), **options)
            except requests.exceptions.ConnectionError:  # without this DeepLake 3.9.52 would ask again for ever
                raise ConnectionError(f"{url.split('/')[2]} does not answer") from None

    deeplake.client.client.requests = types.SimpleNamespace(request=request, exceptions=requests.exceptions)
    return deeplake


def find_pictures(dataset, path):
    """Find the tensor of pictures: of htype image, or else of arrays `(height, width)` or `(height, width, channels)`.

    Raises:
        InputError: If there is none.
    """

    def is_picture(tensor):
        return tensor.htype.removeprefix("link[").startswith("image")

    def may_be_picture(tensor):
        if tensor.htype != "generic" or tensor.dtype != np.uint8 or not len(tensor):
            return False
        return tensor.ndim == 3 or (tensor.ndim == 4 and tensor.meta.max_shape[-1] in (1, 3, 4))

    found = [tensor for tensor in dataset.tensors.values() if is_picture(tensor) or may_be_picture(tensor)]
    if not found:
        raise InputError(
            f"{path} holds no pictures (its tensors: {', '.join(dataset.tensors) or 'none'}); "
            "give a dataset with a tensor of htype image, or of uint8 arrays (height, width, channels)"
        )
    return max(found, key=lambda tensor: (len(tensor) > 0, is_picture(tensor), tensor.key.split("/")[-1] == "images"))


def array_to_image(pixels):
    """Turn uint8 pixels `(height, width)` or `(height, width, 1, 3 or 4)` into a Pillow image.

    Raises:
        ValueError: If the pixels have another type or shape, or there are none.
    """
    pixels = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    if pixels.dtype != np.uint8 or not pixels.size or not (pixels.ndim == 2 or pixels.shape[2:] in ((3,), (4,))):
        raise ValueError(f"no picture: {pixels.dtype} {pixels.shape}")
    return Image.fromarray(pixels)


def in_short(error):
    """Return an error's text in one line, without the long advice that some errors have."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
