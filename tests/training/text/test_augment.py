"""Variations of pictures."""

import pytest
import torch

from training.text.augment import augmented


@pytest.fixture
def pictures() -> "torch.Tensor":
    """A dark cross in the middle of light paper, eight times."""
    inputs = torch.full((8, 1, 64, 128), 0.9)
    inputs[:, :, 24:40, 62:66] = 0.1
    inputs[:, :, 30:34, 54:74] = 0.1
    return inputs


def test_nothing_is_changed_at_no_strength(pictures: "torch.Tensor") -> None:
    assert torch.equal(augmented(pictures, 0), pictures)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_every_picture_is_changed_in_its_own_way(pictures: "torch.Tensor", strength: float) -> None:
    torch.manual_seed(1)
    found = augmented(pictures, strength)
    assert found.shape == pictures.shape
    assert bool(((found >= 0) & (found <= 1)).all())
    flat = found.flatten(1)
    assert not torch.equal(found, pictures)
    assert len({tuple(row[::97].tolist()) for row in flat}) == 8


def test_what_is_drawn_stays_near_its_place(pictures: "torch.Tensor") -> None:
    torch.manual_seed(2)
    many = pictures[:1].expand(300, -1, -1, -1).contiguous()
    found = augmented(many, 1.0)
    ink = (found[:, 0] < found.flatten(1).mean(dim=1)[:, None, None] - 0.15).float()
    # A cut-out may hide it; else the middle of the ink moves by some pixels only.
    enough = ink.sum(dim=(1, 2)) > 40
    assert enough.float().mean() > 0.85
    columns, rows = torch.arange(128.0), torch.arange(64.0)
    x = (ink.sum(dim=1) * columns).sum(dim=1)[enough] / ink.sum(dim=(1, 2))[enough]
    y = (ink.sum(dim=2) * rows).sum(dim=1)[enough] / ink.sum(dim=(1, 2))[enough]
    assert (x - 63.5).abs().mean() < 8
    assert (y - 31.5).abs().mean() < 8
    assert x.std() > 1
    assert y.std() > 1


def test_black_and_white_stays_so(pictures: "torch.Tensor") -> None:
    torch.manual_seed(3)
    found = augmented((pictures > 0.5).float(), 1.0, sharp=True)
    assert set(found.unique().tolist()) == {0.0, 1.0}


def test_the_wanted_colour_moves_with_the_picture_and_keeps_its_levels() -> None:
    torch.manual_seed(4)
    picture = torch.full((30, 4, 64, 128), 0.9)
    picture[:, :3, 20:44, 50:80] = 0.1
    picture[:, 3] = 0
    picture[:, 3, 20:44, 50:80] = 1
    found = augmented(picture, 0.8, wanted=True)
    inside, outside = found[:, 3] > 0.9, found[:, 3] < 0.1
    tone = found[:, :3].mean(dim=1)
    # Cut-outs and noise hide a little of it, and the edges are soft.
    for at in range(30):
        assert tone[at][inside[at]].median() < tone[at][outside[at]].median()
    assert bool((inside | outside).float().mean() > 0.9)
    # Where any colour is wanted, it is so wherever the picture moves to.
    picture[:, 3] = 1
    assert torch.allclose(augmented(picture, 1.0, wanted=True)[:, 3], torch.tensor(1.0), atol=1e-5)
