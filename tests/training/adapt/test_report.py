"""The report as a browser gets it: parsed, its pictures decoded, its numbers read."""

import base64
import io
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles
from training.adapt.record import Adaptation, Compared, Share, Stage
from training.adapt.report import MOST_FAILURES, headline, verdict, write_report
from training.evaluation.evaluate import evaluate

ROOT = Path(__file__).parents[3]
A, B = (10, 10, 30, 30), (60, 10, 80, 30)
HOSTILE = "<script>alert(1)</script>\"'&"
ALONE = {"meta", "img", "br", "path", "rect", "circle", "polyline"}
HTML_ALONE = {"meta", "img", "br"}


class Page(HTMLParser):
    """What a report says, and whether its elements are well nested."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.attributes, self.tags, self._open = "", [], [], []
        self.source = path.read_text("utf-8")
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in HTML_ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert self._open.pop() == tag

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")

    def values(self, tag, name):
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]

    @property
    def pictures(self):
        return [
            Image.open(io.BytesIO(base64.b64decode(src.removeprefix("data:image/webp;base64,"))))
            for src in self.values("img", "src")
        ]


def run_folder(path: Path, rows: list[dict]) -> Path:
    path.mkdir()
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def record(tmp_path):
    detector = run_folder(
        tmp_path / "detector",
        [
            {"step": 12, "loss_box": 0.77, "ap50": 0.5, "rate": 0.1, "loss_class": None},
            {"step": 24, "loss_box": 0.44, "ap50": 0.93, "rate": 0.1, "strips_right": None},
        ],
    )
    matcher = run_folder(
        tmp_path / "matcher", [{"step": 25, "loss_match": 2.5}, {"step": 30, "match": 1.0}]
    )
    return Adaptation(
        folder=tmp_path / "own",
        bundle=tmp_path / "a b" / "bundle",
        kind="puzzles",
        parts={"train": 210, "validation": 45, "test": 45},
        faults=("a.png is torn; replace it.",),
        compared=(
            Compared("solved", Share(32, 45), Share(42, 45)),
            Compared("every target found", Share(40, 45), Share(45, 45)),
        ),
        stages=(
            Stage("detector", 123.8, 210, 330, True, "solved 41 of 45, 30 before: taken", detector),
            Stage("matcher", 3700.0, 205, 0, False, "solved 28 of 45: not taken", matcher),
        ),
        outcomes=(),
        class_counts={"cat": 12, HOSTILE: 7},
        unlabelled=(),
        seconds=3900.0,
        hardware="x86_64, 2 cores, Linux",
        versions={"detector": "adapted-detector 1.0.0"},
        notes=("No generated crops; run `clickorder ingredients`.",),
    )


def puzzles(folder: Path, count: int, size=(120, 60), words=("cat", HOSTILE)):
    rng = np.random.default_rng(0)
    with PuzzleWriter(folder) as writer:
        for number in range(count):
            pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            writer.write(Puzzle(f"p{number:02}", f"{number}.png", {"words": words}, words, (A, B)))
    return read_puzzles(folder)


def answers(confidences, *, stands_by=True, swapped=True):
    """A solver that clicks both targets, swapped or not, with one confidence a puzzle."""

    def solve(puzzle, _):
        clicks = [{"x": 20, "y": 20}, {"x": 70, "y": 20}]
        return {
            "solved": stands_by,
            "reason": None if stands_by else "ambiguous",
            "confidence": confidences[int(puzzle.id[1:])],
            "clicks": clicks[::-1] if swapped else clicks,
            "boxes": [{"box": box, "confidence": 0.9} for box in (A, B)],
        }

    return solve


def page_of(record, tmp_path) -> Page:
    write_report(record, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


def test_the_headline_and_all_numbers(record, tmp_path):
    page = page_of(record, tmp_path)
    assert headline(record) == "Solved 93 % of 45 held-back pictures, 71 % before"
    for told in (
        headline(record),
        "32 of 45: 71 % (57 % to 82 %)",
        "42 of 45: 93 % (82 % to 98 %)",
        "45 of 45: 100 % (92 % to 100 %)",
        "the 95 % intervals overlap",
        "In the bundle: solved 41 of 45, 30 before: taken. It took 2 min 4 s.",
        "Not in the bundle: solved 28 of 45: not taken. It took 1 h 1 min.",
        "a.png is torn; replace it.",
        "2 classes, labelled 7 to 12 times each",
        "1 h 5 min in all on x86_64, 2 cores, Linux.",
        "adapted-detector 1.0.0",
        "no puzzles, so there are no answers to show",
        f"CLICKORDER_MODELS_DIR='{record.bundle}' clickorder serve",
    ):
        assert told in page.text, told
    assert "<code>clickorder ingredients</code>" in page.source


def test_bars_are_as_long_as_the_shares(record, tmp_path):
    page = page_of(record, tmp_path)
    widths = [float(width) for width in page.values("rect", "width")]
    shares = [32 / 45, 42 / 45, 40 / 45, 1.0]
    assert np.allclose(np.array(widths) / widths[-1], shares, atol=0.002)


def test_curves_show_what_was_logged(record, tmp_path):
    page = page_of(record, tmp_path)
    labels = page.values("svg", "aria-label")
    assert "Loss, detector: boxes 0.77 at first, 0.44 at last" in labels
    assert "Validation, detector: AP at IoU 0.5 0.5 at first, 0.93 at last" in labels
    assert "Loss, matcher: partner in the batch 2.5 at first, 2.5 at last" in labels
    assert "No curves" not in page.text


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda run: None, "metrics.jsonl is missing", id="no folder"),
        pytest.param(lambda run: run_folder(run, []), "has no losses and measures", id="empty"),
        pytest.param(
            lambda run: run_folder(run, [{"step": 1, "else": 2}, {"loss_box": 1}, {"step": 2}]),
            "has no losses and measures",
            id="nothing known",
        ),
        pytest.param(
            lambda run: run_folder(run, [{"step": 1, "loss_box": float("nan"), "ap50": True}]),
            "has no losses and measures",
            id="no numbers",
        ),
        pytest.param(
            lambda run: (run_folder(run, []) / "metrics.jsonl").write_bytes(b'{"step": \xff\xfe'),
            "cannot be read",
            id="no text",
        ),
    ],
)
def test_without_metrics_it_says_so(record, tmp_path, make, told):
    run = tmp_path / "another"
    make(run)
    page = page_of(replace(record, stages=(replace(record.stages[0], run=run),)), tmp_path)
    assert told in page.text
    assert "polyline" not in page.tags


def test_nothing_comes_from_outside_and_nothing_runs(record, tmp_path):
    outcomes = evaluate([puzzles(tmp_path / "set", 2)], answers([0.5, 0.6]))
    page = page_of(replace(record, outcomes=tuple(outcomes)), tmp_path)
    addresses = [v for _, n, v in page.attributes if n in ("src", "href", "srcset", "xlink:href")]
    assert len(addresses) == 2
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    assert "http" not in page.source.replace("http-equiv", "")
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


def test_names_of_the_user_are_text_and_nothing_else(record, tmp_path):
    folder = tmp_path / f"own {HOSTILE.replace('/', '')}"
    outcomes = evaluate([puzzles(folder, 6)], answers([0.5] * 6))
    page = page_of(
        replace(
            record,
            folder=folder,
            bundle=folder / "bundle",
            outcomes=tuple(outcomes),
            notes=(HOSTILE, "one ` alone"),
            faults=(HOSTILE,),
            hardware=HOSTILE,
            versions={HOSTILE: HOSTILE},
            unlabelled=(folder / HOSTILE.replace("/", ""),),
            compared=(Compared(HOSTILE, Share(1, 9), Share(2, 9)),),
            stages=(Stage(HOSTILE, 1.0, 1, 1, True, HOSTILE, folder / "gone"),),
        ),
        tmp_path,
    )
    assert "script" not in page.tags
    assert "<script" not in page.source
    assert page.text.count(HOSTILE) >= 10
    assert "one ` alone" in page.text
    # Quotes did not end an attribute: all names of attributes are ours.
    ours = {"lang", "charset", "name", "content", "http-equiv", "class", "viewbox", "role", "d"}
    ours |= {"aria-label", "aria-hidden", "x", "y", "cx", "cy", "r", "width", "height", "fill"}
    ours |= {"text-anchor", "stroke-dasharray", "style", "points", "src", "alt", "scope"}
    assert {name for _, name, _ in page.attributes} <= ours
    assert any(HOSTILE in alt for alt in page.values("img", "alt"))


def test_a_file_name_that_is_no_text_costs_nothing(record, tmp_path):
    page = page_of(replace(record, folder=Path("own\udcff")), tmp_path)
    assert "own?" in page.text


def test_failures_are_shown_worst_first(record, tmp_path):
    loud = evaluate([puzzles(tmp_path / "a", 3)], answers([0.2, 0.9, 0.4]))
    meek = evaluate([puzzles(tmp_path / "b", 1)], answers([0.99], stands_by=False))
    right = evaluate([puzzles(tmp_path / "c", 1)], answers([1.0], swapped=False))
    page = page_of(replace(record, outcomes=(*meek, *right, *loud)), tmp_path)
    shown = [alt.partition(":")[0] for alt in page.values("img", "alt")]
    assert shown == ["p01", "p02", "p00", "p00"]
    assert "4 of 5 held-back pictures failed, wrong answers of" in page.text
    assert page.text.index("Confidence 0.90") < page.text.index("Confidence 0.99")
    assert "A wrong item was clicked" in page.text
    assert f'"{HOSTILE}" for "cat", "cat" for "{HOSTILE}"' in page.text
    assert "The models declined to answer" in page.text
    assert all(picture.width >= 240 and picture.height >= 120 for picture in page.pictures)


@pytest.mark.parametrize(
    ("solve", "told"),
    [
        pytest.param(
            lambda puzzle, folder: {"code": "torn", "detail": "It <is> torn."},
            "There was no answer: torn: It <is> torn.. Confidence 0.00",
            id="error",
        ),
        pytest.param(
            lambda puzzle, folder: {"solved": True, "confidence": 1, "clicks": [], "boxes": []},
            f'An item was not found: "cat", "{HOSTILE}". Confidence 1.00',
            id="not detected",
        ),
        pytest.param(
            answers([0.5], stands_by=False, swapped=False),
            "declined to answer: the clicks would have been right. Confidence 0.50",
            id="declined",
        ),
    ],
)
def test_causes_are_told_in_words(record, tmp_path, solve, told):
    outcomes = evaluate([puzzles(tmp_path / "set", 1)], solve)
    assert told in page_of(replace(record, outcomes=tuple(outcomes)), tmp_path).text


def test_no_failures_are_told(record, tmp_path):
    outcomes = evaluate([puzzles(tmp_path / "set", 2)], answers([1.0, 1.0], swapped=False))
    page = page_of(replace(record, outcomes=tuple(outcomes)), tmp_path)
    assert "None: all 2 held-back pictures solved." in page.text
    assert page.pictures == []


def test_a_picture_that_is_gone_is_told(record, tmp_path):
    outcomes = evaluate([puzzles(tmp_path / "set", 2)], answers([0.9, 0.8]))
    (tmp_path / "set" / "0.png").unlink()
    (tmp_path / "set" / "1.png").write_bytes(b"torn")
    page = page_of(replace(record, outcomes=tuple(outcomes)), tmp_path)
    assert page.text.count("cannot be read any more") == 2
    assert page.pictures == []


def test_twelve_large_failures_stay_below_two_megabytes(record, tmp_path):
    """Noise is the worst that a picture can be to compress."""
    outcomes = evaluate([puzzles(tmp_path / "set", 14, (600, 400))], answers([0.5] * 14))
    write_report(replace(record, outcomes=tuple(outcomes)), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    page = Page(tmp_path / "report.html")
    assert len(page.pictures) == MOST_FAILURES
    assert "here are the 12 worst" in page.text
    assert all(picture.load() is not None for picture in page.pictures)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"compared": ()}, "No picture was held back, so nobody", id="nothing"),
        pytest.param(
            {"compared": (Compared("named right", Share(0, 0), Share(0, 0)),)},
            "No picture was held back, so nobody",
            id="of nothing",
        ),
        pytest.param(
            {"parts": {"train": 9, "validation": 1, "test": 0}},
            "Solved 93 % of 45 validation pictures, 71 % before",
            id="no test part",
        ),
        pytest.param(
            {"compared": (Compared("named right", Share(1, 3), Share(1, 1)),)},
            "Named right: 100 % of 1 held-back item, 33 % before",
            id="items",
        ),
    ],
)
def test_headlines(record, tmp_path, changes, told):
    changed = replace(record, **changes)
    assert headline(changed).startswith(told)
    assert told in page_of(changed, tmp_path).text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(Share(10, 100), Share(90, 100), "better, by more than", id="better"),
        pytest.param(Share(90, 100), Share(10, 100), "worse, by more than", id="worse"),
        pytest.param(Share(8, 10), Share(9, 10), "not certain which is better", id="overlap"),
        pytest.param(Share(8, 10), Share(8, 10), "No difference was seen", id="same"),
    ],
)
def test_verdicts(before, after, told):
    assert told in verdict(Compared("solved", before, after))


def test_where_no_new_weights_were_taken(record, tmp_path):
    stages = tuple(replace(stage, kept=False) for stage in record.stages)
    told = "No newly trained model was taken"
    assert told in page_of(replace(record, stages=stages), tmp_path).text
    assert told not in page_of(record, tmp_path).text


def test_an_empty_record_is_a_page(record, tmp_path):
    empty = {"compared": (), "stages": (), "class_counts": {}, "faults": (), "notes": ()}
    page = page_of(replace(record, **empty, parts={}, versions={}, seconds=0.0), tmp_path)
    assert "Nothing was trained." in page.text
    assert "0 s in all" in page.text


def test_it_is_readable_by_everyone(record, tmp_path):
    outcomes = evaluate([puzzles(tmp_path / "set", 1)], answers([0.5]))
    page = page_of(replace(record, outcomes=tuple(outcomes)), tmp_path)
    assert page.values("html", "lang") == ["en"]
    assert "width=device-width, initial-scale=1" in page.values("meta", "content")
    assert "prefers-color-scheme: dark" in page.source
    assert page.tags.count("caption") == page.tags.count("table") > 0
    assert set(page.values("th", "scope")) == {"col", "row"}
    assert len(page.values("th", "scope")) == page.tags.count("th")
    spoken = page.values("svg", "aria-label") + page.values("svg", "aria-hidden")
    assert len(spoken) == page.tags.count("svg")
    assert all(page.values("img", "alt"))
    assert page.tags.count("h1") == 1


def test_an_old_report_stays_where_the_new_one_cannot_be_written(record, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    broken = replace(record, stages=(replace(record.stages[0], why=None),))
    with pytest.raises(AttributeError):
        write_report(broken, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".part"] == []


def test_it_needs_neither_torch_nor_matplotlib():
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['matplotlib'] = None\n"
        "import training.adapt.report\n"
        "assert not {'service', 'clickorder'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=600)
