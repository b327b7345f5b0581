"""Where pictures come from: files, archives, DeepLake, drawn shapes; and the doctor who looks them over."""
