"""Helpers for the six main files: one idea per file. No file here imports one of the six."""
