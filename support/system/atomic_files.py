"""Writes files completely or not at all: under a temporary name first, then renamed."""

import contextlib
import os
import pathlib


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
