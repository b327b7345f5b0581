"""Draws with an exported generator: onnxruntime computes, NumPy makes the noise, Pillow writes. No Keras is needed.

The views are those of the page (deploy/page/latent.js): the same link shows the same pictures. This file and those that
it imports are all that a server needs.
"""

import dataclasses
import io
import json

import numpy as np
import onnxruntime

from support.drawing.grid import columns_for, picture_grid, to_uint8, write_gif
from support.drawing.noise import noise_batches, spherical_interpolation, truncate, walk_through_latent_space
from support.system.errors import InputError

HOW_FAR = 0.35  # of the way from a picture to other noise: its variations


@dataclasses.dataclass(frozen=True)
class View:
    """What to draw; the names are those in the page's link.

    Attributes:
        seed: Seed of the noise, 0 to 2^32 - 1.
        count: How many pictures, 1 to 64.
        kind: Class number; -1 for all classes in turns.
        truncation: No noise beyond this; 0 for none.
        show: "grid", "variations" (of the picture number `picture`, by the seed `turn`) or "blend" (`part` of the way
            from `picture` to `other`).
    """

    seed: int = 0
    count: int = 16
    kind: int = -1
    truncation: float = 0.0
    show: str = "grid"
    picture: int = 0
    other: int = 1
    part: float = 0.5
    turn: int = 0


class ExportedGenerator:
    """A generator that deploy/export.py wrote.

    Args:
        path: Path of the .onnx file.
        threads: How many threads compute one request.

    Attributes:
        information: What the exporter stored: `noise_size`, `picture_shape`, `class_names` and others.
    """

    def __init__(self, path, threads=1):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.information = json.loads(self.session.get_modelmeta().custom_metadata_map["gan"])
        self.noise_size = self.information["noise_size"]
        self.class_names = self.information["class_names"] or []

    @classmethod
    def opened(cls, path):
        """Open a file that a person named.

        Raises:
            InputError: If there is no such file, or it is no exported generator.
        """
        if not path.is_file():
            what = "a folder" if path.is_dir() else "not there"
            raise InputError(
                f"{path} is {what}; give the .onnx file that deploy/export.py makes from a generator_eXXX.h5"
            )
        try:
            return cls(path)
        except Exception as error:
            raise InputError(
                f"{path} is no generator that deploy/export.py wrote ({type(error).__name__}); "
                "python deploy/export.py generator_eXXX.h5 makes one"
            ) from error

    def draw(self, noise, kinds):
        """Turn noise `(n, z)` and class numbers `(n,)` into pictures, uint8 `(n, height, width, channels)`."""
        inputs = {"noise": noise.astype("float32")}
        if self.class_names:
            inputs["class_number"] = kinds.astype("int32").reshape(-1, 1)
        (pictures,) = self.session.run(None, inputs)
        return to_uint8(pictures)

    def kinds_of(self, view, count):
        """Number the class of each of `count` pictures."""
        return np.arange(count) % max(1, len(self.class_names)) if view.kind < 0 else np.full(count, view.kind)

    def columns(self, view, count):
        """Return the columns of a sheet: one for each class, where all of up to 16 classes are shown."""
        if view.show == "grid" and view.kind < 0 and 1 < len(self.class_names) <= 16:
            return min(count, len(self.class_names))
        height, width, _ = self.information["picture_shape"]
        return columns_for(count, height, width)

    def pictures_of(self, view):
        """Draw what a view shows, uint8 `(n, height, width, channels)`."""
        noise, kinds = self._latent(view)
        return self.draw(truncate(noise, view.truncation) if view.truncation else noise, kinds)

    def _latent(self, view):
        own = self._noise(view.seed, view.count)
        kinds = self.kinds_of(view, view.count)
        start = own[view.picture : view.picture + 1]
        if view.show == "variations":
            others = self._noise(view.turn, view.count)
            varied = spherical_interpolation(np.repeat(start, view.count, axis=0), others, HOW_FAR)
            varied[0] = start[0]  # the picture itself comes first
            return varied, np.full(view.count, kinds[view.picture])
        if view.show == "blend":
            blended = spherical_interpolation(start, own[view.other : view.other + 1], view.part)
            return blended, kinds[view.picture : view.picture + 1]
        return own, kinds

    def _noise(self, seed, count):
        return next(noise_batches(seed, count, self.noise_size, count))

    def frames_of(self, view):
        """Yield the frames of a walk, each uint8 `(n, height, width, channels)`: what samples.py draws into a .gif."""
        kinds = self.kinds_of(view, view.count)
        for noise in walk_through_latent_space(view.seed, view.count, self.noise_size):
            yield self.draw(truncate(noise, view.truncation) if view.truncation else noise, kinds)


def as_png(generator, view, plain=False):
    """Draw a view into a PNG; with `plain` each picture has its own size and no gap, in one row."""
    pictures = generator.pictures_of(view)
    if plain:
        sheet = picture_grid(pictures, len(pictures), gap=0, shortest_side=1)
    else:
        sheet = picture_grid(pictures, generator.columns(view, len(pictures)))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def as_gif(generator, view):
    """Draw a walk into a GIF that loops forever."""
    columns = generator.columns(view, view.count)
    file = io.BytesIO()
    write_gif(file, (picture_grid(pictures, columns) for pictures in generator.frames_of(view)))
    return file.getvalue()
