"""What came after the classic game, one idea a file. Each runs by itself: `python -m modern.eye`."""
