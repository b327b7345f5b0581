"""Stops a run between two steps: on Ctrl-C, on SIGTERM, or when the time is over."""

import signal
import time

from support.system.several_devices import agreed

REASONS = ("time", "interrupt", "terminate")


class StopRequest:
    """Notes requests to stop, so that a step is never interrupted.

    Inside the `with` block the first Ctrl-C or SIGTERM (which schedulers send before they take a machine away) is only
    noted: the loop reads `reason` between steps. A second Ctrl-C stops at once.

    Args:
        minutes: After this time `reason` becomes "time"; or None.

    Attributes:
        reason: None, "time", "interrupt" or "terminate".
    """

    def __init__(self, minutes=None):
        self.start, self.seconds = time.monotonic(), minutes * 60 if minutes else float("inf")
        self.signal_reason = None

    def __enter__(self):
        self.previous = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception):
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        self.signal_reason = "interrupt" if number == signal.SIGINT else "terminate"
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def share_of_time(self):
        """The share of the time that is over; 0 if the time has no limit."""
        return (time.monotonic() - self.start) / self.seconds

    @property
    def reason(self):
        return agreed(self.signal_reason or ("time" if self.share_of_time >= 1 else None), REASONS)
