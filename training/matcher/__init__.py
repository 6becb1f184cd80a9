"""`train-siamese` and `train-classifier`: their data, batches, metrics, loop and export."""
