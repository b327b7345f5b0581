"""Finds a port for a server that a benchmark or a test starts."""

import contextlib
import socket


def free_port():
    """Return the number of a port that nobody uses."""
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
