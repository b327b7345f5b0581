"""Does a step wait for its pictures, and what memory do they take? 200 steps at 240x360, through train.py itself.

    python benchmarks/large_pictures.py --data cars.zip                  3,000 pictures: about 5 minutes on two cores
    python benchmarks/large_pictures.py --data cars.zip --in-file        kept in a file, as if there were many more

The networks are small, because they are not measured: the faster a step, the harder it is to have its pictures ready in
time. Every picture is decoded once in these 200 steps. So this is the slow first epoch; later epochs only read the kept
pictures.
"""

import argparse
import math
import pathlib
import resource
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import train
from support.data import on_demand
from support.data.read_ahead import ReadAhead
from support.run import training_run

STEPS = 200


def peak_megabytes():
    """Read the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class Watched(ReadAhead):
    """Notes the memory before the first step, when the networks are compiled and have played their rehearsal."""

    def __init__(self, make, numbers):
        self.steps, self.megabytes_before = len(numbers), peak_megabytes()
        super().__init__(make, numbers)
        Watched.last = self

    def __next__(self):
        inputs = super().__next__()
        self.share_so_far = self.share()
        return inputs


def main():
    """Play 200 steps, and print the memory and the share of the time that was spent waiting."""
    parser = argparse.ArgumentParser(description="Memory and waiting at 240x360.")
    parser.add_argument("--data", required=True, help="any source of pictures that train.py takes")
    parser.add_argument("--filters", default="8", help="width of the networks")
    parser.add_argument("--in-file", action="store_true", help="keep no picture in memory")
    arguments = parser.parse_args()
    if arguments.in_file:
        on_demand.MOST_IN_MEMORY = 0
    training_run.ReadAhead = Watched
    count = len(train.defDATA.load_pictures(arguments.data, 240, 360, 3))
    batch_size = max(2, math.ceil(count / STEPS))  # so that an epoch has 200 steps
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--preset", "cars", "--data", arguments.data, "--epochs", "1", "--out", folder]
        train.main([*flags, "--filters", arguments.filters, "--batch-size", str(batch_size)])
        cache = sum(path.stat().st_size for path in pathlib.Path(folder).glob("training_cache/*")) / 1e6
    kept = f"in a file of {cache:,.0f} MB" if arguments.in_file else "in memory"
    print(f"{count:,} pictures of 240x360 kept {kept}, batch {batch_size}, {Watched.last.steps} steps")
    print(f"waited for pictures  {Watched.last.share_so_far:.2%} of the time")
    print(
        f"memory               {Watched.last.megabytes_before:,.0f} MB before the first step (Python, Keras, networks)"
    )
    print(f"                     {peak_megabytes():,.0f} MB at most")


if __name__ == "__main__":
    main()
