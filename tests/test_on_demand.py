"""Pictures that are decoded when they are first asked for: in memory, in a file, ahead in threads."""

import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from support.data import disk_cache, on_demand
from support.data.disk_cache import PictureCache
from support.data.on_demand import KeptPictures
from support.data.picture_files import PictureFolder
from support.data.read_ahead import ReadAhead
from support.system.errors import InputError

SUITE = pathlib.Path(__file__).parent.parent
COUNT = 12
SIZE = (8, 8, 3)
PICTURE = 8 * 8 * 3  # bytes


class CountingFolder(PictureFolder):
    """A `PictureFolder` that counts how often each picture was asked for."""

    def __init__(self, path):
        super().__init__(path)
        self.asked, self.lock = [0] * len(self.names), threading.Lock()

    def image(self, index):
        """Open one picture, and count it."""
        with self.lock:
            self.asked[index] += 1
        return super().image(index)


@pytest.fixture
def folder(tmp_path):
    """Make a folder of twelve pictures; number n has the level 10 n in its first half and noise in the other."""
    path = tmp_path / "pictures"
    path.mkdir()
    for number in range(COUNT):
        pixels = np.random.default_rng(number).integers(0, 256, SIZE, dtype="uint8")
        pixels[:4] = 10 * number
        Image.fromarray(pixels).save(path / f"{number:02d}.png")
    return path


@pytest.fixture
def in_a_file(monkeypatch):
    """Make all pictures too many for the memory, and every disk large enough."""
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", COUNT * PICTURE - 1)
    monkeypatch.setattr(disk_cache, "ROOM_TO_LEAVE", 0)


def kept(folder, cache=None, chosen=None, size=SIZE, fit="cover", labels=None):
    """Make the `KeptPictures` of a folder."""
    files = CountingFolder(folder)
    return KeptPictures(files, np.arange(len(files)) if chosen is None else chosen, labels, size, fit, cache)


def everything(images):
    """Give all pictures, in their order."""
    return images[np.arange(len(images))]


def stored_positions(cache):
    """List the positions that a cache file holds, as another program would read them."""
    connection = sqlite3.connect(cache)
    rows = connection.execute("SELECT position, length(pixels) FROM pictures ORDER BY position").fetchall()
    connection.close()
    assert all(length == PICTURE for _, length in rows)
    return [position for position, _ in rows]


def printed(capsys):
    """Give the lines that were printed, on either stream."""
    return "".join(capsys.readouterr()).splitlines()


# Asking


def test_positions_give_their_pictures(folder):
    """Would catch pictures in another order than asked for, one that is left out where it comes twice, and numbers of
    files taken for positions."""
    images = kept(folder, chosen=[2, 4, 6, 8])
    assert images.shape == (4, *SIZE) and len(images) == 4
    for positions in ([3, 0, 3], np.array([3, 0, 3]), np.array([3, 0, 3], "int32")):
        found = images[positions]
        assert found.dtype == np.uint8 and found.shape == (3, *SIZE)
        assert found[:, 0, 0, 0].tolist() == [80, 20, 80]
    assert images[[]].shape == (0, *SIZE)


def test_what_is_given_may_be_changed(folder):
    """Would catch pictures that are the kept ones themselves: train.py mirrors half of them in place."""
    images = kept(folder)
    for positions in ([1, 2], [3]):
        first = images[positions]
        before = first.copy()
        first[:] = 0
        assert (images[positions] == before).all()


@pytest.mark.parametrize("cached", [False, True], ids=["memory", "file"])
def test_each_is_decoded_once(folder, tmp_path, monkeypatch, cached):
    """Would catch pictures decoded anew in every epoch, those that nobody asked for, and all of them at the start."""
    if cached:
        monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", 0)
        monkeypatch.setattr(disk_cache, "ROOM_TO_LEAVE", 0)
    images = kept(folder, tmp_path / "cache.sqlite")
    assert sum(images.files.asked) == 0
    for positions in ([0, 5], [5, 0, 0], [5, 7]):
        images[positions]
    assert images.files.asked == [1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]


