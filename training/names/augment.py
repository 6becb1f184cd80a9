"""What makes many crops of one: it is turned, resized and recoloured, a batch at a time."""

import math

import torch
from torch import Tensor
from torch.nn import functional

_MOST_SCALE = 0.15
_MOST_SHIFT = 0.08
_INVERTED = 0.15
_PERMUTED = 0.4
_GREY = 0.15


def augmented(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Crops turned by any angle, shifted, resized and recoloured.

    Args:
        crops: `(N, 3, S, S)` float, 0 to 1.
        generator: Source of the choices.

    Returns:
        The same shape and range.
    """
    count = len(crops)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    # Half of them lean a little only, as what stands upright on most sites does.
    angle = torch.where(
        uniform(0, 1) < 0.5, uniform(-math.pi, math.pi), uniform(-math.pi / 9, math.pi / 9)
    )
    scale = uniform(1 - _MOST_SCALE, 1 + _MOST_SCALE)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift_x, shift_y = uniform(-_MOST_SHIFT, _MOST_SHIFT), uniform(-_MOST_SHIFT, _MOST_SHIFT)
    turn = torch.stack(
        [torch.stack([cosine, -sine, shift_x], 1), torch.stack([sine, cosine, shift_y], 1)], 1
    )
    grid = functional.affine_grid(turn, list(crops.shape), align_corners=False)
    turned = functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    order = torch.where(
        uniform(0, 1)[:, None] < _PERMUTED,
        torch.rand(count, 3, generator=generator).argsort(1),
        torch.arange(3).expand(count, 3),
    )
    turned = turned.gather(1, order[:, :, None, None].expand_as(turned))
    grey = turned.mean(1, keepdim=True).expand_as(turned)
    turned = torch.where((uniform(0, 1) < _GREY)[:, None, None, None], grey, turned)
    inverted = (uniform(0, 1) < _INVERTED)[:, None, None, None]
    turned = torch.where(inverted, 1 - turned, turned)
    contrast, light = uniform(0.7, 1.25), uniform(-0.12, 0.12)
    middle = turned.mean((1, 2, 3), keepdim=True)
    changed = (turned - middle) * contrast[:, None, None, None] + middle
    return (changed + light[:, None, None, None]).clamp(0, 1)
