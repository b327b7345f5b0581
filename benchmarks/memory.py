"""Does the memory of a run stay constant? Resident memory of this process after 200 and after 2,000 steps.

    python benchmarks/memory.py        about three minutes on a laptop's CPU; Linux

It plays the `shapes` preset through train.py itself, with everything that a run writes, into a temporary folder.
"""

import math
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import train
from support.run.history import History

PAGE = 4096  # bytes; the unit of /proc
LOOKS = (200, 500, 1000, 1500, 2000)


def resident_megabytes():
    """Read this process's resident memory from /proc."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


class Measured(History):
    """A history that also notes the memory at some steps."""

    seen = {}

    def add(self, epoch, values):
        super().add(epoch, values)
        if len(self.steps) in LOOKS:
            self.seen[len(self.steps)] = resident_megabytes()


def main():
    """Play 2,000 steps and print the memory."""
    train.checkpoints.History = Measured
    with tempfile.TemporaryDirectory() as folder:
        epochs = str(math.ceil(LOOKS[-1] * train.PRESETS["shapes"]["batch_size"] / 10_000))
        train.main(["--preset", "shapes", "--epochs", epochs, "--save-every", "2", "--out", folder])
    for step, megabytes in Measured.seen.items():
        change = megabytes / Measured.seen[LOOKS[0]] - 1
        print(f"after {step:5,} steps: {megabytes:7.0f} MB ({change:+.1%})")


if __name__ == "__main__":
    main()