def test_without_a_file_nothing_is_kept(folder, in_a_file):
    """Would catch a memory that fills up where there is no file to keep pictures in, and other pictures than kept
    ones."""
    images = kept(folder, cache=None)
    assert images.kept is None
    assert (everything(images) == everything(images)).all()
    assert images.files.asked == [2] * COUNT


def test_memory_and_file_give_the_same_bytes(folder, tmp_path, monkeypatch):
    """Would catch rows, channels or bytes that change places on their way through the file."""
    in_memory = kept(folder, tmp_path / "cache.sqlite", size=(6, 9, 4), fit="pad")
    assert isinstance(in_memory.kept, dict)
    expected = everything(in_memory)
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", COUNT * 6 * 9 * 4 - 1)
    monkeypatch.setattr(disk_cache, "ROOM_TO_LEAVE", 0)
    through_file = kept(folder, tmp_path / "cache.sqlite", size=(6, 9, 4), fit="pad")
    assert isinstance(through_file.kept, PictureCache)
    for _ in range(2):  # as they are decoded, and as they are read again
        assert everything(through_file).tobytes() == expected.tobytes()
    assert through_file.files.asked == [1] * COUNT


def test_the_limit_is_a_number_of_bytes(folder, tmp_path, monkeypatch):
    """Would catch pictures counted instead of bytes, and a limit that is off by one."""
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", COUNT * PICTURE)
    assert isinstance(kept(folder, tmp_path / "cache.sqlite").kept, dict)
    assert not (tmp_path / "cache.sqlite").exists()
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", COUNT * PICTURE - 1)
    assert isinstance(kept(folder, tmp_path / "cache.sqlite").kept, PictureCache)


