"""The plumbing beside the six files: one idea a file, and none of it imports the six."""
