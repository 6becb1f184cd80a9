"""Models are replaced while requests run: none fails, no answer mixes versions."""

import pytest

from benchmarks.callers import Answered
from benchmarks.hot_swap import ROOT, run, version_of
from benchmarks.service_process import default_sets


def test_two_versions_are_swapped_in_under_load():
    sets = [folder for folder in default_sets(ROOT) if folder.name in ("text-words", "icon-list")]
    swaps = run(2, sets, each=2, callers=2)
    assert swaps.failed == []
    assert swaps.mixed == []
    assert swaps.missing == []
    assert len({version_of(one) for one in swaps.answers}) == 3


ANSWERS = {
    "one version": ({"bundle": "a 2", "detector": "d 2", "siamese": "s 2"}, "2"),
    "old detector": ({"bundle": "a 2", "detector": "d 1", "siamese": "s 2"}, None),
    "old bundle": ({"bundle": "a 1", "detector": "d 2"}, None),
    "default models": ({"detector": "d 1", "siamese": "s 1"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("models", "version"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_mixes_is_seen(models, version):
    assert version_of(Answered(0, 200, 1, models=tuple(models.items()))) == version
