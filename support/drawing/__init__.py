"""Turns noise into grids, folders, animations and arrays of pictures."""
