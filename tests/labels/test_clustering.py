import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import clustering
from labels.clustering import cluster, sort_new


def units(*angles):
    """Vectors in the plane, by their angles in degrees."""
    radians = np.deg2rad(np.array(angles, np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32).reshape(-1, 2)


def mean_linkage(vectors, max_distance):
    """The slow obvious oracle: join the two nearest groups until none are near enough."""
    groups = [[index] for index in range(len(vectors))]
    distance = 1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    while len(groups) > 1:
        nearest, first, second = min(
            (distance[np.ix_(a, b)].mean(), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        )
        if nearest > max_distance:
            break
        groups[second] += groups.pop(first)
    return {frozenset(group) for group in groups}


def as_sets(numbers):
    return {frozenset(np.flatnonzero(numbers == n).tolist()) for n in set(numbers.tolist())}


@given(seed=st.integers(0, 10_000), count=st.integers(0, 12), max_distance=st.floats(0.05, 1.5))
def test_it_is_mean_linkage(seed, count, max_distance):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = cluster(vectors.astype(np.float32), max_distance)
    assert as_sets(found) == mean_linkage(vectors, max_distance)
    sizes = np.bincount(found) if count else []
    assert sorted(sizes, reverse=True) == list(sizes)


def test_near_ones_join_and_others_make_groups():
    groups = {"并": units(0, 4), "细": units(180)}
    found = sort_new(units(3, 90, 93, 176, 270, 95), groups, units(300, 271), 0.05)
    assert found.joined == {0: "并", 3: "细"}
    assert found.fresh == (((1, 2, 5), ()), ((4,), (1,)))
    assert found.single == ()


def test_singles_alone_are_left_alone():
    found = sort_new(units(90), {}, units(0, 1), 0.05)
    assert (found.joined, found.fresh, found.single) == ({}, (), (0,))


@pytest.mark.parametrize("portion", [2, 3, 100])
def test_in_portions_the_same_groups_are_found(monkeypatch, portion):
    monkeypatch.setattr(clustering, "_PORTION", portion)
    angles = [0, 90, 1, 180, 91, 2, 270, 181, 92]
    found = sort_new(units(*angles), {}, units(), 0.05)
    groups = {tuple(sorted(ours)) for ours, _ in found.fresh}
    assert groups == {(0, 2, 5), (1, 4, 8), (3, 7)}
    assert len(found.fresh[-1][0]) == 2
    assert found.single == (6,)


def test_nothing_new():
    found = sort_new(units(), {"a": units(0)}, units(5))
    assert (found.joined, found.fresh, found.single) == ({}, (), ())
