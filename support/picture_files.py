"""Picture files, of any kind and size, into arrays of one size."""

import io
import os
import pathlib
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image, ImageOps

from support.errors import InputError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# The ways in which a damaged, encrypted or absurdly large file fails in Pillow and zipfile. (OSError: most of them.)
DECODING_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
DECODING_ERRORS += (zipfile.BadZipFile, Image.DecompressionBombError)
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
                found = [file for file in self.path.rglob("*") if file.is_file()]
                names = [file.relative_to(self.path).as_posix() for file in found]
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

    def read(self, name):
        """Return the bytes of one picture file."""
        return self.archive.read(name) if self.archive else (self.path / name).read_bytes()

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

    def decode_all(self, height, width, channels):
        """Decode every picture to one size.

        Args:
            height: Height in pixels.
            width: Width in pixels.
            channels: 1, 3 or 4.

        Returns:
            `(pictures, decoded, broken)`: uint8 `(n, height, width, channels)` of those that decode, their
            positions in `names`, and the names of those that do not.

        Raises:
            InputError: If none decodes.
        """

        def decode(name):
            try:
                return decode_picture(self.read(name), height, width, channels)
            except DECODING_ERRORS as error:
                return error

        pictures = np.empty((len(self.names), height, width, channels), "uint8")
        decoded, broken = [], []
        with ThreadPoolExecutor() as pool:  # Pillow lets go of the interpreter while it decodes
            for index, picture in enumerate(pool.map(decode, self.names)):
                if isinstance(picture, Exception):
                    broken.append(self.names[index])
                else:
                    pictures[len(decoded)] = picture
                    decoded.append(index)
        if not decoded:
            raise InputError(
                f"none of the {len(broken)} pictures in {self.path} decodes, {broken[0]} for instance; "
                "give pictures that a viewer can open"
            )
        return pictures[: len(decoded)], np.array(decoded), broken


def folders_and_file(name):
    """Split a path into its parts; archives packed by Windows PowerShell 5 have backslashes."""
    return name.replace("\\", "/").split("/")


def decode_picture(data, height, width, channels):
    """Decode one picture file and bring it to a size.

    It is turned as its EXIF orientation says, laid on white where it is transparent and no alpha is wanted, scaled
    until it covers height x width, and its centre cut out.

    Args:
        data: The file's bytes.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 (grey), 3 (colour) or 4 (colour and alpha).

    Returns:
        uint8 array `(height, width, channels)`.

    Raises:
        OSError, ValueError or SyntaxError: What Pillow raises for a file that does not decode.
    """
    with Image.open(io.BytesIO(data)) as image:
        return fit_image(ImageOps.exif_transpose(image), height, width, channels)


def fit_image(image, height, width, channels):
    """Scale a Pillow image of any mode until it covers height x width, and cut out its centre.

    Returns:
        uint8 array `(height, width, channels)`.
    """
    image = ImageOps.fit(to_mode(image, PILLOW_MODES[channels]), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(height, width, channels)


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
