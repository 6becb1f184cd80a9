"""Batch normalisation: running statistics, and layers that an export folded away.

An export folds every normalisation into the convolution before it. What is read back from the file
is the same function with normalisations that do nothing. Training, which normalises by batches,
would undo that function at once, so each of them first gets the statistics of real inputs.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def running_statistics(norm: Norm) -> tuple[Tensor, Tensor]:
    """The running mean and variance of a layer, to be read or changed in place.

    Returns:
        Two of shape `(C,)`.

    Raises:
        TypeError: it was made with `track_running_stats=False`.
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise TypeError(
            f"{norm} keeps no statistics; make the network with track_running_stats=True."
        )
    return mean, variance


def make_idle(norm: Norm, bias: Tensor | None = None) -> None:
    """Make a normalisation do nothing but add a bias.

    Args:
        norm: Changed in place.
        bias: `(C,)` float; None for zero.
    """
    mean, variance = running_statistics(norm)
    with torch.no_grad():
        mean.zero_()
        # So that dividing by sqrt(var + eps) does nothing.
        variance.fill_(1 - norm.eps)
        norm.weight.fill_(1)
        norm.bias.zero_()
        if bias is not None:
            norm.bias.copy_(bias)


def unfold_idle(norms: Iterable[Norm], forward: Callable[[], object]) -> None:
    """Give idle normalisations the mean and spread of their inputs; their function stays.

    Args:
        norms: Those that `make_idle` left; the network that they belong to is in evaluation mode.
        forward: Passes a batch of real inputs through that network.
    """

    def fit(norm: Norm, inputs: tuple[Tensor]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = values.mean(dim=1), values.var(dim=1, unbiased=False)
        running_mean, running_variance = running_statistics(norm)
        running_mean.copy_(mean)
        running_variance.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)

    handles = [norm.register_forward_pre_hook(fit) for norm in norms]
    try:
        with torch.no_grad():
            forward()
    finally:
        for handle in handles:
            handle.remove()
