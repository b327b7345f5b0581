"""Files that are either whole or not there: written beside their place, then renamed into it."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def written_beside(path):
    """Give a temporary path in the same folder; rename it to `path` once the block has ended well.

    A reader, or a run that resumes after a power cut, never meets half a file. Where the block fails, the
    temporary file is removed and whatever stood at `path` before still stands there.

    Args:
        path: The file's final place. Its folder must exist.

    Yields:
        A `pathlib.Path` in the same folder with the same ending, hidden, for the block to write.

    Raises:
        OSError: Where the disk is full or the folder cannot be written.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        # On the disk before the rename is: otherwise a power cut could leave the new name on empty blocks.
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # "no space left" alone does not say for what
        raise
    finally:
        temporary.unlink(missing_ok=True)
