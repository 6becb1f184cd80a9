"""`train-detector`: its data, batches, metrics, loop and export."""
