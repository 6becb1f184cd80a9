"""What a training step frees is kept for the next, seen in the page faults of a process."""

import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from training.core.memory import keep_freed_memory

def faults():
    # Of a MiB at most: NumPy asks for huge pages from 4 MiB on.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(2**17) for _ in range(64)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    assert keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps freed memory")
def test_a_second_step_finds_the_memory_of_the_first(python):
    usual, kept = (int(python.run(CODE, how).stdout) for how in ("usual", "kept"))
    assert usual > 1000
    assert kept < usual / 10
