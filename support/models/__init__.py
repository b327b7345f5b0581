"""Opens generators from files of this suite and of others."""
