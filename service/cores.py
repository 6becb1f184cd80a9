"""How many cores this process may use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share, cgroup v2: microseconds of processor time in each period, and the period."""


def usable_cores(quota: Path = _QUOTA) -> int:
    """The cores that the scheduler lets this process use, a container's share rounded up.

    Args:
        quota: File of the share; a machine without one has no such limit.
    """
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        limit, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return allowed
    share = allowed if limit == "max" else math.ceil(int(limit) / int(period))
    return max(1, min(allowed, share))
