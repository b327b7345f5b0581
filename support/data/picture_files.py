"""Finds the picture files in a folder or a .zip, and opens them; decoding.py turns them into arrays."""

import contextlib
import io
import os
import pathlib
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from support.data import folder_classes, kinds
from support.data.decoding import DECODING_ERRORS, SIXTEEN_BITS, one_large_at_a_time
from support.system.errors import InputError

WHITE_LEVELS = (255, 1023, 4095, 16_383, SIXTEEN_BITS)  # 8, 10, 12, 14 or 16 of a file's 16 bits are in use
SMALL_FILE = 100_000  # bytes; up to here a file is read at once to look at its beginning
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
FILES_TO_EXPLAIN = 1000  # of those that do not open, so many are looked at for the reason
FILES_FOR_WHITE = 64  # of 16-bit files, so many are read to find out how many bits are in use


class PictureFolder:
    """The pictures in a folder or a .zip, in subfolders of any depth too.

    Args:
        path: A folder, or a .zip of one.

    Attributes:
        names: Paths of the pictures below `path`, sorted. Hidden files and what systems leave behind are skipped.
        passed_over: A `collections.Counter` from an ending to the number of other files.
        white: The level that is white in 16-bit files; `openable` finds out whether they use fewer bits.
        notes: Sentences about what was found, for the user.
        doubt: None, or why the folders that `classes` found are probably no classes.

    Raises:
        InputError: If nothing is there, it cannot be read, or it holds no picture.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.archive, unreadable = None, []
        if not os.access(self.path, os.R_OK):
            raise InputError(f"{self.path} may not be read by this user; change its permissions, or copy it")
        try:
            if self.path.is_dir():
                files, unreadable = files_below(self.path)
                names = [file.relative_to(self.path).as_posix() for file in files]
            else:
                self.archive = open_archive(self.path)
                entries = [entry for entry in self.archive.infolist() if not entry.is_dir()]
                names = [entry.filename for entry in entries]
                if any(entry.flag_bits & 1 for entry in entries):
                    raise InputError(f"{self.path} is locked with a password; unpack it and give the folder")
                if any(entry.compress_type not in COMPRESSIONS for entry in entries):
                    raise InputError(
                        f"{self.path} is compressed in a way that Python does not know (Deflate64 of large archives on "
                        "Windows, or zstd); unpack it and give the folder"
                    )
        except InputError:
            raise
        except RecursionError:
            raise InputError(f"{self.path} has folders inside folders, too many to follow; give an inner one") from None
        except (zipfile.BadZipFile, NotImplementedError, ValueError, IndexError, struct.error):  # it is damaged
            raise InputError(
                f"{self.path} is not a .zip, or was cut short; give a whole one, or unpack it and give the folder"
            ) from None
        self.names, self.passed_over = kinds.sort_out(names)
        self.white, self.notes, self.doubt = SIXTEEN_BITS, [], None
        if unreadable:
            shown = (
                f"{len(unreadable):,} folders, {unreadable[0]} for instance," if len(unreadable) > 1 else unreadable[0]
            )
            self.notes.append(f"{shown} may not be read by this user, and what is inside is left out")
        if not self.names:
            kinds.refuse_no_pictures(self.path, names, self.passed_over)
        self.labels_files = [name for name in names if kinds.folders_and_file(name)[-1] == kinds.LABELS_FILE]

    def __len__(self):
        return len(self.names)

    def openable(self):
        """Read the beginning of every file, to find files that are no pictures in spite of their name.

        Returns:
            `(chosen, broken)`: positions in `names` of the files that open, and the names of the others. A file that is
            cut short later still opens; only a small one in a .zip is read to its end, and its checksum is checked.

        Raises:
            InputError: If none opens.
        """

        too_large = []

        def mode_of(name):
            try:
                size = self._size(name)
                if size > kinds.MOST_BYTES:
                    return None
                with self._open(name) as file:
                    # Pillow reads the beginning in dozens of small pieces; out of a .zip each of them takes its time.
                    beginning = io.BytesIO(file.read(size)) if size <= SMALL_FILE else file
                    with kinds.open_picture(beginning) as image:
                        return image.mode
            except DECODING_ERRORS as error:
                if isinstance(error, kinds.Image.DecompressionBombError):
                    too_large.append(name)
                return None

        if self.archive:  # a .zip is read by one thread at a time, and others that wait for it only cost time
            modes = [mode_of(name) for name in self.names]
        else:
            with ThreadPoolExecutor() as pool:  # on a network disk each file has to be waited for
                modes = list(pool.map(mode_of, self.names))
        good = np.array([mode is not None for mode in modes])
        broken = [name for name, opened in zip(self.names, good, strict=True) if not opened]
        self._explain(broken, too_large)
        if not good.any():
            why = f" ({'; '.join(self.notes)})" if self.notes else ""
            raise InputError(
                f"none of the {len(broken)} pictures in {self.path} opens, {broken[0]} for instance{why}; "
                "give pictures that a viewer can open"
            )
        self._find_white([index for index, mode in enumerate(modes) if mode and mode.startswith("I")])
        return np.flatnonzero(good), broken

    def _explain(self, broken, too_large):
        """Note why pictures do not open, where it is known."""
        found = {}
        for name in broken[:FILES_TO_EXPLAIN]:
            with contextlib.suppress(*DECODING_ERRORS), self._open(name) as file:
                found.setdefault(kinds.what_it_is(file.read(64)), []).append(name)
        found.pop(None, None)
        if too_large:
            most = f"{kinds.MOST_PIXELS:,} pixels (JPEG: {kinds.MOST_OF_A_JPEG:,})"
            found[f"larger than {most}: make them smaller"] = too_large
        for what, names in found.items():
            self.notes.append(f"{len(names):,} that do not open are {what}, {names[0]} for instance")

    def _find_white(self, deep):
        """Find out how many bits the 16-bit files use: cameras and scanners store 10, 12 or 14 bits in 16."""
        most = 0
        for place in np.linspace(0, len(deep) - 1, min(len(deep), FILES_FOR_WHITE)).round().astype(int):
            try:
                with self.image(deep[place]) as image, one_large_at_a_time(image):
                    most = max(most, image.getextrema()[1])
            except DECODING_ERRORS:
                continue
        if most > 0:
            self.white = next((white for white in WHITE_LEVELS if most <= white), SIXTEEN_BITS)
        if self.white < SIXTEEN_BITS:
            bits = self.white.bit_length()
            self.notes.append(
                f"{len(deep):,} files have 16 bits a pixel and use {bits}: level {self.white} is taken as white"
            )

    def _size(self, name):
        """Return the bytes of a file, in an archive those that it unpacks to."""
        return self.archive.getinfo(name).file_size if self.archive else (self.path / name).stat().st_size

    def image(self, index):
        """Open one picture as a Pillow image in its own mode and size. Several threads may call this at once.

        Raises:
            InputError: If the file, or the whole folder, does not exist any more.
            OSError, ValueError and others of `DECODING_ERRORS`: If it does not open. (Decoding may fail later.)
        """
        data = self._read(self.names[index])
        kinds.refuse_endless(data)
        return kinds.open_picture(io.BytesIO(data))

    def _open(self, name):
        return self.archive.open(name) if self.archive else open(self.path / name, "rb")

    def _read(self, name, most=kinds.MOST_BYTES):
        try:
            with self._open(name) as file:
                data = file.read(most + 1)
            if len(data) > most:
                raise ValueError(f"it has more than {most:,} bytes")
            return data
        except OSError as error:
            if error.errno is None:  # an error of zipfile itself: this entry is damaged
                raise
            raise InputError(
                f"{self.path / name} was there and cannot be read any more ({error.strerror}); "
                "put the pictures back into their place"
            ) from None

    def fingerprint(self):
        """Return a number that identifies the pictures, made of their names and sizes, without reading them."""
        sizes = [self._size(name) for name in self.names]
        return zlib.crc32(repr(list(zip(self.names, sizes, strict=True))).encode())

    def classes(self, chosen=None):
        """Find the classes: those of a `dataset.json` where there is one, otherwise each folder is one class.

        Args:
            chosen: Positions in `names` of the pictures to use, for example those that decode; None for all. A folder
                without any of these pictures is no class.

        Returns:
            `(class_names, labels)`: sorted names and an int32 array `(n,)`; or `(None, None)` unless all pictures are
            in two or more such folders. If these look like parts of one set, `doubt` says so.
        """
        names = self.names if chosen is None else [self.names[index] for index in chosen]
        for file in self.labels_files:
            start = len(file) - len(kinds.LABELS_FILE)
            if not all(name.startswith(file[:start]) for name in names):
                continue
            try:
                text = self._read(file, folder_classes.MOST_BYTES)
                class_names, labels = folder_classes.classes_by_labels(text, [name[start:] for name in names])
            except DECODING_ERRORS as error:
                self.notes.append(f"{file} gives no classes: {error}")
                continue
            if class_names:
                return class_names, labels
        class_names, labels, self.doubt = folder_classes.classes_by_folder(names)
        return class_names, labels


def open_archive(path):
    """Open a .zip. Names without a mark of their encoding are UTF-8 (macOS) if all of them can be, else CP437."""
    try:
        return zipfile.ZipFile(path, metadata_encoding="utf-8")
    except UnicodeDecodeError:
        return zipfile.ZipFile(path)


def files_below(folder):
    """List the files in a folder, to any depth.

    It follows links to other folders. It does not follow a link to a folder inside this one or around it, or a second
    link to the same folder: that would only give the same pictures again.

    Returns:
        `(files, unreadable)`: lists of the files, and of the folders that this user may not read.
    """
    here, followed, found, unreadable = os.path.realpath(folder), set(), [], []

    def note(error):
        unreadable.append(os.path.relpath(error.filename, folder))

    def worth_a_look(path):
        if not os.path.islink(path):
            return True
        there = os.path.realpath(path)
        nested = (there + os.sep).startswith(here + os.sep) or (here + os.sep).startswith(there + os.sep)
        return not (nested or there in followed or followed.add(there))

    for parent, folders, files in os.walk(folder, onerror=note, followlinks=True):
        folders[:] = [name for name in sorted(folders) if worth_a_look(os.path.join(parent, name))]
        found += [pathlib.Path(parent, name) for name in files if os.path.isfile(os.path.join(parent, name))]
    return found, unreadable
