"""What TensorBoard shows: curves and pictures, in event files that TensorBoard's own writer of records makes.

    tensorboard --logdir runs      beside or after the training; all runs below this folder

TensorFlow is not needed, so every backend of Keras can write them. Every call hands its record to the operating system
at once, in the thread that calls: a killed run loses nothing, and a full disk ends the run in one line. (tensorboardX
puts a queue in between, which blocks for good once its writing thread has failed.)
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

# What stands before the slash is a pane of TensorBoard's, in which the rest of the names share a heading.
NAMES = {
    "discriminator_loss": "loss/discriminator",
    "generator_loss": "loss/generator",
    "d_of_real": "probability/D(x)",
    "d_of_fake": "probability/D(G(z)) in D's step",
    "d_of_fake_after_discriminator_step": "probability/D(G(z)) in G's step",
}
LONGEST_SIDE = 1024  # pixels; a grid of large pictures would take 10 MB each time it is drawn


def measured(values):
    """Name the five measurements of a step, in the order of `MEASURED`, as TensorBoard shows them."""
    return {NAMES[name]: value for name, value in zip(MEASURED, values, strict=True)}


def require_tensorboard():
    """Fetch what writes event files.

    Returns:
        The modules `event_pb2` and `summary_pb2`, and the class `RecordWriter`.

    Raises:
        InputError: If the package is not installed. To be called before the long work, too.
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
    """An event file in a folder, beside those of the run's earlier parts.

    Args:
        folder: Where the file goes; made if need be.
        first_step: The first step that will be logged. What earlier event files in the folder say of this step and
            later ones is void: a run that was killed after its last checkpoint plays those steps again.

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
        # TensorBoard reads the files in the order of their names, so the second in the name only ever grows.
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
        """Note numbers of one step.

        Args:
            step: The step's number, from 1.
            values: Dictionary from a name, `"pane/name"`, to a float.
        """
        value = self.summary_pb2.Summary.Value
        self._write_summary(step, [value(tag=name, simple_value=float(number)) for name, number in values.items()])

    def picture(self, step, name, image):
        """Note a picture as it is at one step.

        Args:
            step: The step's number, from 1.
            name: What it shows; pictures of one name are frames of one slider.
            image: uint8 array `(height, width, channels)` with 1, 3 or 4 channels, or a Pillow image; one whose longer
                side is above 1024 pixels is reduced to it.
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
            error.filename = error.filename or self.file.name  # "no space left" alone does not say for what
            raise


class NoLog:
    """The log of a run without `--tensorboard`: it takes the same calls and writes nothing."""

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
    """Give a `TensorBoardLog` if `wanted`, otherwise a `NoLog`."""
    return TensorBoardLog(folder, first_step) if wanted else NoLog()
