"""Ideas that are newer than the classic game, one per file. Each file runs alone: `python -m modern.eye`."""
