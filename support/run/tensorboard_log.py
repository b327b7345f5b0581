"""Writes curves and pictures for TensorBoard, in event files made by TensorBoard's own record writer.

    tensorboard --logdir runs      during or after the training; shows all runs below this folder

TensorFlow is not needed, so this works with every backend of Keras. Every call hands its record to the operating system
at once, in the calling thread. So a killed run loses nothing, and a full disk ends the run with one line. (tensorboardX
uses a queue, which blocks for ever once its writing thread has failed.)
"""

import io
import pathlib
import re
import time

import numpy as np
from PIL import Image

from support.drawing.grid import to_image
from support.run.history import MEASURED
from support.system.errors import InputError

# The part before the slash is a section in TensorBoard; names with the same part are shown together.
NAMES = {
    "discriminator_loss": "loss/discriminator",
    "generator_loss": "loss/generator",
    "d_of_real": "probability/D(x)",
    "d_of_fake": "probability/D(G(z)) in D's step",
    "d_of_fake_after_discriminator_step": "probability/D(G(z)) in G's step",
}
LONGEST_SIDE = 1024  # pixels; otherwise a grid of large pictures would take 10 MB each time


def measured(values):
    """Give the five measurements of a step, in the order of `MEASURED`, their names in TensorBoard."""
    return {NAMES[name]: value for name, value in zip(MEASURED, values, strict=True)}


def require_tensorboard():
    """Import the modules that write event files.

    Returns:
        The modules `event_pb2` and `summary_pb2`, and the class `RecordWriter`.

    Raises:
        InputError: If the package is not installed. So call this also before the long work.
    """
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise InputError(
            f"--tensorboard: the package tensorboard cannot be imported ({error}); "
            "install it with pip install -r requirements-tensorboard.txt, or leave the flag out"
        ) from None
    return event_pb2, summary_pb2, RecordWriter


class TensorBoardLog:
    """A new event file in a folder, beside those from before a resume.

    Args:
        folder: Folder of the file; it is made if it is missing.
        first_step: The first step that will be logged. TensorBoard then ignores this step and later ones in earlier
            event files: a run that was killed after its last checkpoint plays those steps again.

    Raises:
        InputError: If TensorBoard is not installed.
        OSError: Here and in every call, if the disk is full or the folder cannot be written.

    Example:

    ```python
    with TensorBoardLog("runs/shapes/training_logs/tensorboard", first_step=1) as log:
        log.scalars(1, {"loss/discriminator": 0.69, "loss/generator": 0.7})
        log.picture(1, "generated", np.zeros((32, 32, 3), "uint8"))
    ```
    """

    def __init__(self, folder, first_step):
        self.event_pb2, self.summary_pb2, record_writer = require_tensorboard()
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files in the order of their names, so the time in the name must always grow.
        earlier = [re.fullmatch(r"events\.out\.tfevents\.(\d+)\.gan", path.name) for path in folder.iterdir()]
        second = max([int(time.time()), *(int(found[1]) + 1 for found in earlier if found)])
        path = folder / f"events.out.tfevents.{second:010d}.gan"
        self.file = open(path, "xb", buffering=0)  # noqa: SIM115  (close() closes it)
        self.records = record_writer(self.file)
        self._write(file_version="brain.Event:2")
        self._write(step=first_step, session_log=self.event_pb2.SessionLog(status=self.event_pb2.SessionLog.START))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def scalars(self, step, values):
        """Log numbers of one step.

        Args:
            step: The step's number, from 1.
            values: Dictionary from a name, `"pane/name"`, to a float.
        """
        value = self.summary_pb2.Summary.Value
        self._write_summary(step, [value(tag=name, simple_value=float(number)) for name, number in values.items()])

    def picture(self, step, name, image):
        """Log a picture of one step.

        Args:
            step: The step's number, from 1.
            name: What it shows; pictures with the same name share one slider.
            image: uint8 array `(height, width, channels)` with 1, 3 or 4 channels, or a Pillow image. If its longer
                side is above 1024 pixels, it is reduced to 1024.
        """
        if not isinstance(image, Image.Image):
            image = to_image(np.asarray(image))
        scale = LONGEST_SIDE / max(image.size)
        if scale < 1:
            image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
        png = io.BytesIO()
        image.save(png, "png")
        encoded = self.summary_pb2.Summary.Image(
            height=image.height,
            width=image.width,
            colorspace=len(image.getbands()),
            encoded_image_string=png.getvalue(),
        )
        self._write_summary(step, [self.summary_pb2.Summary.Value(tag=name, image=encoded)])

    def close(self):
        """Close the file. Closing it again does nothing."""
        self.file.close()

    def _write_summary(self, step, values):
        self._write(step=step, summary=self.summary_pb2.Summary(value=values))

    def _write(self, **fields):
        event = self.event_pb2.Event(wall_time=time.time(), **fields)
        try:
            self.records.write(event.SerializeToString())
        except OSError as error:
            error.filename = error.filename or self.file.name  # "no space left" alone does not name the file
            raise


class NoLog:
    """The log of a run without `--tensorboard`: it has the same methods and writes nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def scalars(self, step, values):
        """Do nothing."""

    def picture(self, step, name, image):
        """Do nothing."""

    def close(self):
        """Do nothing."""


def open_log(wanted, folder, first_step):
    """Return a `TensorBoardLog` if `wanted`, otherwise a `NoLog`."""
    return TensorBoardLog(folder, first_step) if wanted else NoLog()
