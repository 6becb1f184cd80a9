"""The device, precision and number of CPU threads of a training."""

import os
from contextlib import AbstractContextManager, nullcontext

import torch


def default_device() -> str:
    """`cuda` if a GPU is available, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_precision(device: str) -> AbstractContextManager[object]:
    """Autocast to bfloat16 if the device supports it; otherwise do nothing."""
    if device == "cuda":
        usable = torch.cuda.is_bf16_supported()
    else:
        usable = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device, torch.bfloat16) if usable else nullcontext()


def use_threads(asked: int) -> int:
    """Set the number of CPU threads that torch uses.

    If other work shares the cores, training on all of them is many times slower than on one fewer:
    the threads of a step wait for each other.

    Args:
        asked: 0 for one fewer than the cores that this process may use, but at least one, unless
            `OMP_NUM_THREADS` is set.

    Returns:
        The number of threads now in use.
    """
    if asked:
        torch.set_num_threads(asked)
    elif "OMP_NUM_THREADS" not in os.environ:
        able = getattr(os, "sched_getaffinity", None)
        cores = len(able(0)) if able else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores - 1))
    return torch.get_num_threads()
