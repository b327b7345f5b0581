"""Work that runs ahead in threads, so that the one who needs it does not wait."""

import os
import time

from support.system.quiet import quiet

with quiet():  # it remarks that JAX is not installed, and does not need it
    import grain

THREADS = min(4, os.cpu_count() or 1)  # decoding leaves Python's lock free; more would hold more batches in memory


class ReadAhead:
    """Give `make(number)` for each number of a range, in order, made ahead by threads.

    Args:
        make: Function of a whole number; several threads call it at once. Its error comes up where its turn is.
        numbers: The range.

    Attributes:
        waited: Seconds that the asker has waited so far.
    """

    def __init__(self, make, numbers):
        options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=THREADS)
        self.iterator = iter(grain.MapDataset.source(numbers).map(make).to_iter_dataset(options))
        self.waited = 0.0
        self.began = time.monotonic()

    def __next__(self):
        start = time.monotonic()
        try:
            return next(self.iterator)
        finally:
            self.waited += time.monotonic() - start

    def share(self):
        """Give the share of the time so far that the asker has waited, 0 to 1."""
        return self.waited / max(time.monotonic() - self.began, 1e-9)
