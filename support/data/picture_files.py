"""Picture files, of any kind and size, into arrays of one size."""

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
# The ways in which a damaged, encrypted or absurdly large file fails in Pillow and zipfile. (OSError: most of them.)
DECODING_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
DECODING_ERRORS += (zipfile.BadZipFile, Image.DecompressionBombError)
# A damaged EXIF note, 100 megapixels, an odd palette: Pillow warns of them, and the picture is usable all the same.
warnings.filterwarnings("ignore", module=r"PIL\.")
PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class PictureFolder:
    """The pictures in a folder or a .zip, searched to any depth.

    Args:
        path: A folder, or a .zip of one.

    Attributes:
        names: Paths of the pictures below `path`, sorted. Hidden files and what macOS adds to archives are left out.

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
        except (zipfile.BadZipFile, NotImplementedError, ValueError, IndexError, struct.error):  # as damage has it
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
        """Look at the beginning of every file, which tells a picture from what only has its name.

        Returns:
            `(chosen, broken)`: positions in `names` of those that open, and the names of those that do not. A file
            that is cut short later on opens all the same.

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
        """Open one picture as a Pillow image of its own mode and size. Several threads may ask at once.

        Raises:
            InputError: If the file, or the whole folder, is not there any more.
            OSError, ValueError and others of `DECODING_ERRORS`: If it does not open. It may yet fail to decode.
        """
        return Image.open(io.BytesIO(self._read(self.names[index])))

    def _read(self, name):
        try:
            return self.archive.read(name) if self.archive else (self.path / name).read_bytes()
        except OSError as error:
            if error.errno is None:  # zipfile's own words: this entry is damaged
                raise
            raise InputError(
                f"{self.path / name} was there and cannot be read any more ({error.strerror}); "
                "put the pictures back into their place"
            ) from None

    def fingerprint(self):
        """Give a number that other pictures would hardly have, from their names and sizes: none of them is read."""
        if self.archive:
            sizes = [self.archive.getinfo(name).file_size for name in self.names]
        else:
            sizes = [(self.path / name).stat().st_size for name in self.names]
        return zlib.crc32(repr(list(zip(self.names, sizes, strict=True))).encode())

    def classes(self, chosen=None):
        """Tell the classes by the folders: one folder a class, whatever lies deeper inside.

        Folders that all pictures share (`my-download/train/`) are passed over first.

        Args:
            chosen: Positions in `names` of the pictures to look at, those that decode for instance; None for all.
                A folder without any of them is no class.

        Returns:
            `(class_names, labels)`: sorted names and an int32 array `(n,)`, or `(None, None)` where the pictures
            do not all lie in two or more such folders.
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

    Links to folders elsewhere are followed; those to what is here anyway, or to a folder around it, would only give the
    same pictures again.
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


def decode_picture(data, height, width, channels, fit="cover"):
    """Decode the bytes of one picture file and bring it to a size, as `fit_image` does.

    Raises:
        OSError, ValueError and others of `DECODING_ERRORS`: What Pillow raises for a file that does not decode.
    """
    with Image.open(io.BytesIO(data)) as image:
        return fit_image(image, height, width, channels, fit)


def fit_image(image, height, width, channels, fit="cover"):
    """Bring a Pillow image of any mode to a size.

    It is turned as its EXIF orientation says, and laid on white where it is transparent and no alpha is wanted.

    Args:
        image: A Pillow image; it need not be decoded yet.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).
        fit: Where the proportions differ: "cover" scales until it covers height x width and cuts out the centre, "pad"
            scales until all of it is inside and fills up with white (transparent where there is alpha), "stretch"
            gives up the proportions.

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
    """Decode a Pillow image and turn it as its EXIF orientation says; a damaged EXIF note is passed over."""
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
