"""Prepares results in threads before they are needed, so that the caller does not wait."""

import os
import time

from support.system.quiet import quiet

with quiet():  # without this it prints that JAX is missing, although it does not need JAX
    import grain

THREADS = min(4, os.cpu_count() or 1)  # decoding releases Python's lock; more threads would hold more batches in memory


class ReadAhead:
    """Yield `make(number)` for each number of a range, in order; threads make the results ahead.

    Args:
        make: Function of a whole number; several threads call it at once. Its error is raised when its number is due.
        numbers: The range.

    Attributes:
        waited: Seconds that the caller has waited so far.
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
        """Return the share of the time so far that the caller has waited, 0 to 1."""
        return self.waited / max(time.monotonic() - self.began, 1e-9)
