"""`train-text`: its data, augmentation, loop, scoring and export."""
