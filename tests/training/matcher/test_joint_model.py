"""Negatives in a batch: crops without an item, which are nobody's partner and no symbol."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from training.matcher.joint_model import JointModel, LossWeights, to_input
from training.matcher.pairs import Block, join

RNG = np.random.default_rng(3)


def crops(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> JointModel:
    torch.manual_seed(0)
    return JointModel(("a", "b", "c")).train()


def loss_of(model: JointModel, negatives: tuple[int, int]) -> dict[str, float]:
    prompt, scene = to_input(crops(6), "cpu"), to_input(crops(6), "cpu")
    beside = tuple(to_input(crops(count), "cpu") for count in negatives)
    same = torch.eye(6, dtype=torch.bool)
    labels = torch.tensor([0, 1, 2, -1, -1, -1])
    loss, parts = model.losses(prompt, scene, same, labels, LossWeights(), beside)
    assert torch.isfinite(loss)
    return parts


@pytest.mark.parametrize(
    ("negatives", "names"),
    [
        ((0, 0), {"loss_match", "loss_pair", "loss_symbol"}),
        ((4, 0), {"loss_match", "loss_pair", "loss_symbol", "loss_unnamed"}),
        ((0, 3), {"loss_match", "loss_pair", "loss_symbol", "loss_unnamed", "loss_none"}),
        ((4, 3), {"loss_match", "loss_pair", "loss_symbol", "loss_unnamed", "loss_none"}),
    ],
    ids=["none", "of-scenes", "of-prompts", "of-both"],
)
def test_every_kind_of_negative_has_its_loss(
    model: JointModel, negatives: tuple[int, int], names: set[str]
) -> None:
    assert loss_of(model, negatives).keys() == names


def test_a_negative_that_is_taken_for_the_partner_costs() -> None:
    """Crops that the trunk cannot tell from the partner must raise the loss."""
    torch.manual_seed(1)
    model = JointModel().eval()
    prompt = to_input(crops(4), "cpu")
    scene = to_input(crops(4), "cpu")
    same = torch.eye(4, dtype=torch.bool)
    labels = torch.full((4,), -1)
    none = prompt[:0]
    far = loss_match(model, prompt, scene, same, labels, (none, none))
    near = loss_match(model, prompt, scene, same, labels, (scene.clone(), none))
    near_prompt = loss_match(model, prompt, scene, same, labels, (none, prompt.clone()))
    # Twice as many equally likely partners: at most the logarithm of 2 more for each side.
    assert far < near <= far + np.log(2) + 1e-4
    assert far < near_prompt <= far + np.log(2) + 1e-4


def loss_match(model, prompt, scene, same, labels, negatives) -> float:
    return model.losses(prompt, scene, same, labels, LossWeights(), negatives)[1]["loss_match"]


def test_what_is_no_symbol_costs_least_where_all_are_as_likely() -> None:
    logits = torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    sure, even = (-functional.log_softmax(row, dim=0).mean() for row in logits)
    assert even < sure
    assert float(even) == pytest.approx(np.log(3))


def test_blocks_with_and_without_negatives_are_joined() -> None:
    words = ("x", "y")
    labels = np.zeros(2, np.int64)
    with_some = Block(crops(2), crops(2), words, labels, crops(3), crops(1))
    without = Block(crops(2), crops(2), words, labels)
    joined = join([without, with_some, without])
    assert joined.prompt.shape == (6, 64, 64, 3)
    assert joined.scene_negatives.shape == (3, 64, 64, 3)
    assert joined.prompt_negatives.shape == (1, 64, 64, 3)
    np.testing.assert_array_equal(joined.scene_negatives, with_some.scene_negatives)
