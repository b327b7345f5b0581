"""One run in a folder at a time: a run claims its folder, and gives it back when it ends.

A claim is the file `.run_is_alive.json`, on which the run holds a lock of the operating system. The system drops the
lock when the process ends, whatever ended it, so a run that was killed does not block the next one. (The package
filelock is not used: where a disk has no locks, it leaves a mark instead, and a killed run's mark would stay.)

On a network disk a lock may be missing, or count on one computer only. So a run also touches the file every few
seconds, and a newcomer that cannot trust the lock watches the file for a while: if its time changes, the run is alive.
Times are only compared for being different, so it does not matter whether the clocks are right.
"""

import contextlib
import errno
import json
import os
import pathlib
import platform
import secrets
import threading
import time
import uuid

from support.system.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

NAME = ".run_is_alive.json"
SECONDS_A_TOUCH, SECONDS_TO_WATCH = 5.0, 20.0
LOCKED_BYTE = 2**30  # on Windows a locked byte cannot be read by others, so it lies behind the text
IS_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
NO_LOCKS_HERE = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_held = []


@contextlib.contextmanager
def given_back():
    """Give back all claims that are made inside the block, when it ends."""
    try:
        yield
    finally:
        while _held:
            _held.pop().give_back()


class Claim:
    """A run's claim on a folder.

    Args:
        folder: The folder. It must exist.
        create: Whether to make a claim where none is. If False, only the claim that a killed run left is taken over.

    Attributes:
        is_held: Whether the folder is claimed now; False if there was no claim and `create` is False.

    Raises:
        InputError: If another run has claimed the folder and is alive.
        OSError: If the file cannot be written.
    """

    def __init__(self, folder, create=True):
        self.path = pathlib.Path(folder) / NAME
        self.token = secrets.token_hex(8)
        self.ended = threading.Event()
        self.file, self.can_lock = self._open_and_lock(create)
        self.is_held = self.file is not None
        if not self.is_held:
            return
        _held.append(self)
        before = read(self.path)
        if before and not (self.can_lock and before.get("machine") == self._machine()):
            self._watch(before)
        self._write()
        if not self.can_lock:  # another run may have started in the same moment: the last one to write has the folder
            time.sleep(1.0)
            self.check()
        threading.Thread(target=self._touch, daemon=True).start()

    def _open_and_lock(self, create):
        """Return `(file descriptor, whether locks work here)`; the descriptor is None if there is nothing to claim."""
        while True:
            try:
                file = os.open(self.path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
            except FileNotFoundError:
                if not create:
                    return None, True
                raise
            try:
                lock(file)
            except OSError as error:
                os.close(file)
                if error.errno in IS_TAKEN:
                    self._refuse(read(self.path))
                if error.errno in NO_LOCKS_HERE:
                    return os.open(self.path, os.O_RDWR), False
                raise
            # The run before may have removed the file between the two lines above: then this lock holds nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(self.path)):
                    return file, True
            os.close(file)

    def _machine(self):
        """Return a text that is the same for two processes exactly if their locks on this disk see each other."""
        try:
            running_system = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            running_system = f"{platform.node()} {uuid.getnode():x}"
        return f"{running_system} {os.stat(self.path).st_dev}"  # two mounts of one disk need not share locks

    def _watch(self, before):
        """Wait until it is clear whether the run that made the claim is alive; if it is, refuse."""
        print(f"claimed   by process {before.get('process')} on {before.get('host')}, which may have been killed;")
        print(f"          watching for {SECONDS_TO_WATCH:.0f} s whether it is alive", flush=True)
        seen, start = last_touch(self.path), time.monotonic()
        while time.monotonic() - start < SECONDS_TO_WATCH:
            time.sleep(SECONDS_A_TOUCH / 5)
            if last_touch(self.path) != seen:
                self._abandon()
                self._refuse(read(self.path) or before)

    def _abandon(self):
        """Let go of another run's claim, without removing it."""
        self.is_held = False
        _held.remove(self)
        os.close(self.file)

    def _refuse(self, owner):
        who = f"process {owner.get('process')} on {owner.get('host')}" if owner else "another process"
        raise InputError(
            f"--out {self.path.parent}: a run is alive in this folder ({who}); wait until it ends, "
            "stop it with Ctrl-C there, or choose another folder with --out"
        )

    def _write(self):
        about = {"process": os.getpid(), "host": platform.node(), "machine": self._machine(), "token": self.token}
        os.lseek(self.file, 0, os.SEEK_SET)
        try:
            os.write(self.file, (json.dumps(about) + "\n").ljust(400).encode())  # one call: never half a text
        except OSError as error:
            error.filename = str(self.path)
            self.path.unlink(missing_ok=True)
            raise

    def _touch(self):
        while not self.ended.wait(SECONDS_A_TOUCH):
            with contextlib.suppress(OSError):  # the disk may be away for a moment
                if self._is_mine():
                    os.utime(self.path)

    def _is_mine(self):
        return (read(self.path) or {}).get("token") == self.token

    def check(self):
        """Check before each write that the folder still belongs to this run; a claim that was removed is made again.

        Raises:
            InputError: If another run claimed it: this one was taken for dead, or its folder was deleted.
        """
        if not self.path.exists() and self.path.parent.is_dir():
            lost, (self.file, _) = self.file, self._open_and_lock(create=True)
            os.close(lost)
            self._write()
        owner = read(self.path)
        if owner and owner.get("token") != self.token:
            raise InputError(
                f"{self.path.parent} was taken over by another run (process {owner.get('process')} on "
                f"{owner.get('host')}), so this one ends and writes nothing more; start it with another --out"
            )

    def give_back(self):
        """Remove the claim, unless another run has it by now."""
        if not self.is_held:
            return
        self.ended.set()
        mine, self.is_held = self._is_mine(), False
        if fcntl is None:  # Windows removes no file that is open
            os.close(self.file)
        if mine:
            with contextlib.suppress(OSError):
                self.path.unlink()
        if fcntl:  # elsewhere the lock is held until the file is gone
            os.close(self.file)


def lock(file):
    """Lock an open file for this process, without waiting.

    Raises:
        OSError: If another process holds the lock (`IS_TAKEN`), or the disk has no locks (`NO_LOCKS_HERE`).
    """
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)


def read(path):
    """Read a claim; return an empty dictionary if there is none, or it is damaged."""
    try:
        # Opened anew each time: then a network disk asks its server, and does not answer from memory.
        about = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def last_touch(path):
    """Return the time of the last touch in nanoseconds, and the claim; None if there is none."""
    try:
        with open(path) as file:
            return os.fstat(file.fileno()).st_mtime_ns, file.read()
    except OSError:
        return None
