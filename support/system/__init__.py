"""The machine, its memory, its files, and errors in one line."""
