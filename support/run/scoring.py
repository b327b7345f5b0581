"""The score of an epoch: how far the generator's pictures are from the real ones; and the best generator so far."""

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
PIXELS_DRAWN = 5000 * 64 * 64  # of larger pictures fewer are drawn, so that a score costs no more
BATCH = 100  # drawn at once


class Scorer:
    """Score the generator that is drawn, each time with the same noise; classes in turns, so evenly.

    Args:
        distance: Function from uint8 pictures `(n, height, width, channels)` to a float, smaller for better pictures.
        settings: The run's settings.
        class_names: Names of the classes of a conditional generator, or None.
    """

    def __init__(self, distance, settings, class_names):
        self.distance, self.settings, self.class_names = distance, settings, class_names
        self.count = min(MOST_DRAWN, max(FEWEST_DRAWN, PIXELS_DRAWN // math.prod(settings["image_size"])))

    def is_due(self, epoch, steps, steps_per_epoch):
        """Say whether an epoch is to be scored: whole ones are, so that a run stopped within one scores the same."""
        often = epoch % self.settings["score_every"] == 0 or self.settings["dry_run"]
        return often and steps == steps_per_epoch

    def draw(self, generator):
        """Draw the pictures that are scored, batch by batch. Returns uint8 `(n, height, width, channels)`."""
        random = np.random.default_rng([self.settings["seed"], 0, 0])  # epoch 0: no step of the training draws from it
        batches = []
        for start in range(0, self.count, BATCH):
            numbers = np.arange(start, min(start + BATCH, self.count))
            inputs = random.standard_normal((len(numbers), self.settings["noise_size"]), dtype="float32")
            if self.class_names:
                inputs = [inputs, numbers.reshape(-1, 1) % len(self.class_names)]
            batches.append(to_uint8(ops.convert_to_numpy(generator(inputs, training=False))))
        return np.concatenate(batches)

    def score(self, generator, epoch, scores, best_path, information):
        """Score a generator, save it where it is the best so far, and only then note the score.

        Args:
            generator: Keras model from noise (and class numbers) to pictures.
            epoch: The epoch's number, from 1.
            scores: Dictionary from an epoch to its score; gains this one.
            best_path: Where the best generator is kept.
            information: What is stored with it, beside epoch and score.
        """
        score = round(self.distance(self.draw(generator)), 6)
        others = [other for scored, other in scores.items() if scored != epoch]
        # What stands in the file may be of a later epoch: of a run killed after its last checkpoint, which plays on.
        if score < min([score_in(best_path), *others]):
            save_generator(generator, best_path, information | {"epoch": epoch, "score": score})
        scores[epoch] = score


def score_in(path):
    """Read the score out of the best generator's file; infinite where there is no such file, or none that opens."""
    try:
        with h5py.File(path) as file:
            return json.loads(file.attrs["gan"])["score"]
    except (OSError, KeyError, ValueError):
        return math.inf
