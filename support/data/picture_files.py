"""Turns picture files of any kind and size into arrays of one size."""

import io
import os
import pathlib
import struct
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps

from support.system.errors import InputError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# The errors of Pillow and zipfile for a damaged, encrypted or extremely large file. (Mostly OSError.)
DECODING_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
DECODING_ERRORS += (zipfile.BadZipFile, Image.DecompressionBombError)
# Pillow warns of a damaged EXIF note, 100 megapixels or an odd palette, but the picture is still usable.
warnings.filterwarnings("ignore", module=r"PIL\.")
PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class PictureFolder:
    """The pictures in a folder or a .zip, in subfolders of any depth too.

    Args:
        path: A folder, or a .zip of one.

    Attributes:
        names: Paths of the pictures below `path`, sorted. Hidden files and what macOS adds to archives are skipped.

    Raises:
        InputError: If nothing is there, it cannot be read, or it holds no picture.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.archive = None
        if not os.access(self.path, os.R_OK):
            raise InputError(f"{self.path} may not be read by this user; change its permissions, or copy it")
        try:
            if self.path.is_dir():
                names = [file.relative_to(self.path).as_posix() for file in files_below(self.path)]
            else:
                self.archive = zipfile.ZipFile(self.path)
                entries = [entry for entry in self.archive.infolist() if not entry.is_dir()]
                names = [entry.filename for entry in entries]
                if any(entry.flag_bits & 1 for entry in entries):
                    raise InputError(f"{self.path} is locked with a password; unpack it and give the folder")
        except InputError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, ValueError, IndexError, struct.error):  # it is damaged
            raise InputError(
                f"{self.path} is not a .zip, or was cut short; give a whole one, or unpack it and give the folder"
            ) from None
        self.names = sorted(
            name
            for name in names
            if name.lower().endswith(ENDINGS)
            and not any(part.startswith((".", "__MACOSX")) and part != "." for part in folders_and_file(name))
        )
        if not self.names:
            raise InputError(
                f"{self.path} holds {len(names)} files and no picture; pictures end in {', '.join(ENDINGS)}"
            )

    def __len__(self):
        return len(self.names)

    def openable(self):
        """Read the beginning of every file, to find files that are no pictures in spite of their name.

        Returns:
            `(chosen, broken)`: positions in `names` of the files that open, and the names of the others. A file that is
            cut short later still opens.

        Raises:
            InputError: If none opens.
        """

        def opens(name):
            try:
                with self.archive.open(name) if self.archive else open(self.path / name, "rb") as file:
                    Image.open(file).close()
                return True
            except DECODING_ERRORS:
                return False

        with ThreadPoolExecutor() as pool:
            good = np.fromiter(pool.map(opens, self.names), bool, len(self.names))
        broken = [name for name, opened in zip(self.names, good, strict=True) if not opened]
        if not good.any():
            raise InputError(
                f"none of the {len(broken)} pictures in {self.path} opens, {broken[0]} for instance; "
                "give pictures that a viewer can open"
            )
        return np.flatnonzero(good), broken

    def image(self, index):
        """Open one picture as a Pillow image in its own mode and size. Several threads may call this at once.

        Raises:
            InputError: If the file, or the whole folder, does not exist any more.
            OSError, ValueError and others of `DECODING_ERRORS`: If it does not open. (Decoding may fail later.)
        """
        return Image.open(io.BytesIO(self._read(self.names[index])))

    def _read(self, name):
        try:
            return self.archive.read(name) if self.archive else (self.path / name).read_bytes()
        except OSError as error:
            if error.errno is None:  # an error of zipfile itself: this entry is damaged
                raise
            raise InputError(
                f"{self.path / name} was there and cannot be read any more ({error.strerror}); "
                "put the pictures back into their place"
            ) from None

    def fingerprint(self):
        """Return a number that identifies the pictures, made of their names and sizes, without reading them."""
        if self.archive:
            sizes = [self.archive.getinfo(name).file_size for name in self.names]
        else:
            sizes = [(self.path / name).stat().st_size for name in self.names]
        return zlib.crc32(repr(list(zip(self.names, sizes, strict=True))).encode())

    def classes(self, chosen=None):
        """Find the classes: each folder is one class, with all its subfolders.

        Folders that contain all pictures (`my-download/train/`) are skipped first.

        Args:
            chosen: Positions in `names` of the pictures to use, for example those that decode; None for all. A folder
                without any of these pictures is no class.

        Returns:
            `(class_names, labels)`: sorted names and an int32 array `(n,)`; or `(None, None)` unless all pictures are
            in two or more such folders.
        """
        names = self.names if chosen is None else [self.names[index] for index in chosen]
        folders = [folders_and_file(name)[:-1] for name in names]
        depth = 0
        while all(len(folder) > depth and folder[depth] == folders[0][depth] for folder in folders):
            depth += 1
        if any(len(folder) <= depth for folder in folders):
            return None, None
        own_folders = [folder[depth] for folder in folders]
        class_names = sorted(set(own_folders))
        number = {name: index for index, name in enumerate(class_names)}
        return class_names, np.array([number[name] for name in own_folders], "int32")


def folders_and_file(name):
    """Split a path into its parts; archives packed by Windows PowerShell 5 have backslashes."""
    return name.replace("\\", "/").split("/")


def files_below(folder):
    """List the files in a folder, to any depth.

    It follows links to other folders. It does not follow a link to a folder inside this one or around it, or a second
    link to the same folder: that would only give the same pictures again.
    """
    here, followed, found = os.path.realpath(folder), set(), []

    def worth_a_look(path):
        if not os.path.islink(path):
            return True
        there = os.path.realpath(path)
        nested = (there + os.sep).startswith(here + os.sep) or (here + os.sep).startswith(there + os.sep)
        return not (nested or there in followed or followed.add(there))

    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in sorted(folders) if worth_a_look(os.path.join(parent, name))]
        found += [pathlib.Path(parent, name) for name in files if os.path.isfile(os.path.join(parent, name))]
    return found


def fit_image(image, height, width, channels, fit="cover"):
    """Scale a Pillow image of any mode to a size.

    It is turned as its EXIF orientation says. If it is transparent and no alpha is wanted, it gets a white background.

    Args:
        image: A Pillow image; it need not be decoded yet.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        fit: What to do if the proportions differ. "cover" scales the picture until it covers height x width, then cuts
            out the centre. "pad" scales until all of it fits, then adds a white border (transparent if there is alpha).
            "stretch" changes the proportions.

    Returns:
        uint8 array `(height, width, channels)`.
    """
    # A JPEG of twice this size or more is decoded at a half, quarter or eighth of its size, in a fraction of the time.
    image.draft(None, (2 * max(height, width),) * 2)
    image = to_mode(upright(image), PILLOW_MODES[channels])
    size, smooth = (width, height), Image.Resampling.LANCZOS
    if fit == "stretch":
        image = image.resize(size, smooth)
    elif fit == "pad":
        scale = min(width / image.width, height / image.height)
        inside = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        white = {1: 255, 3: (255, 255, 255), 4: (255, 255, 255, 0)}[channels]
        padded = Image.new(image.mode, size, white)
        padded.paste(image.resize(inside, smooth), ((width - inside[0]) // 2, (height - inside[1]) // 2))
        image = padded
    else:
        image = ImageOps.fit(image, size, smooth)
    return np.asarray(image).reshape(height, width, channels)


def upright(image):
    """Decode a Pillow image and turn it as its EXIF orientation says; a damaged EXIF note is ignored."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except DECODING_ERRORS:
        return image


def to_mode(image, mode):
    """Convert a Pillow image of any mode to "L", "RGB" or "RGBA", 8 bits a channel."""
    if image.mode.startswith("I") or image.mode == "F":
        # 16 bits a pixel: Pillow's own conversion clips at 255 instead of scaling. Floats go up to 1, 255 or 65535.
        levels = np.nan_to_num(np.asarray(image, "float64"))
        if image.mode == "F":
            levels = levels * (65535.0 if levels.max() <= 1.0 else 257.0 if levels.max() <= 255.0 else 1.0)
        image = Image.fromarray((np.clip(levels, 0, 65535) / 257.0 + 0.5).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if mode != "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)