@pytest.mark.parametrize("cached", [False, True], ids=["memory", "file"])
def test_many_threads_at_once(folder, tmp_path, monkeypatch, cached):
    """Would catch pictures that change places, and a file that only the thread that opened it may use."""
    expected = everything(kept(folder))
    if cached:
        monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", 0)
        monkeypatch.setattr(disk_cache, "ROOM_TO_LEAVE", 0)
    images = kept(folder, tmp_path / "cache.sqlite")
    orders = [np.random.default_rng(number).permutation(COUNT) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for order, found in zip(orders, pool.map(images.__getitem__, orders), strict=True):
            assert (found == expected[order]).all()
    assert not cached or (
        stored_positions(tmp_path / "cache.sqlite") == list(range(COUNT)) and not images.kept.given_up
    )


def test_threads_name_a_cut_picture_once(folder, capsys):
    """Would catch a line from every thread that meets the same cut picture at the same time."""
    data = (folder / "03.png").read_bytes()
    (folder / "03.png").write_bytes(data[: len(data) - 60])
    images = kept(folder)
    start = threading.Barrier(8)

    def ask(_):
        start.wait()
        return images[[3]][0, 0, 0, 0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {40}  # the next one's
    assert printed(capsys) == ["03.png does not decode; the next picture stands in for it"]


def test_a_stand_in_is_kept_as_well(folder, tmp_path, in_a_file):
    """Would catch a cut picture that is tried again in every epoch, at the cost of a decode and another."""
    data = (folder / "11.png").read_bytes()
    (folder / "11.png").write_bytes(data[: len(data) - 60])
    images = kept(folder, tmp_path / "cache.sqlite")
    for _ in range(3):
        assert images[[11]][0, 0, 0, 0] == 0  # after the last comes the first
    assert images.files.asked == [1, *[0] * 10, 1]


# The file


def test_another_process_finds_the_pictures(folder, tmp_path, in_a_file):
    """Would catch pictures that are only in this process's memory, a file that each run starts anew, and one that hangs
    on the folder's own place."""
    cache = tmp_path / "deep" / "cache.sqlite"
    expected = everything(kept(folder, cache))
    program = f"""
import numpy as np
from support.data import on_demand
from support.data import disk_cache
from support.data.picture_files import PictureFolder
on_demand.MOST_IN_MEMORY = disk_cache.ROOM_TO_LEAVE = 0
files = PictureFolder({str(folder.rename(tmp_path / "moved"))!r})
def image(index):
    raise SystemExit("decoded again")
files.image = image
images = on_demand.KeptPictures(files, np.arange({COUNT}), None, {SIZE}, "cover", {str(cache)!r})
print(images[np.arange({COUNT})].tobytes().hex())
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=SUITE)
    assert found.stderr == "" and found.stdout.strip() == expected.tobytes().hex()


@pytest.mark.parametrize("other", ["size", "fit", "pictures", "fewer"])
def test_other_pictures_start_the_file_anew(folder, tmp_path, in_a_file, monkeypatch, other):
    """Would catch yesterday's pictures, or those of another size, fit or selection, given for today's."""
    cache = tmp_path / "cache.sqlite"
    everything(kept(folder, cache))
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", 0)
    options = {"size": {"size": (8, 12, 3)}, "fit": {"fit": "pad"}, "fewer": {"chosen": [1, 2, 3]}}.get(other, {})
    if other == "pictures":
        Image.new("L", (80, 90), 255).save(folder / "00.png")
    images = kept(folder, cache, **options)
    found = everything(images)
    assert sum(images.files.asked) == len(images)  # all of them decoded, none taken from the file
    assert (found == everything(kept(folder, None, **options))).all()
    again = kept(folder, cache, **options)
    assert (everything(again) == found).all() and sum(again.files.asked) == 0
    connection = sqlite3.connect(cache)
    assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (len(images),)
    connection.close()


@pytest.mark.parametrize("damage", ["no database", "empty", "cut", "another table"])
def test_a_damaged_file_is_started_anew(folder, tmp_path, in_a_file, damage, capsys):
    """Would catch a run that ends, or gives wrong pictures, because of a file that only saves time."""
    cache = tmp_path / "cache.sqlite"
    expected = everything(kept(folder, cache))
    data = cache.read_bytes()
    for file in tmp_path.glob("cache.sqlite*"):
        file.unlink()
    if damage == "another table":
        connection = sqlite3.connect(cache)
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.close()
    else:
        cache.write_bytes({"no database": b"A photo album. " * 500, "empty": b"", "cut": data[:100]}[damage])
    images = kept(folder, cache)
    assert (everything(images) == expected).all() and (everything(images) == expected).all()
    assert images.files.asked == [1] * COUNT and printed(capsys) == []
    assert stored_positions(cache) == list(range(COUNT))


def test_a_file_damaged_behind_its_beginning(folder, tmp_path, in_a_file, capsys):
    """Would catch a traceback, or wrong pictures, where the disk lost a part that is only met later on."""
    cache = tmp_path / "cache.sqlite"
    expected = everything(kept(folder, cache))
    sqlite3.connect(cache).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection = sqlite3.connect(cache)
    root, page = (
        connection.execute(sentence).fetchone()[0]
        for sentence in ("SELECT rootpage FROM sqlite_master WHERE name = 'pictures'", "PRAGMA page_size")
    )
    connection.close()
    data = bytearray(cache.read_bytes())
    assert len(data) > root * page - page
    data[(root - 1) * page : root * page] = b"\xff" * page
    cache.write_bytes(data)
    images = kept(folder, cache)
    assert (everything(images) == expected).all() and (everything(images) == expected).all()
    lines = printed(capsys)
    assert len(lines) == 1 and lines[0].startswith(f"{cache} is not used (")


def test_a_picture_of_another_length_is_decoded_again(folder, tmp_path, in_a_file):
    """Would catch a traceback from a picture that the file gives short."""
    cache = tmp_path / "cache.sqlite"
    expected = everything(kept(folder, cache))
    connection = sqlite3.connect(cache)
    connection.execute("UPDATE pictures SET pixels = x'0102' WHERE position = 4")
    connection.commit()
    connection.close()
    images = kept(folder, cache)
    assert (everything(images) == expected).all()
    assert images.files.asked == [0, 0, 0, 0, 1, *[0] * 7]
    assert stored_positions(cache) == list(range(COUNT))  # of the right length again


def test_a_disk_without_room(folder, tmp_path, monkeypatch, capsys):
    """Would catch a run that fills the disk up to where its own checkpoints fail, or that ends for want of room."""
    monkeypatch.setattr(on_demand, "MOST_IN_MEMORY", 0)
    free = 2_000_000_000 + COUNT * PICTURE  # what they need beside the room to leave
    for left, used in ((free - 1, False), (free, True)):
        monkeypatch.setattr(disk_cache.shutil, "disk_usage", lambda path, left=left: SimpleNamespace(free=left))
        images = kept(folder, tmp_path / f"cache_{used}.sqlite")
        assert (everything(images) == everything(images)).all()
        assert images.kept.given_up is not used and images.files.asked == [1 if used else 2] * COUNT
        lines = printed(capsys)
        assert len(lines) == (0 if used else 1)
        assert used or ("the disk has 2.0 GB left" in lines[0] and "decoded anew in every epoch" in lines[0])


def test_a_disk_that_fills_up_on_the_way(folder, tmp_path, in_a_file, monkeypatch, capsys):
    """Would catch a traceback in the middle of an epoch, a line for every picture, and half a picture in the file."""
    cache = tmp_path / "cache.sqlite"
    images = kept(folder, cache)
    expected = everything(kept(folder))
    images[[0, 1, 2]]
    images.kept.connection.execute("PRAGMA max_page_count = 1")  # no page more than there are: SQLite's own "full"
    images.kept.connection.execute("PRAGMA journal_size_limit = 0")
    large = b"\0" * 200_000
    images.kept[3] = large
    assert images.kept.given_up
    assert (everything(images) == expected).all() and (everything(images) == expected).all()
    lines = printed(capsys)
    assert len(lines) == 1 and "full" in lines[0] and str(cache) in lines[0]
    images.kept.connection.close()
    assert stored_positions(cache) == [0, 1, 2]


def test_an_error_of_the_database(folder, tmp_path, in_a_file, monkeypatch, capsys):
    """Would catch an error of SQLite's own that ends the run, or one that is said again in every epoch."""

    def connect(*arguments, **options):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(disk_cache.sqlite3, "connect", connect)
    images = kept(folder, tmp_path / "cache.sqlite")
    assert (everything(images) == everything(images)).all() and images.files.asked == [2] * COUNT
    assert printed(capsys) == [
        f"{tmp_path / 'cache.sqlite'} is not used (disk I/O error); the pictures are decoded anew in every epoch"
    ]


def test_a_place_that_is_no_folder(folder, tmp_path, in_a_file, capsys):
    """Would catch an error of the system that comes up as a traceback in a thread."""
    (tmp_path / "file").write_text("in the way")
    images = kept(folder, tmp_path / "file" / "cache.sqlite")
    assert (everything(images) == everything(kept(folder))).all()
    assert len(printed(capsys)) == 1


def test_a_neighbour_with_a_longer_name_is_left_alone(folder, tmp_path, in_a_file):
    """Would catch files beside the cache that go with it when it is started anew."""
    cache = tmp_path / "pictures.sqlite"
    neighbours = [tmp_path / "pictures.sqlite.backup", tmp_path / "pictures.sqlite2", tmp_path / "pictures.sql"]
    for file in neighbours:
        file.write_text("mine")
    everything(kept(folder, cache))
    assert [file.read_text() for file in neighbours] == ["mine"] * 3


KILLED = """
import sys
import numpy as np
from support.data import on_demand
from support.data import disk_cache
from support.data.picture_files import PictureFolder
on_demand.MOST_IN_MEMORY = disk_cache.ROOM_TO_LEAVE = 0
images = on_demand.KeptPictures(PictureFolder(sys.argv[1]), np.arange(12), None, (8, 8, 3), "cover", sys.argv[2])
for position in range(6):
    images[[position]]
print("six are in", flush=True)
while True:  # the same picture, over and over: the kill comes in the middle of a write
    images.kept[position] = images[[position]].tobytes()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill without notice")
def test_a_killed_process_leaves_whole_pictures(folder, tmp_path, in_a_file):
    """Would catch half a picture, a file that is locked for good, or one that loses what was in it."""
    cache = tmp_path / "cache.sqlite"
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder), str(cache)], stdout=subprocess.PIPE, text=True, cwd=SUITE
        )
        assert process.stdout.readline() == "six are in\n"
        process.kill()
        process.wait()
        process.stdout.close()
        assert stored_positions(cache) == [0, 1, 2, 3, 4, 5]
    images = kept(folder, cache)
    assert (everything(images) == everything(kept(folder))).all()
    assert images.files.asked == [0] * 6 + [1] * 6


# Reading ahead


def test_read_ahead_gives_everything_in_order():
    """Would catch results in the order in which threads finish, a first or last one that is missing, and an end that
    never comes."""
    gates = {number: threading.Event() for number in range(3, 40)}

    def make(number):
        if number % 2 and number + 1 in gates:  # an odd one waits until the next has begun, or a moment
            gates[number + 1].wait(0.01)
        gates[number].set()
        return number * number

    batches = ReadAhead(make, range(3, 40))
    assert [next(batches) for _ in range(3, 40)] == [number * number for number in range(3, 40)]
    with pytest.raises(StopIteration):
        next(batches)


def test_read_ahead_is_ahead_and_not_far():
    """Would catch work that begins only when it is asked for, and a whole epoch of batches in the memory."""
    begun, lock, second = [], threading.Lock(), threading.Event()

    def make(number):
        with lock:
            begun.append(number)
            if len(begun) >= 2:
                second.set()
        return number

    batches = ReadAhead(make, range(1000))
    assert next(batches) == 0
    assert second.wait(30)
    assert max(begun) < 50


def test_read_ahead_brings_an_error_up_in_its_turn():
    """Would catch an error that is lost in a thread, comes before the batches that were well, or loses its kind:
    train.py saves a checkpoint at an InputError."""

    def make(number):
        if number == 5:
            raise InputError("the pictures are gone; put them back")
        return number

    batches = ReadAhead(make, range(10))
    assert [next(batches) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match=r"the pictures are gone; put them back"):
        next(batches)


def test_read_ahead_counts_the_waiting(monkeypatch):
    """Would catch a clock that counts what the asker does between two batches, or forgets the wait that ended in an
    error; by hand 0.5 + 0.25 s, then 1 s more, of 25 s in all: 7 hundredths."""
    clock = iter([0.0, 10.0, 10.5, 20.0, 20.25, 24.0, 25.0, 25.0])
    monkeypatch.setattr("support.data.read_ahead.time", SimpleNamespace(monotonic=lambda: next(clock)))
    batches = ReadAhead(lambda number: number, range(2))
    assert batches.waited == 0.0
    assert [next(batches), next(batches)] == [0, 1]
    assert batches.waited == 0.75
    with pytest.raises(StopIteration):
        next(batches)
    assert batches.waited == 1.75 and batches.share() == pytest.approx(0.07)


def test_read_ahead_reads_kept_pictures(folder, tmp_path, in_a_file):
    """Would catch batches that differ from those asked for directly, with four threads at one file."""
    images = kept(folder, tmp_path / "cache.sqlite")
    order = np.random.default_rng(0).integers(0, COUNT, (30, 4))
    batches = ReadAhead(lambda step: images[order[step]], range(30))
    expected = everything(kept(folder))
    for step in range(30):
        assert (next(batches) == expected[order[step]]).all()
