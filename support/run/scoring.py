"""Scores an epoch (the distance of its pictures from the real ones), and keeps the best generator so far."""

import json
import math

import h5py
import numpy as np
from keras import ops

from support.drawing.grid import to_uint8
from support.run.folder import save_generator

NAME = "score/distance from real pictures"  # as TensorBoard shows it
MOST_DRAWN = 5000  # pictures for a score
FEWEST_DRAWN = 500
PIXELS_DRAWN = 5000 * 64 * 64  # of larger pictures fewer are drawn (but FEWEST_DRAWN), so a score costs no more
BATCH = 100  # drawn at once


class Scorer:
    """Score generators, always with the same noise and with equally many pictures of each class.

    Args:
        distance: Function from uint8 pictures `(n, height, width, channels)` to a float, smaller for better pictures.
        settings: The run's settings.
        class_names: Names of the classes of a conditional generator, or None.
    """

    def __init__(self, distance, settings, class_names):
        self.distance, self.settings, self.class_names = distance, settings, class_names
        self.count = min(MOST_DRAWN, max(FEWEST_DRAWN, PIXELS_DRAWN // math.prod(settings["image_size"])))

    def is_due(self, epoch, steps, steps_per_epoch):
        """Say whether to score an epoch. Only complete epochs count, so a resumed run has the same scores."""
        often = epoch % self.settings["score_every"] == 0 or self.settings["dry_run"]
        return often and steps == steps_per_epoch

    def draw(self, generator):
        """Draw the pictures for a score, batch by batch. Returns uint8 `(n, height, width, channels)`."""
        random = np.random.default_rng([self.settings["seed"], 0, 0])  # epoch 0: training never uses this seed
        batches = []
        for start in range(0, self.count, BATCH):
            numbers = np.arange(start, min(start + BATCH, self.count))
            inputs = random.standard_normal((len(numbers), self.settings["noise_size"]), dtype="float32")
            if self.class_names:
                inputs = [inputs, numbers.reshape(-1, 1) % len(self.class_names)]
            batches.append(to_uint8(ops.convert_to_numpy(generator(inputs, training=False))))
        return np.concatenate(batches)

    def score(self, generator, epoch, scores, best_path, information):
        """Score a generator, save it if it is the best so far, and store the score after that.

        Args:
            generator: Keras model from noise (and class numbers) to pictures.
            epoch: The epoch's number, from 1.
            scores: Dictionary from an epoch to its score; this one is added.
            best_path: File of the best generator.
            information: Other values to store in the file, beside epoch and score.
        """
        score = round(self.distance(self.draw(generator)), 6)
        others = [other for scored, other in scores.items() if scored != epoch]
        # The file may be from a later epoch, if a run was killed after its last checkpoint and is now resumed.
        if score < min([score_in(best_path), *others]):
            save_generator(generator, best_path, information | {"epoch": epoch, "score": score})
        scores[epoch] = score


def score_in(path):
    """Read the score from the best generator's file; infinite if the file is missing or does not open."""
    try:
        with h5py.File(path) as file:
            return json.loads(file.attrs["gan"])["score"]
    except (OSError, KeyError, ValueError):
        return math.inf
