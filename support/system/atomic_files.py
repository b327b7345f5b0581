"""Writes files completely or not at all: under a temporary name first, then renamed."""

import contextlib
import os
import pathlib
import shutil


@contextlib.contextmanager
def written_beside(path):
    """Yield a temporary path in the same folder; rename it to `path` if the block ends without an error.

    So a reader, or a run that resumes after a power cut, never finds half a file. If the block fails, the temporary
    file is removed, and an older file at `path` stays there.

    Args:
        path: The file's final path. Its folder must exist.

    Yields:
        A `pathlib.Path` in the same folder with the same ending, hidden, for the block to write.

    Raises:
        OSError: If the disk is full or the folder cannot be written.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        # Write the data to the disk before the rename: otherwise a power cut could leave an empty file with the new
        # name.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # "no space left" alone does not name the file
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_beside(path, replace=False):
    """Yield a temporary folder beside `path`; rename it to `path` if the block ends without an error.

    Args:
        path: The folder's final path. An empty folder there is replaced.
        replace: Whether a folder with files in it is replaced, too.

    Yields:
        A `pathlib.Path` of a hidden, empty folder for the block to fill.

    Raises:
        OSError: If the folder cannot be written, or if one with files is there and `replace` is False.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed run has left behind
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if replace:
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
