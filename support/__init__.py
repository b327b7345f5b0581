"""Helpers for the six main files: one idea per file. No file here imports one of the six."""

VERSION = "1.0.0"  # the suite's: `--version` prints it, each run keeps it; CITATION.cff and CHANGELOG.md have it too
