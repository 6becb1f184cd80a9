"""A whole audit with a solver whose failures are planted: record, grade, JSON, pages."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema_rs
import pytest

from clickorder.audit.answers import ANSWERS_FILE
from clickorder.audit.attack import Adapted
from clickorder.audit.explanation import Effect, Explanation
from clickorder.audit.grade import grade_of, letter_of, strongest_rate
from clickorder.audit.pipeline import Choices, audit_set
from clickorder.audit.report import FILES, write_reports
from clickorder.audit.result import RESULT_FILE, SCHEMA, write_result
from clickorder.errors import CommandError
from labels.errors import LabelsError
from labels.puzzles import PUZZLES_FILE

HOSTILE = "<script>alert(1)</script>\"'&"
ALONE = {"meta", "img", "br"}


class Page(HTMLParser):
    """The text of a page, the addresses in it, and whether its elements are well nested."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.text, self.addresses, self.tags, self._open = "", [], [], []
        self.feed(file.read_text("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")


def fails_on_grain(puzzle):
    """Grainy grounds fail, but for every fourth one; of the others every fourth fails."""
    return bool(puzzle.meta["grain"]) != (int(puzzle.id[1:]) // 2 % 4 == 0)


@pytest.fixture(scope="module")
def audited(tmp_path_factory, make_set, planted):
    """An audit of 48 puzzles of which a grainy ground makes the solver fail, and its folder."""
    folder = tmp_path_factory.mktemp("audit")
    make_set(folder / "set", 48, ("cat", HOSTILE, "猫"))
    out = folder / "out"
    solver = planted(fails_on_grain, lambda puzzle: 0.9 if not puzzle.meta["grain"] else 0.4)
    found = audit_set(folder / "set", out, solver, Choices())
    grade = grade_of(found)
    write_result(found, grade, out)
    write_reports(found, grade, out)
    return found, grade, out


def test_what_was_planted_is_found(audited):
    found, grade, _ = audited
    assert (found.overall.n, found.overall.solved) == (48, 24)
    assert {family.group: family.solved for family in found.families} == {"even": 18, "odd": 6}
    assert found.kinds == ()
    assert found.faults == ()
    # A grainy ground has texture, and the items on it less contrast: either may be blamed.
    assert found.explanation.auc > 0.6
    assert found.explanation.effects[0].name in ("texture", "contrast", "outline")
    little, *_, much = found.thirds["texture"]
    assert little.solved / little.n > 0.7 > 0.3 > much.solved / much.n
    assert found.attack.points[-1].right == pytest.approx(0.75)
    assert grade.letter == "E"
    keys = [sentence.key for sentence in grade.reasons]
    assert keys == [
        "reason.zero_shot",
        "reason.retries",
        "reason.abstains",
        "reason.people_missing",
    ]
    assert [sentence.key for sentence in grade.advice] == ["advice.limit", "advice.second"]


def test_a_property_that_certainly_harms_the_machine_is_advice(audited):
    found, _, _ = audited
    harm, doubt = Effect("texture", 1.1, (0.4, 2), 3.21), Effect("size", -1.0, (-2, 0.1), 9.0)
    explained = replace(found, explanation=Explanation((harm, doubt), 0.8, 48))
    first, second, *_ = grade_of(explained).advice
    assert first.text().startswith(
        "texture of the ground: more of it made the machine fail more often (odds of failure "
        "times 3.0 per 3.2 of lightness)."
    )
    assert second.key == "advice.limit"


def test_the_json_is_as_the_schema_says(audited):
    found, _, out = audited
    result = json.loads((out / RESULT_FILE).read_text("utf-8"))
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema_rs.validator_for(schema).validate(result)
    assert set(result) == set(schema["properties"])
    assert result["success_rate"] == 0.5
    assert [puzzle["solved"] for puzzle in result["puzzles"]] == [
        outcome.score.solved for outcome in found.outcomes
    ]


@pytest.mark.parametrize("change", [{"grade": "F"}, {"success_rate": 2}, {"thirds": {"x": []}}])
def test_the_schema_refuses_what_is_wrong(audited, change):
    _, _, out = audited
    result = json.loads((out / RESULT_FILE).read_text("utf-8"))
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    with pytest.raises(jsonschema_rs.ValidationError):
        validator.validate(result | change)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ("Grade E", "Solved", "50 % (24 of 48; 36 % to 64 %)", "texture of the ground")),
        ("zh", ("等级 E", "解出", "50 %（24/48；36 % 至 64 %）", "背景的纹理")),
    ],
)
def test_the_pages_say_it_and_need_nothing_beside(audited, language, told):
    _, _, out = audited
    page = Page(out / FILES[language])
    for words in told:
        assert words in page.text
    assert "script" not in page.tags
    assert HOSTILE in page.text
    others = set(FILES.values())
    assert all(a.startswith("data:image/webp;") or a in others for a in page.addresses)
    assert page.tags.count("img") == 8
    assert (out / FILES[language]).stat().st_size < 2_000_000


