"""What every trainer shares: loop, run folders, loading of batches, ONNX export, quantisation."""
