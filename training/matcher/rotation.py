"""Rotation of the items of a CAPTCHA, measured on labelled pictures for the generator to match.

The shipped models know items turned by up to some 60 degrees. Where a site turns them further, few
pictures cannot teach every symbol upside down, but drawn crops turned the same way can.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch.nn import functional

from training.matcher.crop_inputs import network_input
from training.matcher.items import Group, Item
from training.matcher.joint_model import JointModel, features_of
from training.matcher.picture_blocks import view_of
from training.matcher.rotated_crops import turned

STEP_DEG = 30
_MOST_ITEMS = 160
_FAR_DEG = 75
_SHARE = 0.45
"""Share of items rotated far from which on the site is taken to rotate its items. Icons that look
alike at right angles, and icons the models do not know, give shares of up to 0.4."""

_CLEAR = 0.1
"""Minimum gain in similarity of an item to its prompt, once it is rotated back."""


@torch.inference_mode()
def measured_rotations(
    model: JointModel, groups: Sequence[Group], rng: Generator
) -> tuple[float, ...]:
    """By how many degrees items are turned, anticlockwise; empty where few are turned far.

    Each item is compared, turned back by every 30 degrees, with what asks for it: its prompt, or
    the row of its symbol.

    Args:
        model: That knows the symbols, in evaluation mode.
        groups: Items.
        rng: Chooses some of them.
    """
    index = {symbol: at for at, symbol in enumerate(model.charset)}
    usable = [i for g in groups for i in g if i.prompt is not None or i.word in index]
    if not usable:
        return ()
    chosen = [usable[int(i)] for i in rng.permutation(len(usable))[:_MOST_ITEMS]]
    wanted = _wanted(model, chosen, index)
    back = np.arange(0, 360, STEP_DEG)
    crops = [network_input(view_of(item.scene), "classifier") for item in chosen]
    views = np.stack([turned(crop, float(degrees)) for crop in crops for degrees in back])
    seen = functional.normalize(features_of(model, views, "cpu"), dim=1)
    cosines = (seen.reshape(len(chosen), len(back), -1) * wanted[:, None]).sum(-1).numpy()
    best = cosines.argmax(axis=1)
    clear = cosines.max(axis=1) > cosines[:, 0] + _CLEAR
    turns = np.where(clear, -back[best], 0)
    turns = (turns + 180) % 360 - 180
    if (np.abs(turns) >= _FAR_DEG).mean() < _SHARE:
        return ()
    return tuple(float(turn) for turn in turns)


def _wanted(model: JointModel, items: Sequence[Item], index: dict[str, int]) -> torch.Tensor:
    """`(N, F)` features of what asks for the items, of length 1."""
    rows = []
    for item in items:
        if item.prompt is not None:
            crop = np.array(network_input(view_of(item.prompt), "siamese"))
            rows.append(features_of(model, crop[None], "cpu")[0])
        elif model.characters is not None:
            rows.append(model.characters.symbols.weight[index[item.word or ""]].float())
    return functional.normalize(torch.stack(rows), dim=1)
