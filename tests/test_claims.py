"""One run in a folder at a time: what is alive is refused, what was killed does not block, also without locks."""

import errno
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import pytest

from small_runs import error_of, play, save_twenty_pictures
from support.run import claims
from support.run.folder import RunFolder
from support.run.training_run import TrainingRun
from support.system.errors import InputError

fcntl = pytest.importorskip("fcntl", reason="the locks of Unix")
ROOT = pathlib.Path(__file__).resolve().parent.parent
HOLD = "import sys, time; from support.run.claims import Claim; Claim(sys.argv[1]); print('held', flush=True); "
HOLD += "time.sleep(300)"


@pytest.fixture
def alive(tmp_path):
    """A process of its own that holds the claim on a folder."""
    (tmp_path / "run").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Touch ten times a second, watch for a second; afterwards give back what a test has claimed."""
    monkeypatch.setattr(claims, "SECONDS_A_TOUCH", 0.1)
    monkeypatch.setattr(claims, "SECONDS_TO_WATCH", 1.0)
    with claims.given_back():
        yield


def no_locks(monkeypatch, number=errno.ENOLCK):
    """Let the system answer as a network disk without locks does."""

    def lock(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(claims, "lock", lock)


def from_elsewhere(folder, monkeypatch):
    """Claim a folder as another computer does, whose locks do not count here. Returns its `Claim`, which goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(claims.Claim, "_machine", lambda self: "another computer")
        patch.setattr(claims, "lock", lambda file: None)
        return claims.Claim(folder)


def contents(folder):
    """Everything in a folder: names, bytes and times of writing; a touch of the claim by its owner does not count."""
    return {
        path.relative_to(folder): (
            path.is_file() and path.read_bytes(),
            path.name != claims.NAME and path.stat().st_mtime,
        )
        for path in folder.rglob("*")
    }


def test_a_living_process_is_refused_and_a_killed_one_is_not(alive, tmp_path, capsys):
    """Would catch two runs that write over each other, and a killed run that blocks the next one or makes it wait."""
    for create in (True, False):
        with pytest.raises(InputError, match=rf"a run is alive in this folder \(process {alive.pid} on .*--out"):
            claims.Claim(tmp_path / "run", create)
    alive.kill()
    alive.wait()
    assert (tmp_path / "run" / claims.NAME).exists()  # it was killed: nobody has removed it
    claim = claims.Claim(tmp_path / "run", create=False)
    assert claim.is_held and claims.read(claim.path)["process"] == os.getpid()
    assert capsys.readouterr().out == ""  # the lock alone says it: nothing to watch
    claim.give_back()
    assert not claim.path.exists()


def test_without_a_claim_there_is_nothing_to_take_over(tmp_path):
    """Would catch a check that writes into a folder where only a later check may refuse the run."""
    assert not claims.Claim(tmp_path, create=False).is_held
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("locks", ["on this computer only", "missing", "not made"])
def test_where_locks_do_not_tell_the_touches_do(tmp_path, monkeypatch, capsys, locks):
    """Would catch a network disk on which two computers play in one folder, and one on which a killed run blocks."""
    other = from_elsewhere(tmp_path, monkeypatch)
    if locks == "on this computer only":
        monkeypatch.setattr(claims, "lock", lambda file: None)
    else:
        no_locks(monkeypatch, {"missing": errno.ENOLCK, "not made": errno.ENOSYS}[locks])
    with pytest.raises(InputError, match="a run is alive in this folder"):
        claims.Claim(tmp_path)
    assert claims.read(other.path)["token"] == other.token  # it was refused and has changed nothing
    other.check()

    other.ended.set()  # as a kill does: the file stays, and nobody touches it any more
    capsys.readouterr()
    mine = claims.Claim(tmp_path)
    assert mine.is_held and "watching for 1 s whether it is alive" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"was taken over by another run .*writes nothing more"):
        other.check()
    other.give_back()
    assert claims.read(mine.path)["token"] == mine.token  # the one that lost it must not remove it
    mine.check()


def test_clocks_do_not_matter(tmp_path, monkeypatch):
    """Would catch a time of this computer compared with one of another, whose clock is a day ahead or behind."""
    other = from_elsewhere(tmp_path, monkeypatch)
    touch = os.utime
    for days in (-1, 1):
        now = other.path.stat().st_mtime_ns + days * 86_400 * 10**9
        ticks = iter(range(1000))
        monkeypatch.setattr(os, "utime", lambda path, now=now, ticks=ticks: touch(path, ns=(now, now + next(ticks))))
        with pytest.raises(InputError, match="alive"):
            claims.Claim(tmp_path)
    other.ended.set()
    touch(other.path, ns=(0, 4 * 10**18))  # the last touch lies in the future
    assert claims.Claim(tmp_path).is_held


def test_two_that_start_in_one_moment_without_locks(tmp_path, monkeypatch):
    """Would catch both going on: each found no claim, so both wrote one."""
    no_locks(monkeypatch)
    rival = dict(process=1, host="rival", machine="another computer", token="rival")
    monkeypatch.setattr(
        claims.time, "sleep", lambda seconds: (tmp_path / claims.NAME).write_text(claims.json.dumps(rival))
    )
    with pytest.raises(InputError, match=r"taken over by another run \(process 1 on rival\)"):
        claims.Claim(tmp_path)


def test_a_lock_on_a_removed_file_does_not_count(tmp_path, monkeypatch):
    """Would catch a lock on a file that the run before removed in that very moment: a third run would get another."""
    real, moments = claims.lock, []

    def lock(file):
        real(file)
        moments.append(file)
        if len(moments) == 1:
            (tmp_path / claims.NAME).unlink()

    monkeypatch.setattr(claims, "lock", lock)
    claim = claims.Claim(tmp_path)
    assert len(moments) == 2 and os.path.samestat(os.fstat(claim.file), os.stat(claim.path))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00" * 400])
