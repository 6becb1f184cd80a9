"""What batch normalisations keep of the batches they have seen."""

from torch import Tensor, nn


def running_statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The mean and the variance that a normalisation uses outside of training, to be changed.

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
