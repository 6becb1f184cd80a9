"""Measures, clusters, the scale and the changes of crops."""

import numpy as np
import pytest
import torch

from siamese.names_network import NamesNetwork
from training.names.augment import augmented
from training.names.metrics import naming_measures
from training.names.prototypes import clustered, fitted_scale


def test_perfect_and_useless_scores():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 30, 400)
    perfect = np.zeros((400, 30))
    named = labels >= 0
    perfect[named, labels[named]] = 1
    assert naming_measures(perfect, labels, rng) == {
        "top1": 1.0, "top5": 1.0, "box": 1.0, "solved": 1.0
    }  # fmt: skip
    chance = naming_measures(rng.normal(size=(400, 30)), labels, rng)
    assert chance["top1"] < 0.1
    assert 0.1 < chance["box"] < 0.3
    assert chance["solved"] < 0.1


def test_clusters_are_the_drawings_that_are_alike():
    rng = np.random.default_rng(1)
    kinds = np.linalg.qr(rng.normal(size=(8, 8)))[0][:4]
    owners = rng.integers(0, 4, 400)
    found = kinds[owners] + 0.05 * rng.normal(size=(400, 8))
    found = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    # Kinds 0 and 1 are drawings of thing 0, the others of thing 1; thing 2 has none.
    labels = np.where(owners < 2, 0, 1)
    labels[:10] = -1
    vectors, things = clustered(found, labels, 3, 3, rng)
    assert np.bincount(things, minlength=3).tolist() in ([3, 3, 1], [2, 3, 1], [3, 2, 1], [2, 2, 1])
    assert np.allclose(np.linalg.norm(vectors[:-1], axis=1), 1, atol=1e-5)
    for thing, own in ((0, kinds[:2]), (1, kinds[2:])):
        assert (vectors[things == thing] @ own.T).max(axis=0).min() > 0.98


def test_a_thing_with_few_crops_has_few_prototypes():
    found = np.eye(4, dtype=np.float32)
    _, things = clustered(found, np.array([0, 0, 0, 1]), 2, 8, np.random.default_rng(0))
    assert things.tolist() == [0, 1]


def test_the_scale_tells_things_from_none_of_them():
    rng = np.random.default_rng(2)
    labels = np.r_[rng.integers(0, 20, 300), np.full(100, -1)]
    nearest = rng.uniform(-0.1, 0.3, (400, 20))
    nearest[np.arange(300), labels[:300]] = 0.8
    scale, nothing = fitted_scale(nearest, labels)
    assert 0.3 < nothing < 0.8
    assert scale > 10
    worse = nearest + rng.normal(0, 0.2, nearest.shape)
    assert fitted_scale(worse, labels)[0] < scale


@pytest.mark.parametrize("seed", range(3))
def test_changed_crops_are_crops(seed):
    crops = torch.rand(12, 3, 64, 64)
    changed = augmented(crops, torch.Generator().manual_seed(seed))
    assert changed.shape == crops.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    again = augmented(crops, torch.Generator().manual_seed(seed))
    assert torch.equal(changed, again)
    assert not torch.allclose(changed, crops)


def test_an_even_crop_stays_even():
    crops = torch.full((6, 3, 64, 64), 0.4)
    changed = augmented(crops, torch.Generator().manual_seed(0))
    assert float(changed.flatten(2).std(dim=2).max()) < 1e-4


@pytest.mark.parametrize("blocks", range(5))
def test_the_network_is_the_same_in_one_step_and_in_two(blocks):
    network = NamesNetwork().eval()
    crops = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        whole = network(crops)
        parts = network.embed(network.trunk.early(crops, blocks), blocks)
    assert torch.allclose(whole, parts, atol=1e-5)
    assert torch.allclose(whole.norm(dim=1), torch.ones(3), atol=1e-5)