def test_nothing_is_asked_twice(tmp_path, make_set, planted):
    make_set(tmp_path / "set", 6)
    out, solver = tmp_path / "out", planted()
    first = audit_set(tmp_path / "set", out, solver, Choices(limit=4))
    assert len(solver.asked) == 4
    # What a kill leaves: a line that is cut off. Its puzzle is asked again, and no other.
    file = out / ANSWERS_FILE
    file.write_bytes(file.read_bytes()[:-20])
    solver.asked.clear()
    second = audit_set(tmp_path / "set", out, solver, Choices())
    assert solver.asked == ["p003", "p004", "p005"]
    third = audit_set(tmp_path / "set", out, solver, Choices())
    assert len(solver.asked) == 3
    assert (first.overall.n, second.overall.n, third.overall.n) == (4, 6, 6)
    assert third.attack.cpu_seconds == pytest.approx(second.attack.cpu_seconds, abs=1e-5)


def test_other_models_are_asked_anew(tmp_path, make_set, planted):
    make_set(tmp_path / "set", 2)
    audit_set(tmp_path / "set", tmp_path / "out", planted(), Choices())
    other = planted(lambda _: True, models={"detector": "other 2.0"})
    found = audit_set(tmp_path / "set", tmp_path / "out", other, Choices())
    assert len(other.asked) == 2
    assert found.overall.solved == 0


def test_few_puzzles_are_reported_with_a_warning(tmp_path, make_set, planted):
    make_set(tmp_path / "set", 3)
    found = audit_set(tmp_path / "set", tmp_path / "out", planted(), Choices())
    grade = grade_of(found)
    assert [s.key for s in grade.reasons][:2] == ["reason.zero_shot", "reason.few"]
    assert "interval is wide" in grade.reasons[1].text()
    write_reports(found, grade, tmp_path / "out")
    assert "too few failures" in Page(tmp_path / "out" / "report.html").text


def test_the_strongest_machine_is_graded(tmp_path, make_set, planted):
    make_set(tmp_path / "set", 3)
    rows = [Adapted(0, 40, 0, 0, 0), Adapted(25, 40, 10, 4.5, 3.0)]
    solver = planted(lambda _: True)
    found = audit_set(tmp_path / "set", tmp_path / "out", solver, Choices(), adapt=lambda *_: rows)
    assert strongest_rate(found) == 0.25
    grade = grade_of(found)
    assert grade.letter == "D"
    assert "25 labelled puzzles" in " ".join(sentence.text() for sentence in grade.reasons)
    write_reports(found, grade, tmp_path / "out")
    write_result(found, grade, tmp_path / "out")
    page = Page(tmp_path / "out" / "report.html")
    assert "25 % (10 of 40; 14 % to 40 %)" in page.text
    assert "Nothing was solved" in page.text


@pytest.mark.parametrize(
    ("rate", "letter"),
    [(0.0, "A"), (0.009, "A"), (0.01, "B"), (0.049, "B"), (0.05, "C"), (0.2, "D"), (0.5, "E")],
)
def test_letters(rate, letter):
    assert letter_of(rate) == letter


UNKNOWN = (
    '{"id": "1", "background": "0.png", "prompt": {"words": ["a"]}, "words": null, "targets": null}'
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("", "holds no puzzle", id="empty"),
        pytest.param(UNKNOWN, "Nobody has said yet", id="without-truth"),
        pytest.param(None, "no labels of a known layout", id="no-labels"),
    ],
)
def test_what_cannot_be_audited_is_told_in_a_sentence(tmp_path, planted, drawn, content, told):
    folder = tmp_path / "set"
    folder.mkdir()
    drawn().save(folder / "0.png")
    if content is not None:
        (folder / PUZZLES_FILE).write_text(content)
    with pytest.raises(LabelsError, match=told):
        audit_set(folder, tmp_path / "out", planted(), Choices())


def test_labelled_pictures_are_audited_too(tmp_path, planted, drawn):
    folder = tmp_path / "shots"
    folder.mkdir()
    (folder / "classes.txt").write_text("cat\ndog\n")
    for number in range(3):
        drawn(seed=number).save(folder / f"{number}.png")
        # The boxes (10, 15, 40, 45) and (80, 60, 110, 90) of a picture of 200 x 120.
        label = "0 0.125 0.25 0.15 0.25\n1 0.475 0.625 0.15 0.25\n"
        (folder / f"{number}.txt").write_text(label)
    found = audit_set(folder, tmp_path / "out", planted(), Choices())
    assert (found.overall.n, found.overall.solved) == (3, 3)


def test_labels_without_names_are_refused(tmp_path, planted, drawn):
    folder = tmp_path / "shots"
    folder.mkdir()
    (folder / "classes.txt").write_text("item\n")
    drawn().save(folder / "0.png")
    (folder / "0.txt").write_text("0 0.125 0.25 0.15 0.25\n")
    with pytest.raises(CommandError, match="fewer than two different items"):
        audit_set(folder, tmp_path / "out", planted(), Choices())
