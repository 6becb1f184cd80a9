"""Shared by every trainer: options, loop, run folders, data loading, ONNX export, quantisation."""
