"""Reuse of freed memory between training steps.

The C library gives large blocks back to the system as soon as they are freed. A training step on
the CPU asks for the same hundreds of them again and again, and the system clears each page anew.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of `mallopt`, from glibc's malloc.h."""

_MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, until the process ends.

    Returns:
        Whether it does; only glibc can be told.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_M_MMAP_THRESHOLD, _MOST), (_M_TRIM_THRESHOLD, _MOST), (_M_TOP_PAD, 2**26))
    taken = [mallopt(name, value) == 1 for name, value in wanted]
    return all(taken)
