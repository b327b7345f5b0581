"""Which files are pictures: what Pillow opens. The rest is passed over, and counted by kind."""

import collections
import contextlib
import pathlib

from PIL import Image

from support.system.errors import InputError

with contextlib.suppress(ImportError):  # reads .heic, the photos of iPhones, where it is installed
    import pillow_heif

    pillow_heif.register_heif_opener()

# What Pillow knows and is no picture here: EPS starts another program (Ghostscript), WMF is drawn by Windows, IPTC may
# wrap any of these, and of the others Pillow knows no more than the name.
NO_PICTURES = {"EPS", "PDF", "WMF", "IPTC", "MPEG", "BUFR", "GRIB", "HDF5", "PALM"}
ENDINGS = tuple(sorted(end for end, kind in Image.registered_extensions().items() if kind not in NO_PICTURES))
FORMATS = sorted({kind for kind in Image.registered_extensions().values() if kind in Image.OPEN} - NO_PICTURES)
MOST_NAMED = 6  # kinds of file that were passed over
WELL_KNOWN = ".jpg, .png, .webp, .gif, .bmp, .tif"
WITH_HELP = dict.fromkeys((".heic", ".heif", ".hif"), "pip install pillow-heif reads them")

LABELS_FILE = "dataset.json"  # as StyleGAN's tools write it: {"labels": [["00000/img00000000.png", 6], ...]}

# The most that a picture may be, so that reading it takes a bounded share of memory: see `one_large_at_a_time`.
MOST_BYTES = 2**28
MOST_PIXELS, MOST_OF_A_JPEG = 40_000_000, 128_000_000  # a large JPEG is decoded at a part of its size
MOST_SCANS = 100  # of a JPEG, which has about ten: each of them is decoded into the whole picture
Image.MAX_IMAGE_PIXELS = MOST_OF_A_JPEG // 2  # Pillow refuses twice as many, also in a picture inside one (.ico)

# What file servers, systems and packers leave in folders of pictures, in lower case. Hidden files are skipped, too.
LEFT_BY_SYSTEMS = {"@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin"}
LEFT_BY_SYSTEMS |= {"recycler", "recycled", "system volume information", "lost+found", "__macosx", "__pycache__"}
LEFT_BY_SYSTEMS |= {"thumbs.db", "ehthumbs.db", "desktop.ini", "network trash folder", "temporary items"}


def folders_and_file(name):
    """Split a path into its parts; archives packed by Windows PowerShell 5 have backslashes."""
    return name.replace("\\", "/").split("/")


def is_left_by_a_system(name):
    """Say whether a path below the given folder is hidden, or in a recycle bin, a cache of thumbnails or the like."""
    parts = [part for part in folders_and_file(name) if part != "."]
    return any(part.startswith(".") or part.lower() in LEFT_BY_SYSTEMS for part in parts)


def sort_out(names):
    """Find the pictures among the files.

    Args:
        names: Paths below the given folder.

    Returns:
        `(pictures, passed_over)`: their sorted names, and a `collections.Counter` from an ending in lower case to the
        number of other files. What systems leave behind is in neither, nor is a file of labels.
    """
    ours = [name for name in names if not is_left_by_a_system(name)]
    pictures = sorted(name for name in ours if name.lower().endswith(ENDINGS))
    others = [folders_and_file(name)[-1].lower() for name in ours]
    others = [pathlib.PurePosixPath(name).suffix for name in others if name != LABELS_FILE]
    passed_over = collections.Counter(ending or "without an ending" for ending in others if ending not in ENDINGS)
    return pictures, passed_over


def in_words(passed_over):
    """Say what was passed over: "300 .heic (pip install pillow-heif reads them), 2 .txt"; "" if there is nothing."""
    words, kinds = [], sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    for ending, count in kinds[:MOST_NAMED]:
        way_out = f" ({WITH_HELP[ending]})" if ending in WITH_HELP else ""
        words.append(f"{count:,} {ending}{way_out}")
    more = sum(count for _, count in kinds[MOST_NAMED:])
    return ", ".join(words) + (f", and {more:,} others" if more else "")


def open_picture(file):
    """Open a picture with Pillow: no kind that starts a program, and none that would fill the memory.

    Args:
        file: A path or an open file.

    Returns:
        A Pillow image, not decoded yet.

    Raises:
        Image.DecompressionBombError: If it declares more than `MOST_PIXELS`, a JPEG more than `MOST_OF_A_JPEG`.
        OSError, ValueError and others: If it is no picture.
    """
    image = Image.open(file, formats=FORMATS)
    most = MOST_OF_A_JPEG if image.format in ("JPEG", "MPO") else MOST_PIXELS
    if image.width * image.height > most:
        image.close()
        raise Image.DecompressionBombError(f"{image.height}x{image.width} is more than {most:,} pixels")
    return image


def refuse_endless(data):
    """Refuse the bytes of a JPEG that would be decoded again and again.

    Raises:
        ValueError: If it has more than `MOST_SCANS` scans.
    """
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MOST_SCANS:
        raise ValueError(f"it has more than {MOST_SCANS} scans")


def way_out(path):
    """Say what to do with a file that is neither a folder nor a .zip nor an .npz."""
    name = path.name.lower()
    if "ubyte" in name:
        return "MNIST in its own files is not read; --data mnist or --data fashion_mnist fetches it"
    if name.endswith((".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")):
        return "unpack it, and give the folder"
    if name.endswith((".npy", ".mat", ".pkl", ".pickle", ".h5", ".hdf5", ".csv", ".parquet", ".tfrecord")):
        return "read it with the tool that it is made for, and save its pictures with numpy.savez(path, x_train=...)"
    return "put pictures into a folder and name that"


def what_it_is(beginning):
    """Say what a file is that is no picture in spite of its name, by its first bytes; None if that is not known."""
    if not beginning:
        return "empty"
    if beginning[4:8] == b"ftyp" and beginning[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return f"HEIC inside ({WITH_HELP['.heic']})"
    if beginning.startswith(b"version https://git-lfs"):
        return "Git LFS pointers (git lfs pull fetches the pictures)"
    if beginning.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg")):
        return "web pages or drawings in text (download the pictures again)"
    return None


def refuse_no_pictures(path, names, passed_over):
    """Refuse a folder or an archive without pictures.

    Args:
        path: It.
        names: The paths of all files in it.
        passed_over: What `sort_out` returned.

    Raises:
        InputError: Always; it says which kinds of file are there.
    """
    hidden = [name for name in names if name.lower().endswith(ENDINGS)]
    held = f" ({in_words(passed_over)})" if passed_over else ""
    way_out = f"pictures end in {WELL_KNOWN}, or what else Pillow opens"
    if hidden:
        way_out = f"{len(hidden):,} are hidden (.name, ..) or left by a system, {hidden[0]} for instance; rename them"
    elif set(passed_over) <= {".zip", ".tar", ".gz", ".7z", ".rar"} and passed_over:
        way_out = "unpack them, or name one of them"
    elif "without an ending" in passed_over:
        way_out += "; rename files that have no ending"
    raise InputError(f"{path} holds {len(names)} files and no picture{held}; {way_out}")
