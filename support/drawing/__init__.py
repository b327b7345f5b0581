"""Noise in, grids, folders, animations and arrays of pictures out."""
