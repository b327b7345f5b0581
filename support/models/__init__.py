"""Generators out of files, of this suite and of others."""
