"""Addresses that are no path: `https://...`, `file://...`, `s3://...`. A DeepLake dataset has one as well."""

import difflib
import pathlib
import re
import urllib.parse
import urllib.request

from support.system.errors import InputError

OF_DEEPLAKE = ("hub", "s3", "gcs", "gs", "gcp", "azure", "az", "mem")  # the storages in which DeepLake 3 has datasets
BUCKETS = {"s3": "aws s3 cp --recursive", "gs": "gcloud storage cp --recursive", "gcs": "gcloud storage cp --recursive"}
BUCKETS |= {"azure": "azcopy copy --recursive", "az": "azcopy copy --recursive"}


def scheme_of(source, slashes="/"):
    """Return the word before the colon and these slashes in lower case, or None; a letter alone is a Windows drive."""
    found = re.match(r"([\w+.-]{2,}):" + slashes, source)
    return found[1].lower() if found else None


def is_address(source):
    """Say whether a source begins like an address: `hub://...`, `s3://...`."""
    return scheme_of(source, "//") is not None


def is_in_deeplake(source):
    """Say whether a source is an address in one of DeepLake's storages."""
    return scheme_of(source, "//") in OF_DEEPLAKE


def refuse_address(source):
    """Refuse an address from which no pictures are read, and say what it is.

    Raises:
        InputError: If it is not the address of a DeepLake storage.
    """
    scheme = scheme_of(source)
    if scheme is None or scheme in OF_DEEPLAKE:
        return
    if scheme == "file":
        path = urllib.request.url2pathname(urllib.parse.urlsplit(source).path)
        raise InputError(f"{source} is the address of a file on this computer; give its path: {path}")
    if scheme in ("http", "https", "ftp", "ftps", "sftp"):
        raise InputError(
            f"{source} is an address in the web, and pictures are read from this computer; "
            "download it first, and give the file or folder"
        )
    raise InputError(
        f"{source} begins with {scheme}://, from which no pictures are read; copy them to this computer, and give "
        "the folder, .zip or .npz"
    )


def lies_among_pictures(place, source):
    """Say whether a place to write to lies in the folder of pictures that a source names; what is written there would
    become a picture.

    Args:
        place: A path.
        source: As for `defDATA.load_pictures`.
    """
    pictures = pathlib.Path(source).expanduser()
    return pictures.is_dir() and pathlib.Path(place).resolve().is_relative_to(pictures.resolve())


def meant(source, names):
    """Say which data set was probably meant: "did you mean cifar10? Otherwise "; "" if none is near.

    Example:
        >>> meant("CIFAR-10", ["cifar10", "mnist"])
        'did you mean cifar10? Otherwise '
    """
    plain = {re.sub(r"[-_ ]", "", name).lower(): name for name in names}
    near = difflib.get_close_matches(re.sub(r"[-_ ]", "", source).lower(), plain, n=1, cutoff=0.75)
    return f"did you mean {plain[near[0]]}? Otherwise " if near else ""


def way_out(source):
    """Return what to do about a DeepLake address if it holds pictures and no DeepLake dataset; "" if unknown."""
    copy = BUCKETS.get(scheme_of(source))
    return f"; pictures in a bucket are copied first ({copy} {source} my_pictures)" if copy else ""
