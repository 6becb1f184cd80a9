"""Measurements, and the puzzle sets that they are taken on."""

import os

# As the commands that solve do, before NumPy is imported: see clickorder.cli.solver_options.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