def test_a_damaged_claim_is_taken_over(tmp_path, text):
    """Would catch a power cut that leaves an empty or half a file, and with it a folder that is blocked for good."""
    (tmp_path / claims.NAME).write_text(text)
    claim = claims.Claim(tmp_path)
    assert claims.read(claim.path)["token"] == claim.token


def test_a_claim_that_was_removed_is_made_again(tmp_path, monkeypatch):
    """Would catch a run that anyone may join, because someone has tidied up the hidden files of its folder."""
    claim = claims.Claim(tmp_path)
    claim.path.unlink()
    claim.check()
    assert claims.read(claim.path)["token"] == claim.token
    with pytest.raises(InputError, match="alive"):
        claims.Claim(tmp_path)
    claim.path.unlink()
    other = claims.Claim(tmp_path)
    with pytest.raises(InputError, match="taken over"):
        claim.check()
    other.check()


def test_a_claim_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    """Would catch an empty claim on a full disk, and an error that does not name the file."""

    def write(file, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError) as caught:
        claims.Claim(tmp_path)
    assert caught.value.filename == str(tmp_path / claims.NAME) and not list(tmp_path.iterdir())


def test_train_refuses_a_folder_in_which_a_run_is_alive(alive, tmp_path, capsys):
    """Would catch a way into the folder of a living run: anew, --overwrite, --resume; and anything that it writes."""
    data, out = save_twenty_pictures(tmp_path / "pictures.npz"), tmp_path / "run"
    before = contents(out)
    for flags in ([], ["--overwrite"], ["--dry-run"]):
        line = error_of(capsys, "--data", data, "--out", str(out), *flags)
        assert f"a run is alive in this folder (process {alive.pid}" in line
        assert contents(out) == before
    alive.kill()
    alive.wait()
    assert play(data, out, "--epochs", "1") == 0 and not (out / claims.NAME).exists()

    with subprocess.Popen([sys.executable, "-c", HOLD, str(out)], cwd=ROOT, stdout=subprocess.PIPE) as living:
        assert living.stdout.readline() == b"held\n"
        before = contents(out)
        for flags in (
            ["--resume", "--epochs", "2"],
            ["--resume", "--preset", "shapes"],
            ["--data", data],
            ["--data", data, "--overwrite"],
        ):
            line = error_of(capsys, "--out", str(out), *flags)
            assert f"a run is alive in this folder (process {living.pid}" in line
            assert contents(out) == before
        living.kill()
    assert play(data, out, "--resume", "--epochs", "2") == 0
    assert "already holds a run" in error_of(capsys, "--data", data, "--out", str(out))
    assert not (out / claims.NAME).exists()  # neither the refused run nor the one before leaves a claim


@pytest.mark.parametrize("began", ["in an empty folder", "by resuming"])
def test_two_that_start_at_once(tmp_path, began):
    """Would catch the slower one of two that removes or continues what the faster one has written meanwhile: both saw
    the folder before either had claimed it."""
    faster, slower = RunFolder(tmp_path / "run", "shapes"), RunFolder(tmp_path / "run", "shapes")
    if began == "by resuming":
        faster.prepare(resume=False)
        faster.claim.give_back()
    resume = began == "by resuming"
    faster.refuse_if_alive()
    slower.refuse_if_alive()
    faster.prepare(resume)
    with pytest.raises(InputError, match="a run is alive"):
        slower.prepare(resume)
    (faster.checkpoints / "checkpoint_00000001.npz").write_bytes(b"a")
    faster.claim.give_back()
    with pytest.raises(InputError, match="has changed since this one was started"):
        slower.prepare(resume)
    assert (faster.checkpoints / "checkpoint_00000001.npz").read_bytes() == b"a"


def test_a_run_whose_folder_was_taken_over_writes_nothing_more(tmp_path, monkeypatch, capsys):
    """Would catch a run that was taken for dead (a computer asleep, a folder deleted under it) and goes on writing."""
    data, out = save_twenty_pictures(tmp_path / "pictures.npz"), tmp_path / "run"
    played = TrainingRun.note_step

    def take_over(self, *step):
        played(self, *step)
        (out / claims.NAME).write_text('{"process": 7, "host": "elsewhere", "token": "another"}')

    monkeypatch.setattr(TrainingRun, "note_step", take_over)
    with pytest.raises(SystemExit) as stopped:
        play(data, out, "--epochs", "3")
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "was taken over by another run (process 7 on elsewhere)" in line
    assert not list(out.glob("*.h5")) and not list(out.rglob("checkpoint*.npz"))
    assert '"another"' in (out / claims.NAME).read_text()


def test_a_run_whose_folder_is_gone_says_so(tmp_path, monkeypatch, capsys):
    """Would catch a message about some file of curves, where the whole folder was removed; and a new folder with parts
    of a run in it."""
    data, out = save_twenty_pictures(tmp_path / "pictures.npz"), tmp_path / "run"
    played = TrainingRun.note_step

    def remove(self, *step):
        played(self, *step)
        shutil.rmtree(out, ignore_errors=True)

    monkeypatch.setattr(TrainingRun, "note_step", remove)
    with pytest.raises(SystemExit) as stopped:
        play(data, out, "--epochs", "3")
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and f"{out} was removed while the run was writing into it" in line
    assert not out.exists()


def test_files_of_hdf5_need_no_locks(tmp_path):
    """Would catch a network disk without locks, on which HDF5 refuses to open a generator that is sound."""
    path = tmp_path / "generator.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = 7
    with open(path) as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # HDF5's own lock fails now, as it does where there are none
        with h5py.File(path) as file:
            assert file["kernel"][()] == 7
