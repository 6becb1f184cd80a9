"""Several processes that train one network together, as `torchrun` starts them.

Each process draws its share of a batch and computes it. Losses and gradients are those of one
process with the whole batch: batch normalisation takes its statistics from all shares, a
contrastive loss finds its negatives in all shares, and `DistributedDataParallel` averages the
gradients. The first process (rank 0) alone validates, logs and writes files.

Every collective here is its own adjoint up to the average: the gradient that a process has at its
own weights is that of the sum of the losses of all processes, so the mean of those gradients is
the gradient of the loss that all of them report.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed, nn

from training.errors import TrainingError

T = TypeVar("T")

_SEED_STRIDE = 100_000_007
"""Between the random seeds of two processes: more than the steps and workers that are added."""


class ShareError(TrainingError):
    """A batch cannot be shared among so many processes."""


def world_size() -> int:
    """The number of processes that train together; 1 without `torchrun`."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes files and shows progress."""
    return rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` has started; without it, do nothing.

    GPUs talk by NCCL, each process with the GPU of its local rank; CPUs by Gloo.
    """
    if distributed.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl")
    else:
        distributed.init_process_group("gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def own_seed(seed: int) -> int:
    """The random seed of this process: rank 0 has that of the run."""
    return seed + _SEED_STRIDE * rank()


def own_share(count: int, what: str) -> int:
    """How many of `count` things are this process's.

    Args:
        count: How many all processes have together.
        what: Their name, in the plural.

    Raises:
        ShareError: there are fewer than processes.
    """
    if count < world_size():
        raise ShareError(
            f"{count} {what} in a batch cannot be shared by {world_size()} processes; start fewer, "
            "or take a larger batch."
        )
    return count // world_size() + (rank() < count % world_size())


def own_blocks(kinds: Mapping[str, int]) -> dict[str, int]:
    """Which blocks of a batch are this process's, dealt in turn.

    Args:
        kinds: Number of blocks of each kind in the whole batch.

    Raises:
        ShareError: there are fewer blocks than processes.
    """
    every = [kind for kind, count in kinds.items() for _ in range(count)]
    own_share(len(every), "blocks")
    mine = every[rank() :: world_size()]
    return {kind: mine.count(kind) for kind in kinds if kind in mine}


def from_first(value: T) -> T:
    """What rank 0 has given; all processes must call it."""
    if world_size() == 1:
        return value
    holder = [value]
    distributed.broadcast_object_list(holder, src=0)
    return holder[0]


def of_all(value: T) -> list[T]:
    """What each process has given, in the order of ranks; all processes must call it."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    distributed.all_gather_object(values, value)
    return cast("list[T]", values)


def any_process(flag: bool) -> bool:
    """Whether any process says so; all processes must call it."""
    if world_size() == 1:
        return flag
    told = torch.tensor([float(flag)], device="cuda" if torch.cuda.is_available() else "cpu")
    distributed.all_reduce(told, distributed.ReduceOp.MAX)
    return bool(told.item())


@torch.no_grad()
def copy_from_first(tensors: Sequence[Tensor]) -> None:
    """Overwrite tensors with those of rank 0."""
    if world_size() > 1:
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class _Gather(torch.autograd.Function):
    """Rows of all processes; the gradient of one's own is the sum of what all have."""

    @staticmethod
    def forward(context: Any, rows: Tensor, counts: Sequence[int]) -> Tensor:
        context.counts = counts
        most = max(counts)
        # NCCL and Gloo gather equal shapes only.
        padded = rows.new_zeros((most, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        before = sum(context.counts[: rank()])
        return total[before : before + context.counts[rank()]], None


def sum_of_all(values: Tensor) -> Tensor:
    """The sum over all processes, with gradients.

    Args:
        values: The same shape in each process.
    """
    return values if world_size() == 1 else cast("Tensor", _Sum.apply(values))


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes in the order of ranks, with gradients.

    Args:
        rows: `(N, ...)`; N may differ, and be 0.

    Returns:
        `(sum of N, ...)`, the same in each process.
    """
    if world_size() == 1:
        return rows
    counts = of_all(len(rows))
    if not max(counts):
        return rows
    return cast("Tensor", _Gather.apply(rows, counts))


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation whose statistics are those of the shares of all processes.

    `torch.nn.SyncBatchNorm` does the same on GPUs alone.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        """Any with a second axis of channels."""

    def forward(self, maps: Tensor) -> Tensor:
        """`(N, C, ...)` to the same shape."""
        if not self.training:
            return super().forward(maps)
        axes = [axis for axis in range(maps.ndim) if axis != 1]
        # Doubles: the variance is a difference of two sums.
        values = maps.double()
        count = values.new_tensor([maps.numel() / maps.shape[1]])
        sums = sum_of_all(torch.cat([values.sum(axes), (values * values).sum(axes), count]))
        total = sums[-1].detach()
        mean, square = sums[:-1].chunk(2)
        mean, square = mean / total, square / total
        variance = (square - mean * mean).clamp(min=0)
        self._remember(mean.detach(), variance.detach() * total / (total - 1).clamp(min=1))
        shape = [1, -1, *[1] * (maps.ndim - 2)]
        scale = torch.rsqrt(variance + self.eps)
        # Half precision is too coarse for what follows.
        exact = torch.promote_types(maps.dtype, torch.float32)
        normal = maps.to(exact) * scale.to(exact).view(shape)
        normal = normal - (mean * scale).to(exact).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(maps.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as `torch.nn.BatchNorm2d` does."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


def share_batch_norms(model: nn.Module) -> None:
    """Put `SharedBatchNorm` in place of every batch normalisation, with its own weights.

    Parameters and buffers stay the same objects under the same names, so that optimisers and
    checkpoints notice nothing.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                shared = SharedBatchNorm(
                    child.num_features,
                    child.eps,
                    child.momentum,
                    child.affine,
                    child.track_running_stats,
                )
                shared.weight, shared.bias = child.weight, child.bias
                for buffer, value in child.named_buffers(recurse=False):
                    setattr(shared, buffer, value)
                shared.train(child.training)
                setattr(parent, name, shared)
