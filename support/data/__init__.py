"""Sources of pictures: files, archives, DeepLake, drawn shapes; and a check of pictures (doctor.py)."""
