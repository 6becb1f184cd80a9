"""The page for people in a real Chromium, and its server over real HTTP."""

import json

import httpx
import pytest
from playwright.sync_api import expect

from clickorder.audit.grade import grade_of
from clickorder.audit.people import HEADER, PEOPLE_FILE, create_people_app, read_people
from clickorder.audit.pipeline import Choices, audit_set
from clickorder.audit.report import write_reports

# Patience with a busy machine: nothing here is about speed.
expect.set_options(timeout=600_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory, make_set, world):
    """Two puzzles on a real server, and the file that gets the answers."""
    folder = tmp_path_factory.mktemp("people")
    puzzles = make_set(folder / "set", 2)
    file = folder / "out" / PEOPLE_FILE
    with world.running(create_people_app(puzzles, file)) as url:
        yield puzzles, file, url


@pytest.fixture
def people(served):
    """The same without answers."""
    puzzles, file, url = served
    file.unlink(missing_ok=True)
    with httpx.Client(base_url=url, timeout=600) as client:
        yield puzzles, file, client


def answer(client, puzzle="p000", clicks=((1, 1),), **changes):
    headers = changes.pop("headers", {HEADER: "1"})
    body = {"puzzle": puzzle, "clicks": clicks, "seconds": 2.5, "input": "touch"} | changes
    return client.post("/api/answers", json=body, headers=headers)


def centres(puzzle):
    return [((x1 + x2) // 2, (y1 + y2) // 2) for x1, y1, x2, y2 in puzzle.targets]


def rows(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_answers_are_scored_and_kept_without_anything_personal(people):
    puzzles, file, client = people
    right = centres(puzzles.puzzles[0])
    assert answer(client, clicks=right).status_code == 204
    assert answer(client, clicks=right[::-1], input="mouse").status_code == 204
    assert answer(client, clicks=[], seconds=7.004).status_code == 204
    assert rows(file) == [
        {"puzzle": "p000", "solved": True, "seconds": 2.5, "input": "touch"},
        {"puzzle": "p000", "solved": False, "seconds": 2.5, "input": "mouse"},
        {"puzzle": "p000", "solved": False, "seconds": 7.0, "input": "touch"},
    ]
    assert client.get("/api/puzzles").json() == ["p001", "p000"]
    file.write_bytes(file.read_bytes() + b'{"puzzle": "p0')
    found = read_people(file)
    assert (found.n, found.solved, found.seconds) == (3, 1, 2.5)
    assert found.inputs == {"touch": 2, "mouse": 1}


def test_the_truth_never_leaves_the_server(people):
    puzzles, _, client = people
    shown = client.get("/api/puzzles/p000")
    assert set(shown.json()) == {"id", "background", "words", "prompt"}
    assert tuple(shown.json()["words"]) == puzzles.puzzles[0].words
    assert client.get(f"/{shown.json()['background']}").headers["content-type"] == "image/png"
    assert "default-src 'none'" in shown.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"headers": {}}, 403, id="without-the-header"),
        pytest.param({"headers": {HEADER: "1", "host": "evil.example"}}, 403, id="other-host"),
        pytest.param({"headers": {HEADER: "1", "origin": "http://evil.example"}}, 403, id="origin"),
        pytest.param({"puzzle": "absent"}, 404, id="unknown-puzzle"),
        pytest.param({"clicks": [[1, 1]] * 41}, 422, id="too-many-clicks"),
        pytest.param({"seconds": -1}, 422, id="before-it-began"),
        pytest.param({"input": "mind"}, 422, id="unknown-input"),
        pytest.param({"name": "Ann"}, 422, id="something-personal"),
        pytest.param({"puzzle": "x" * 20_000}, 403, id="too-long"),
    ],
)
def test_what_is_refused(people, changes, status):
    _, file, client = people
    assert answer(client, **changes).status_code == status
    assert not file.exists()


@pytest.mark.parametrize(
    "path",
    ["/../people.py", "/people.py", "/pictures/9/background", "/pictures/0/7", "/api/puzzles/no"],
)
def test_nothing_else_is_served(people, path):
    assert people[2].get(path).status_code == 404


def test_mouse_touch_and_keyboard_in_a_browser(served, world):
    puzzles, file, url = served
    file.unlink(missing_ok=True)
    by_id = {puzzle.id: puzzle for puzzle in puzzles}
    faults = []
    with world.browsing() as browser:
        context = browser.new_context(
            viewport={"width": 390, "height": 800}, has_touch=True, locale="en-GB"
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url, timeout=600_000)
        stage = page.locator("#stage")
        for number in (0, 1):
            expect(page.locator("#stage[data-puzzle]")).to_have_count(1)
            expect(page.locator("#marks span")).to_have_count(0)
            shown = by_id[stage.get_attribute("data-puzzle")]
            expect(page.locator("#prompt span")).to_have_text(list(shown.words))
            frame = page.locator("#picture").bounding_box()
            scale = frame["width"] / 200
            for x, y in centres(shown):
                place = frame["x"] + x * scale, frame["y"] + y * scale
                (page.touchscreen.tap if number else page.mouse.click)(*place)
            expect(page.locator("#marks span")).to_have_count(3)
            if not number:
                # One too many by keyboard, taken back by keyboard.
                stage.focus()
                page.keyboard.press("ArrowLeft")
                page.keyboard.press("Enter")
                expect(page.locator("#marks span")).to_have_count(4)
                page.keyboard.press("Backspace")
                expect(page.locator("#marks span")).to_have_count(3)
            other = next(one for one in by_id if one != shown.id)
            page.locator("#done").click()
            if not number:
                expect(page.locator(f"#stage[data-puzzle={other}]")).to_have_count(1)
        expect(page.locator("#status")).to_have_text("That was the last one. Thank you!")
    kept = rows(file)
    assert sorted(row["puzzle"] for row in kept) == ["p000", "p001"]
    assert [(row["solved"], row["input"]) for row in kept] == [(True, "keyboard"), (True, "touch")]
    assert faults == []


def test_people_stand_beside_the_machine_in_the_report(tmp_path, make_set, planted):
    make_set(tmp_path / "set", 3)
    out = tmp_path / "out"
    out.mkdir()
    lines = [
        {"puzzle": "p000", "solved": number < 8, "seconds": 3.0 + number, "input": "mouse"}
        for number in range(10)
    ]
    (out / PEOPLE_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = audit_set(tmp_path / "set", out, planted(), Choices())
    grade = grade_of(found)
    assert "People solve 80 % of the puzzles" in " ".join(s.text() for s in grade.reasons)
    write_reports(found, grade, out)
    page = (out / "report.html").read_text("utf-8")
    assert "80&nbsp;% (8 of 10 answers; 49&nbsp;% to 94&nbsp;%) solved, 7.5 s in the median" in page
