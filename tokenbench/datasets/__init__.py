"""Data sets: manifests and folders, as lists of clips."""
