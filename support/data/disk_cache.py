"""Keeps decoded pictures in one file, if they do not fit in memory.

The file is an SQLite database. A picture is in it completely or not at all, also after a kill or a power cut, and any
thread may read it. It needs only a few megabytes of memory, whatever the size of the file; a memory-mapped array would
need more.
"""

import contextlib
import pathlib
import shutil
import sqlite3
import threading

from tqdm import tqdm

ROOM_TO_LEAVE = 2_000_000_000  # bytes that stay free on the disk for the run's own files


class PictureCache:
    """A dictionary from a picture's position to its bytes, in a file. Errors of this file never end the run.

    Args:
        path: The file. It is made, with its folder, when the first picture is stored.
        key: Identifies the pictures. A file with another key is emptied first.
        size: Bytes that all pictures take together.
    """

    def __init__(self, path, key, size):
        self.path, self.key, self.size = pathlib.Path(path), key, size
        self.lock = threading.Lock()
        self.connection = None
        self.given_up = False

    def get(self, position):
        """Return a picture's bytes, or None if it is not in the file."""
        row = self._ask("SELECT pixels FROM pictures WHERE position = ?", position)
        return row[0] if row else None

    def __setitem__(self, position, data):
        self._ask("INSERT OR REPLACE INTO pictures VALUES (?, ?)", position, data)

    def _ask(self, sentence, *values):
        """Run one SQL statement, and return its first row or None."""
        with self.lock:
            if self.given_up:
                return None
            try:
                with self._open() as connection:  # a transaction: everything is written, or nothing
                    return connection.execute(sentence, values).fetchone()
            except (sqlite3.Error, OSError) as error:
                self.given_up = True
                tqdm.write(f"{self.path} is not used ({error}); the pictures are decoded anew in every epoch")
                return None

    def _open(self):
        """Return the connection. The first call opens the file, and empties it if it holds other pictures."""
        if self.connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._holds_these():
                for ending in ("", "-wal", "-shm", "-journal"):  # also SQLite's journals beside the file
                    self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
                free = shutil.disk_usage(self.path.parent).free
                if free < self.size + ROOM_TO_LEAVE:
                    raise OSError(f"the disk has {free / 1e9:.1f} GB left, they need {self.size / 1e9:.1f} GB")
                with self._connect() as connection:
                    connection.execute("PRAGMA page_size = 65536")  # large pages for large entries
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("CREATE TABLE pictures (position INTEGER PRIMARY KEY, pixels BLOB)")
                    connection.execute("CREATE TABLE key (text TEXT)")
                    connection.execute("INSERT INTO key VALUES (?)", (self.key,))
                connection.close()
            self.connection = self._connect()
            self.connection.execute("PRAGMA synchronous = NORMAL")
        return self.connection

    def _holds_these(self):
        if not self.path.exists():
            return False
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as connection:
            return connection.execute("SELECT text FROM key").fetchone() == (self.key,)
        return False

    def _connect(self):
        return sqlite3.connect(self.path, check_same_thread=False)  # our lock admits one thread at a time
