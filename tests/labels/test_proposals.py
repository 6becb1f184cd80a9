import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.annotations import LabelledBox
from labels.proposals import JOURNAL_FILE, Journal, Proposal, write_export, write_report


def proposal(picture, scores, names=()):
    boxes = tuple(LabelledBox(n, 0, n + 1, 5, "并", confidence=s) for n, s in enumerate(scores))
    return Proposal(picture, 100, 50, boxes, tuple(names))


ONE, TWO = proposal("a.png", [0.9, 0.5], [0.8, 0.4]), proposal("more/b.png", [0.7])
NONE = proposal("c.png", [])


@pytest.mark.parametrize(
    ("made", "box", "name", "both"),
    [
        pytest.param(ONE, 0.5, 0.4, 0.2, id="boxes-and-names"),
        pytest.param(TWO, 0.7, None, 0.7, id="no-names"),
        pytest.param(NONE, 0.0, None, 0.0, id="nothing-found"),
    ],
)
def test_confidences(made, box, name, both):
    assert (made.least_box, made.least_name) == (box, name)
    assert made.confidence == pytest.approx(both)


@given(
    scores=st.lists(st.lists(st.floats(0, 1), max_size=4), max_size=5),
    cut=st.integers(0, 200),
)
def test_a_cut_journal_loses_one_line_at_most(scores, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    made = [proposal(f"{n}.png", each, each) for n, each in enumerate(scores)]
    for one in made:
        journal.add(one)
    assert set(Journal(folder).proposals) == set(made)
    if made:
        file = folder / JOURNAL_FILE
        last = file.read_bytes().split(b"\n")[-1]
        file.write_bytes(file.read_bytes()[: -min(cut, len(last))] if cut else file.read_bytes())
        left = Journal(folder)
        assert set(left.proposals) >= set(made[:-1])
        left.add(ONE)
        assert set(Journal(folder).proposals) == {*left.proposals}


def test_the_last_line_of_a_picture_counts_and_the_least_certain_is_first(tmp_path):
    journal = Journal(tmp_path)
    for one in (proposal("more/b.png", [0.1]), TWO, ONE, NONE):
        journal.add(one)
    assert [one.picture for one in Journal(tmp_path).proposals] == ["c.png", "a.png", "more/b.png"]
    assert Journal(tmp_path).proposals == journal.proposals


def test_the_report(tmp_path):
    write_report(tmp_path / "r.csv", [NONE, ONE, TWO])
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == ["c.png", "a.png", "more/b.png"]
    assert rows[1] == {
        "picture": "a.png",
        "boxes": "2",
        "least_box_confidence": "0.5000",
        "least_name_confidence": "0.4000",
        "confidence": "0.2000",
    }
    assert rows[2]["least_name_confidence"] == ""


def test_the_export_proposes_and_claims_nothing(tmp_path):
    write_export(tmp_path, [NONE, ONE], ["item", "并"])
    first, second = json.loads((tmp_path / "prelabel.json").read_text("utf-8"))
    (prediction,) = first["predictions"]
    assert prediction["score"] == 0.5
    assert len(prediction["result"]) == 2
    assert "annotations" not in first
    assert "annotations" not in second
    assert second["data"]["image"].endswith("c.png")
