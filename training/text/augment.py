"""Augmentation of text pictures.

Where only twenty thousand pictures exist, a network learns them by heart within minutes; it must
not see any of them twice.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

_TURN_DEG = 8.0
_SCALE = 0.13  # natural logarithm
_SHEAR = 0.25
_SHIFT_PX = 5.0
_BEND_PX = 2.2
_BENDS = (3, 7)
"""Rows and columns of the grid whose points are moved by chance."""

_CONTRAST = 0.45  # natural logarithm
_BRIGHTNESS = 0.12
_GAIN = 0.12
_NOISE = 0.07
_BLURRED = 0.15
_CUT = 0.4
_CUT_SIDES = (0.16, 0.35)
"""Maximum width and height of an erased rectangle, relative to the picture."""


def augmented(
    inputs: Tensor, strength: float, *, wanted: bool = False, sharp: bool = False
) -> Tensor:
    """Pictures, each changed by chance.

    Args:
        inputs: `(N, C, H, W)` float in 0..1.
        strength: 0 changes nothing, 1 is meant for small sets.
        wanted: Whether the last channel tells where the wanted colour is; then colours stay.
        sharp: Whether pictures are black and white, and stay so.

    Returns:
        `(N, C, H, W)` float in 0..1.
    """
    if strength <= 0:
        return inputs
    moved = functional.grid_sample(
        inputs,
        _places(inputs, strength),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    if sharp:
        return (moved > 0.5).to(moved.dtype)
    seen = inputs.shape[1] - wanted
    pictures, mask = moved[:, :seen], moved[:, seen:]
    pictures = _toned(pictures, strength, gain=not wanted)
    pictures = _blurred(pictures, strength)
    pictures = _cut_out(pictures, strength)
    noise = torch.rand_like(pictures[:, :1, :1, :1]) * (_NOISE * strength)
    pictures = (pictures + noise * torch.randn_like(pictures)).clamp(0, 1)
    return torch.cat([pictures, mask], dim=1)


def _even(count: int, most: float, like: Tensor) -> Tensor:
    """`(count,)` evenly spread over -most..most."""
    return (torch.rand(count, device=like.device) * 2 - 1) * most


def _places(inputs: Tensor, strength: float) -> Tensor:
    """`(N, H, W, 2)`: from where each pixel is taken, in -1..1."""
    count, _, height, width = inputs.shape
    turn = _even(count, math.radians(_TURN_DEG) * strength, inputs)
    wide, high = (torch.exp(_even(count, _SCALE * strength, inputs)) for _ in range(2))
    shear = _even(count, _SHEAR * strength, inputs)
    # In pixels: sides differ, and a turn in -1..1 would be none.
    cos, sin = torch.cos(turn), torch.sin(turn)
    rows = torch.stack(
        [
            torch.stack([cos * wide, (shear - sin) * high * height / width], dim=1),
            torch.stack([sin * wide * width / height, cos * high], dim=1),
        ],
        dim=1,
    )
    shift = torch.stack(
        [
            _even(count, 2 * _SHIFT_PX * strength / width, inputs),
            _even(count, 2 * _SHIFT_PX * strength / height, inputs),
        ],
        dim=1,
    )
    matrix = torch.cat([rows, shift[:, :, None]], dim=2)
    places = functional.affine_grid(matrix, [count, 1, height, width], align_corners=False)
    bends = torch.randn(count, 2, *_BENDS, device=inputs.device) * (_BEND_PX * strength)
    bent = functional.interpolate(bends, (height, width), mode="bicubic", align_corners=True)
    sides = torch.tensor([2 / width, 2 / height], device=inputs.device)
    return places + bent.permute(0, 2, 3, 1) * sides


def _toned(pictures: Tensor, strength: float, *, gain: bool) -> Tensor:
    """In another contrast and brightness, and colour by colour where there are several."""
    count, channels = pictures.shape[:2]
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    contrast = torch.exp(_even(count, _CONTRAST * strength, pictures))[:, None, None, None]
    brightness = _even(count, _BRIGHTNESS * strength, pictures)[:, None, None, None]
    toned = (pictures - mean) * contrast + mean + brightness
    if gain and channels > 1:
        toned = toned * (1 + _even(count * channels, _GAIN * strength, pictures)).view(
            count, channels, 1, 1
        )
    return toned.clamp(0, 1)


def _blurred(pictures: Tensor, strength: float) -> Tensor:
    """Some of them out of focus."""
    soft = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    chosen = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < _BLURRED * strength
    return torch.where(chosen, soft, pictures)


def _cut_out(pictures: Tensor, strength: float) -> Tensor:
    """Some of them with a rectangle in their own mean colour."""
    count, _, height, width = pictures.shape
    device = pictures.device
    sides = torch.rand(count, 2, device=device) * torch.tensor(_CUT_SIDES, device=device) / 2
    centre = torch.rand(count, 2, device=device)
    x = (torch.arange(width, device=device) + 0.5) / width
    y = (torch.arange(height, device=device) + 0.5) / height
    inside_x = (x[None] - centre[:, :1]).abs() < sides[:, :1]
    inside_y = (y[None] - centre[:, 1:]).abs() < sides[:, 1:]
    chosen = torch.rand(count, 1, 1, device=device) < _CUT * strength
    inside = (inside_y[:, :, None] & inside_x[:, None, :] & chosen)[:, None]
    return torch.where(inside, pictures.mean(dim=(2, 3), keepdim=True), pictures)
