"""Decoded pictures in one file, for those that do not fit in memory.

SQLite keeps it: a picture is in the file whole or not at all, also after a kill or a power cut; any thread may read;
and its memory is a few megabytes however large the file is, which a memory-mapped array's would not be.
"""

import contextlib
import pathlib
import shutil
import sqlite3
import threading

from tqdm import tqdm

ROOM_TO_LEAVE = 2_000_000_000  # bytes of the disk that the run's own files may need


class PictureCache:
    """A dictionary from a picture's position to its bytes, in a file. What goes wrong with it is never fatal.

    Args:
        path: The file; made, with its folder, when the first picture is put in.
        key: What pictures these are. A file that was written under another key is started anew.
        size: Bytes that all pictures take together.
    """

    def __init__(self, path, key, size):
        self.path, self.key, self.size = pathlib.Path(path), key, size
        self.lock = threading.Lock()
        self.connection = None
        self.given_up = False

    def get(self, position):
        """Give a picture's bytes, or None where it is not in the file."""
        row = self._ask("SELECT pixels FROM pictures WHERE position = ?", position)
        return row[0] if row else None

    def __setitem__(self, position, data):
        self._ask("INSERT OR REPLACE INTO pictures VALUES (?, ?)", position, data)

    def _ask(self, sentence, *values):
        """Run one SQL sentence, and give its first row or None."""
        with self.lock:
            if self.given_up:
                return None
            try:
                with self._open() as connection:  # a transaction: all of it, or nothing
                    return connection.execute(sentence, values).fetchone()
            except (sqlite3.Error, OSError) as error:
                self.given_up = True
                tqdm.write(f"{self.path} is not used ({error}); the pictures are decoded anew in every epoch")
                return None

    def _open(self):
        """Give the connection; the first call opens the file, and empties it if it holds other pictures."""
        if self.connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._holds_these():
                for ending in ("", "-wal", "-shm", "-journal"):  # SQLite's own journals beside it, too
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
        return sqlite3.connect(self.path, check_same_thread=False)  # the lock lets in one thread at a time
