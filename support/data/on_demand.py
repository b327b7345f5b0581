"""Pictures that are decoded when they are first needed, and then kept in memory, or in a file if there are too many."""

import threading

import numpy as np
from tqdm import tqdm

from support.data.decoding import DECODING_ERRORS, SIXTEEN_BITS, fit_image
from support.data.disk_cache import PictureCache
from support.system.errors import InputError

MOST_IN_MEMORY = 1_500_000_000  # bytes of pixels; with Python, Keras and a backend the process stays below 3 GB
MOST_NAMED = 3  # files that do not decode; more are not named


class KeptPictures:
    """Pictures that behave like a uint8 array `(n, height, width, channels)`, for any number of pictures.

    If a file does not decode, a message names it once, and the next picture of its class replaces it from then on. The
    replacement depends only on the pictures, so a resumed run gets the same one.

    Args:
        files: The source: a `PictureFolder`, or an object with the same methods `image` and `fingerprint` and the same
            attributes `names`, `path` and `white`.
        chosen: Positions in `files` of the pictures to use, `(n,)`.
        labels: Their classes, `(n,)`, or None.
        size: `(height, width, channels)` to scale them to.
        fit: "cover", "pad" or "stretch", as in `fit_image`.
        cache: Path of the file for pictures that do not fit in memory, or None: then they are decoded at each use.

    Attributes:
        shape: `(n, height, width, channels)`.

    Example:
        images[[3, 1, 4]]      # uint8 (3, height, width, channels); several threads may call this
    """

    def __init__(self, files, chosen, labels, size, fit="cover", cache=None):
        self.files, self.chosen, self.labels, self.fit = files, chosen, labels, fit
        self.shape = (len(chosen), *size)
        self.broken, self.lock = set(), threading.Lock()
        if np.prod(self.shape) <= MOST_IN_MEMORY:
            self.kept = {}
        elif cache:
            key = f"{files.fingerprint()} {list(self.shape)} {fit}"
            key += f" white {files.white}" if files.white != SIXTEEN_BITS else ""
            self.kept = PictureCache(cache, key, np.prod(self.shape))
        else:
            self.kept = None

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, positions):
        """Return the pictures at these positions, a list or an array of integers `(m,)`."""
        pictures = np.empty((len(positions), *self.shape[1:]), "uint8")
        for place, position in enumerate(positions):
            pictures[place] = self._picture(int(position))
        return pictures

    def fingerprint(self):
        """Return a number that identifies the pictures."""
        return self.files.fingerprint()

    def _picture(self, position):
        data = self.kept.get(position) if self.kept is not None else None
        if data is None or len(data) != np.prod(self.shape[1:]):  # missing or damaged
            data = self._decode(position).tobytes()
            if self.kept is not None:
                self.kept[position] = data
        return np.frombuffer(data, "uint8").reshape(self.shape[1:])

    def _decode(self, position):
        tried = 0
        for candidate in self._followers(position):
            index, tried = self.chosen[candidate], tried + 1
            try:
                return fit_image(self.files.image(index), *self.shape[1:], self.fit, self.files.white)
            except InputError:
                raise
            except DECODING_ERRORS:
                self._note_broken(self.files.names[index])
        raise InputError(
            f"none of the {tried} pictures beside {self.files.names[self.chosen[position]]} in "
            f"{self.files.path} decodes; take them out, or give pictures that a viewer can open"
        )

    def _followers(self, position):
        """Yield the position, then the other positions of its class: those after it, then those before it."""
        yield position  # almost always this one is enough
        following = np.roll(np.arange(len(self)), -position)[1:]
        yield from following if self.labels is None else following[self.labels[following] == self.labels[position]]

    def _note_broken(self, name):
        with self.lock:  # two threads may find the same broken file
            if name in self.broken:
                return
            self.broken.add(name)
            count = len(self.broken)
        if count <= MOST_NAMED:
            tqdm.write(f"{name} does not decode; the next picture stands in for it")
        elif count == MOST_NAMED + 1:
            tqdm.write(f"more pictures do not decode; python defDATA.py {self.files.path} names them all")
