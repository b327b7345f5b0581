"""Checkpoints: everything that a run needs to continue, in one file that is complete or does not exist.

A checkpoint is an .npz of plain arrays and one JSON text. Keras' own `save_weights` does not save the state of
dropout's random seeds. A run continued from it would use other dropout masks than a run that never stopped.
"""

import json
import pathlib
import re

import numpy as np
from keras import ops

from support.run.history import History
from support.system.atomic_files import written_beside
from support.system.errors import InputError

KEPT = 3  # newest checkpoints that stay in the folder; older ones are removed


def copy_variables(variables):
    """Copy the values of Keras variables from the device, as a list of arrays in the same order."""
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def assign_variables(variables, values):
    """Put values back into Keras variables, the reverse of `copy_variables`.

    Raises:
        InputError: If number or shapes differ: then the values belong to other networks.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise InputError(
            "the checkpoint holds other networks than this version builds; finish the run with the version that began "
            "it, or start a new one with another --out"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def save_checkpoint(folder, step, groups, information):
    """Write a checkpoint and remove all but the newest few.

    Args:
        folder: `pathlib.Path` of the checkpoints; made if it is missing.
        step: Steps played since the run began; this is the checkpoint's number.
        groups: Dictionary from a name to a list of arrays.
        information: Anything that JSON can store.

    Returns:
        The path of the new file.

    Raises:
        InputError: If an array has a number that is not finite: the older, good checkpoints must stay.
        OSError: If it cannot be written. The older checkpoints stay as they are.
    """
    arrays = {}
    for group, values in groups.items():
        for index, value in enumerate(values):
            if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
                raise InputError(
                    f"the {group} holds numbers that are not finite at step {step}; nothing was saved over the last "
                    f"good checkpoint in {folder}; start again with a smaller --learning-rate"
                )
            arrays[f"{group}/{index:04d}"] = value
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint_{step:08d}.npz"
    with written_beside(path) as temporary:
        np.savez(temporary, information=json.dumps(information), **arrays)
    for old in checkpoint_paths(folder)[:-KEPT]:
        old.unlink()
    return path


def checkpoint_paths(folder):
    """List the checkpoints in a folder, the oldest first."""
    folder = pathlib.Path(folder)
    return sorted(path for path in folder.glob("checkpoint_*.npz") if re.fullmatch(r"checkpoint_\d{8,}", path.stem))


def load_newest_checkpoint(folder):
    """Read the newest checkpoint that is not damaged.

    Returns:
        `(checkpoint, remarks)`: `(path, groups, information)` as given to `save_checkpoint`; and one line for each
        damaged checkpoint that was skipped, and for the one that was used.

    Raises:
        InputError: If there is no checkpoint, or none can be read.
    """
    paths, remarks = checkpoint_paths(folder), []
    for path in reversed(paths):
        try:
            with np.load(path, allow_pickle=False) as file:
                groups = {}
                for key in sorted(name for name in file.files if "/" in name):
                    groups.setdefault(key.split("/")[0], []).append(file[key])
                checkpoint = path, groups, json.loads(str(file["information"]))
            steps = len(groups["history"][0]) if "history" in groups else 0
            return checkpoint, [*remarks, f"resuming from {path}, after {steps:,} steps"]
        except Exception:  # a damaged .npz raises anything: BadZipFile, KeyError, NotImplementedError, TokenError ...
            remarks.append(f"{path} is damaged; trying the one before it")
    if paths:
        raise InputError(f"none of the {len(paths)} checkpoints in {folder} can be read; start anew with --overwrite")
    raise InputError(f"nothing to resume in {folder}; start a run without --resume, or name its folder with --out")


def all_variables(players):
    """Group every variable of the game: both networks, the seeds of their random layers, and both optimizers.

    Args:
        players: `train.Players`, the two players and the models through which they learn.
    """
    turns = (players.discriminator_turn, players.combined)
    known = {id(variable) for player in players[:2] for variable in player.variables}
    return {
        "generator": players.generator.variables,
        "discriminator": players.discriminator.variables,
        "turns": list({id(v): v for turn in turns for v in turn.variables if id(v) not in known}.values()),
        "discriminator optimizer": players.discriminator_turn.optimizer.variables,
        "generator optimizer": players.combined.optimizer.variables,
    }


def variables_of(players):
    """List every variable of the game, as `all_variables` groups them."""
    return [variable for group in all_variables(players).values() for variable in group]


def put_back(players, checkpoint):
    """Load a checkpoint into the players.

    Args:
        players: `train.Players`; their variables are set.
        checkpoint: `(path, groups, information)` of `load_newest_checkpoint`; or None, for a new run.

    Returns:
        The `History` so far, empty for a new run.
    """
    if checkpoint is None:
        return History()
    _, groups, information = checkpoint
    for name, variables in all_variables(players).items():
        assign_variables(variables, groups.get(name, []))
    scores = {int(epoch): score for epoch, score in information.get("scores", {}).items()}  # JSON made epochs text
    return History(groups["history"][0], information["seconds"], scores)
