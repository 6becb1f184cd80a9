"""The service: HTTP around a solver that walks a puzzle from bytes to ordered clicks."""
