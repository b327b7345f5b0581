"""The files of a run: their places, the check of existing files, and saving the generator."""

import json
import os
import pathlib
import shutil

import h5py

from support.data.addresses import lies_among_pictures
from support.run.checkpoints import checkpoint_paths
from support.run.claims import Claim
from support.system.atomic_files import written_beside
from support.system.errors import InputError
from support.system.quiet import quiet
from support.system.several_devices import refused_together

CHECKPOINT_FOLDER = "training_checkpoints_"
FOLDER_NAMES = {"cars": "cars_deeplake"}  # only this preset has a published folder with a longer name


def checkpoint_folders(out):
    """List the folders of checkpoints in a run's folder, of any preset."""
    return sorted(pathlib.Path(out).glob(CHECKPOINT_FOLDER + "*"))


class RunFolder:
    """The folder that `--out` names.

    Args:
        out: The folder; made by `prepare`.
        preset: Name of the run's preset.

    Attributes:
        logs: Folder of curves, sample plots, history and settings.
        checkpoints: Folder of checkpoints.
        best_generator: Path of the generator with the best score so far.
        picture_cache: File of decoded pictures, made if they do not fit in memory. It belongs to the pictures, not to
            the run: a new run in the same folder uses it again if it trains on the same pictures.
    """

    def __init__(self, out, preset):
        self.out = pathlib.Path(out)
        self.logs = self.out / "training_logs"
        self.picture_cache = self.out / "training_cache" / "pictures.sqlite"
        self.best_generator = self.out / "generator_best.h5"
        self.set_preset(preset)
        self.claim, self.state_at_start = None, None

    def set_preset(self, preset):
        """Set the preset, which the folder of checkpoints is named after."""
        self.preset = preset
        self.checkpoints = self.out / (CHECKPOINT_FOLDER + FOLDER_NAMES.get(preset, preset))

    def refuse_if_alive(self):
        """Refuse the folder if a run is alive in it, and note what is there. This writes nothing.

        Raises:
            InputError: If a run is alive in this folder.
        """
        with refused_together() as is_first:
            if is_first and self.out.is_dir():
                self.claim = Claim(self.out, create=False)
                self.state_at_start = self._state()

    def _claim(self):
        """Claim the folder for this run, before the first write.

        Raises:
            InputError: If another run was started in this folder since `refuse_if_alive`.
        """
        with refused_together() as is_first:
            if not is_first:
                return
            is_new = not self.out.exists()
            self.out.mkdir(parents=True, exist_ok=True)
            try:
                if not (self.claim and self.claim.is_held):
                    self.claim = Claim(self.out)
            except OSError:
                if is_new:
                    self.out.rmdir()
                raise
            if self._state() != (self.state_at_start or []):
                raise InputError(
                    f"--out {self.out}: the run in this folder has changed since this one was started; "
                    "start again, or choose another folder with --out"
                )

    def _state(self):
        """List the files of the run that is here, with the times when they were written."""
        files = [path for folder in checkpoint_folders(self.out) for path in checkpoint_paths(folder)]
        return [(str(path), path.stat().st_mtime_ns) for path in [*self.contents(), *files]]

    def check_claim(self):
        """Check that no other run has taken the folder over.

        Raises:
            InputError: If one has, or if the folder is gone.
        """
        if self.claim and self.claim.is_held:
            self.claim.check()
        if not self.logs.is_dir():
            raise InputError(
                f"{self.out} was removed while the run was writing into it, or its disk is away; "
                "bring it back and go on with --resume, or start again"
            )

    def contents(self):
        """List what earlier runs left here: generators, checkpoint folders and the logs."""
        found = [*self.out.glob("generator_e*.h5"), *checkpoint_folders(self.out)]
        found += [self.best_generator] if self.best_generator.exists() else []
        return sorted(found) + ([self.logs] if self.logs.exists() else [])

    def check_place(self, data):
        """Refuse a path that cannot be a folder, or that lies among the pictures, before any long work.

        Args:
            data: The source of the pictures.

        Raises:
            InputError: If it is a file, writing is not permitted, or the run's plots would become pictures to train on.
        """
        if lies_among_pictures(self.out, data):
            raise InputError(
                f"--out {self.out} lies in --data {data}: the run's plots would become pictures to train on; "
                "name another place with --out"
            )
        parent = next(path for path in (self.out, *self.out.absolute().parents) if path.exists())
        if not parent.is_dir():
            raise InputError(f"--out {self.out}: {parent} is a file, not a folder; name another place")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise InputError(f"--out {self.out}: {parent} may not be written to; name another place")

    def refuse_if_used(self):
        """Refuse a folder that contains a run; files of a `--dry-run` may be replaced.

        Raises:
            InputError: If generators, checkpoints or logs of a run are here.
        """
        generators = [path.name for path in self.out.glob("generator_e*.h5")]
        only_a_dry_run = self.stored_settings().get("dry_run") and generators in ([], ["generator_e001.h5"])
        if self.contents() and not only_a_dry_run:
            go_on = "continue it with --resume, " if any(map(checkpoint_paths, checkpoint_folders(self.out))) else ""
            raise InputError(
                f"--out {self.out} already holds a run ({self.contents()[0].name}); {go_on}"
                "choose another folder with --out, or replace it with --overwrite"
            )

    def refuse_if_finished(self, settings, history, steps_per_epoch):
        """Refuse to resume a run that has played all its epochs.

        Raises:
            InputError: If no step is left.
        """
        left = settings["epochs"] * steps_per_epoch - len(history.steps)
        if left < 0 or (left == 0 and self.generator_path(settings["epochs"]).exists()):
            played = len(history.steps) // steps_per_epoch
            raise InputError(
                f"the run in {self.out} has played {played} epochs already, received --epochs {settings['epochs']}; "
                f"go on with --resume --epochs {played + 100}"
            )

    def prepare(self, resume):
        """Make the folders; a new run removes the files of an earlier one. Call this after all other checks.

        Raises:
            InputError: If another run is alive in this folder.
        """
        self._claim()
        if not resume:
            # Checkpoints first: if the removal is interrupted, --resume must not continue with parts of an old run.
            for path in sorted(self.contents(), key=lambda path: not path.name.startswith(CHECKPOINT_FOLDER)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder in (self.out, self.logs, self.checkpoints):
            for half_written in folder.glob(".*.partial.*"):  # left by a run that was killed
                half_written.unlink()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.checkpoints.mkdir(exist_ok=True)

    def stored_settings(self):
        """Read `settings.json`; return an empty dictionary if it is missing or unreadable."""
        try:
            return json.loads((self.logs / "settings.json").read_text())
        except (OSError, ValueError):
            return {}

    def write_settings(self, settings):
        """Write `settings.json`, completely or not at all."""
        with written_beside(self.logs / "settings.json") as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n")

    def generator_path(self, epoch):
        """Return the path of the generator of an epoch: `generator_e010.h5`."""
        return self.out / f"generator_e{epoch:03d}.h5"


def find_run(out, preset=None):
    """Find the run that `--resume` continues.

    Args:
        out: The folder that `--out` names.
        preset: The preset that was typed, or None.

    Returns:
        Its `RunFolder`.

    Raises:
        InputError: If a run is alive there, or there is no checkpoint, or only one of another preset.
    """
    found = RunFolder(out, preset or "")
    found.refuse_if_alive()
    presets = {}
    folders = checkpoint_folders(out)
    for folder in folders:
        if checkpoint_paths(folder):
            name = folder.name.removeprefix(CHECKPOINT_FOLDER)
            presets[next((key for key, value in FOLDER_NAMES.items() if value == name), name)] = folder
    if not presets:
        # A run that was killed before its first checkpoint leaves an empty checkpoint folder.
        anew = "start anew with --overwrite" if folders else "start without --resume"
        raise InputError(f"nothing to resume in {out}: no checkpoint there; {anew}, or name its --out")
    if preset and preset not in presets:
        held = ", ".join(presets)
        raise InputError(
            f"--out {out} holds a run of preset {held}, not {preset}; use --preset {held} or another --out"
        )
    found.set_preset(preset or next(iter(presets)))
    return found


def save_generator(generator, path, information):
    """Save a generator as HDF5, with `information` as JSON in its attribute `gan`, completely or not at all.

    Keras warns at every save that HDF5 is an old format. This suite uses it on purpose, because people know it and
    every Keras 3 opens it. So the warning is hidden.
    """
    with quiet(), written_beside(path) as temporary:
        # HDF5 crashes when the disk becomes full. So check the free space first: there it is only an ordinary error.
        temporary.write_bytes(bytes(4 * generator.count_params() + 200_000))
        generator.save(temporary)
        with h5py.File(temporary, "a") as file:
            file.attrs["gan"] = json.dumps(information)
