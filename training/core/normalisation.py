"""Running statistics of batch normalisation."""

from torch import Tensor, nn


def running_statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
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
