import json
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labels.errors import PuzzleSetError
from labels.pictures import composed
from labels.puzzles import PROMPT_KINDS, Puzzle, PuzzleWriter, read_puzzles

WIDTH, HEIGHT = 60, 40
LINE = {
    "id": "0001",
    "background": "0001.png",
    "prompt": {"image": "0001.prompt.png"},
    "words": ["成", "行"],
    "targets": [[27, 10, 54, 26], [1, 5, 20, 30]],
    "distractors": [[22, 6, 27, 10]],
    "accept": None,
    "family": "text-strip",
    "meta": {"rotation": [12, -30]},
}


def picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "white").save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture(tmp_path / "0001.png")
    picture(tmp_path / "0001.prompt.png", (30, 12))
    return tmp_path


def write_lines(folder: Path, *lines: str) -> None:
    (folder / "puzzles.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def changed(**changes: object) -> str:
    return json.dumps(LINE | changes, ensure_ascii=False)


def test_reads_the_line_of_the_design(folder):
    write_lines(folder, json.dumps(LINE))
    (puzzle,) = read_puzzles(folder)
    assert puzzle == Puzzle(
        id="0001",
        background="0001.png",
        prompt={"image": "0001.prompt.png"},
        words=("成", "行"),
        targets=((27, 10, 54, 26), (1, 5, 20, 30)),
        distractors=((22, 6, 27, 10),),
        accept=None,
        family="text-strip",
        meta={"rotation": [12, -30]},
    )
    assert puzzle.files == ("0001.png", "0001.prompt.png")


def test_writes_the_line_of_the_design(folder):
    write_lines(folder, json.dumps(LINE))
    (puzzle,) = read_puzzles(folder)
    assert puzzle.to_json() == json.dumps(LINE, ensure_ascii=False)
    assert "成" in puzzle.to_json()


def test_optional_keys_may_be_missing(folder):
    line = {key: LINE[key] for key in ("id", "background", "prompt", "words", "targets")}
    write_lines(folder, json.dumps(line), "")
    (puzzle,) = read_puzzles(folder)
    assert (puzzle.distractors, puzzle.accept, puzzle.family, puzzle.meta) == ((), None, "", {})


# Composed, as words are when they are read.
text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4).map(composed)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    x1, y1 = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return x1, y1, draw(st.integers(x1 + 1, WIDTH)), draw(st.integers(y1 + 1, HEIGHT))


@st.composite
def puzzles(draw: st.DrawFn) -> Puzzle:
    words = tuple(draw(st.lists(text, min_size=1, max_size=4)))
    count = len(words)
    several = st.lists(boxes(), min_size=count, max_size=count).map(tuple)
    accept = st.lists(st.none() | boxes(), min_size=count, max_size=count).map(tuple)
    prompts = {
        "words": st.just(words),
        "icons": st.just(("in/icon.png",) * count),
        "image": st.just("strip.png"),
        "region": boxes(),
    }
    kind = draw(st.sampled_from(PROMPT_KINDS))
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text
    leaves = leaves.filter(lambda value: value not in (float("inf"), float("-inf")))
    return Puzzle(
        id=draw(text),
        background="0.png",
        prompt={kind: draw(prompts[kind])},
        words=words,
        targets=draw(several),
        distractors=tuple(draw(st.lists(boxes(), max_size=3))),
        accept=draw(st.none() | accept),
        family=draw(st.sampled_from(["", "text-words", "混合"])),
        meta=draw(st.dictionaries(text, leaves | st.lists(leaves, max_size=2), max_size=3)),
    )


@given(st.lists(puzzles(), min_size=1, max_size=4, unique_by=lambda puzzle: puzzle.id))
def test_round_trip(written):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("0.png", "in/icon.png", "strip.png"):
            picture(folder / file)
        with PuzzleWriter(folder) as writer:
            for puzzle in written:
                writer.write(puzzle)
        read = read_puzzles(folder)
    assert list(read) == written
    assert [list(puzzle.meta) for puzzle in read] == [list(puzzle.meta) for puzzle in written]


@given(puzzles())
def test_puzzles_travel_between_processes(puzzle):
    assert pickle.loads(pickle.dumps(puzzle)) == puzzle


MALFORMED = {
    "not JSON": ("{", "The line is not JSON"),
    "not an object": ("[1]", "The line is not a JSON object"),
    "missing key": (json.dumps({"id": "1"}), "'background' is missing"),
    "unknown key": (changed(acept=None), "'acept' is unknown"),
    "no id": (changed(id=""), "id is empty"),
    "number as id": (changed(id=1), "id is 1; it must be a string"),
    "number as words": (changed(words=3), "words is 3; it must be a list"),
    "fraction as word": (changed(words=["成", 3.5]), r"words\[1\] is 3.5"),
    "truth as word": (changed(words=["成", True]), r"words\[1\] is True"),
    "empty word": (changed(words=["成", ""]), "word is empty"),
    "fewer words": (changed(words=["成"]), "1 words for 2 targets"),
    "more words": (changed(words=["成", "行", "再"]), "3 words for 2 targets"),
    "no targets": (changed(words=[], targets=[]), "no targets"),
    "inverted box": (changed(targets=[[27, 10, 54, 26], [20, 5, 1, 30]]), "empty or inverted"),
    "empty box": (changed(distractors=[[5, 5, 5, 9]]), "empty or inverted"),
    "box to the right": (changed(distractors=[[50, 0, 61, 9]]), "distractor .* outside the 60x40"),
    "box above": (changed(targets=[[0, -1, 5, 5], [1, 5, 20, 30]]), "target .* outside the 60x40"),
    "float in box": (changed(distractors=[[1, 2, 3.5, 4]]), "four whole numbers"),
    "boolean in box": (changed(distractors=[[True, 2, 3, 4]]), "four whole numbers"),
    "three numbers": (changed(distractors=[[1, 2, 3]]), "four whole numbers"),
    "accept too short": (changed(accept=[None]), "1 accept for 2 targets"),
    "accept inverted": (changed(accept=[None, [3, 3, 2, 4]]), "empty or inverted"),
    "two prompts": (changed(prompt={"image": "0001.png", "words": ["成", "行"]}), "exactly one"),
    "no prompt": (changed(prompt={}), "exactly one"),
    "unknown prompt": (changed(prompt={"audio": "0001.ogg"}), "exactly one"),
    "prompt a string": (changed(prompt="成行"), "prompt is '成行'"),
    "other words": (changed(prompt={"words": ["成", "在"]}), "differ from the puzzle's words"),
    "fewer icons": (changed(prompt={"icons": ["0001.png"]}), "1 prompt icons for 2 targets"),
    "region outside": (changed(prompt={"region": [0, 0, 61, 9]}), "prompt region .* outside"),
    "region inverted": (changed(prompt={"region": [9, 0, 6, 9]}), "empty or inverted"),
    "picture missing": (changed(background="0002.png"), "'0002.png' does not exist"),
    "prompt missing": (changed(prompt={"image": "x.png"}), "'x.png' does not exist"),
    "not a picture": (changed(background="puzzles.jsonl"), "cannot be read as a picture"),
    "way up": (changed(background="../0001.png"), "does not stay inside"),
    "way up in the middle": (changed(background="a/../../0001.png"), "does not stay inside"),
    "absolute": (changed(background="/etc/hosts"), "does not stay inside"),
    "drive": (changed(background="c:0001.png"), "does not stay inside"),
    "backslash": (changed(background="..\\0001.png"), "does not stay inside"),
    "no name": (changed(background=""), "does not stay inside"),
    "dot": (changed(background="."), "does not stay inside"),
}


@pytest.mark.parametrize(("line", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_lines_are_named(folder, line, message):
    write_lines(folder, line)
    with pytest.raises(PuzzleSetError, match=rf"puzzles\.jsonl, line 1: .*{message}") as caught:
        read_puzzles(folder)
    assert "\n" not in str(caught.value)


def test_the_line_number_is_that_of_the_file(folder):
    write_lines(folder, json.dumps(LINE), "", changed(id="0002", words=["成"]))
    with pytest.raises(PuzzleSetError, match="line 3: "):
        read_puzzles(folder)


def test_an_id_is_used_once(folder):
    write_lines(folder, json.dumps(LINE), json.dumps(LINE))
    with pytest.raises(PuzzleSetError, match="line 2: The id '0001' is used twice"):
        read_puzzles(folder)


def test_a_link_does_not_lead_out(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    picture(outside)
    (folder / "0003.png").symlink_to(outside)
    write_lines(folder, changed(background="0003.png"))
    with pytest.raises(PuzzleSetError, match="a link leads out"):
        read_puzzles(folder)


def test_boxes_are_those_of_the_picture_as_displayed(folder):
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(folder / "0001.png", (HEIGHT, WIDTH), exif=turned)
    write_lines(folder, json.dumps(LINE))
    assert len(read_puzzles(folder)) == 1


@pytest.mark.parametrize("name", ["missing", "0001.png"], ids=["no folder", "a file"])
def test_not_a_set(folder, name):
    with pytest.raises(PuzzleSetError, match=r"is not a puzzle set: it has no puzzles\.jsonl"):
        read_puzzles(folder / name)


def test_an_empty_set_is_refused(folder):
    write_lines(folder, "")
    with pytest.raises(PuzzleSetError, match="holds no puzzle"):
        read_puzzles(folder)


def test_not_utf8(folder):
    (folder / "puzzles.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(PuzzleSetError, match="must be UTF-8"):
        read_puzzles(folder)


def test_find(folder):
    write_lines(folder, json.dumps(LINE))
    puzzles = read_puzzles(folder)
    assert puzzles.find("0001").family == "text-strip"
    with pytest.raises(PuzzleSetError, match=r"has no puzzle '7'"):
        puzzles.find("7")


def test_writer_replaces_a_set_only_when_told(folder):
    write_lines(folder, json.dumps(LINE))
    (puzzle,) = read_puzzles(folder)
    with pytest.raises(PuzzleSetError, match="not free for a new puzzle set"):
        PuzzleWriter(folder)
    assert len(read_puzzles(folder)) == 1
    with PuzzleWriter(folder, replace=True) as writer:
        writer.write(puzzle)
        with pytest.raises(PuzzleSetError, match="used twice"):
            writer.write(puzzle)
    assert list(read_puzzles(folder)) == [puzzle]


@pytest.mark.parametrize("value", [{1}, float("nan"), Path()], ids=["set", "nan", "path"])
def test_meta_is_json(value):
    puzzle = Puzzle("1", "1.png", {"words": ("A",)}, ("A",), ((0, 0, 1, 1),), meta={"k": value})
    with pytest.raises(PuzzleSetError, match="keep meta to numbers"):
        puzzle.to_json()


def test_a_word_may_be_a_number(folder):
    write_lines(folder, changed(words=["成", 3], prompt={"image": "0001.prompt.png"}))
    assert read_puzzles(folder).puzzles[0].words == ("成", "3")


def test_a_puzzle_whose_truth_nobody_knows_is_only_read_where_it_is_expected(folder):
    write_lines(folder, changed(words=None, targets=None, distractors=[]))
    with pytest.raises(PuzzleSetError, match="line 1: Nobody has said yet"):
        read_puzzles(folder)
    (puzzle,) = read_puzzles(folder, recorded=True)
    assert (puzzle.known, puzzle.words, puzzle.targets) == (False, (), ())
    assert json.loads(puzzle.to_json()) == LINE | {
        "words": None,
        "targets": None,
        "distractors": [],
    }


HALF_KNOWN = {
    "words-only": ({"targets": None}, "targets is None"),
    "targets-only": ({"words": None}, "words is None"),
    "distractors": ({"words": None, "targets": None}, "must have none"),
}


@pytest.mark.parametrize(("changes", "message"), HALF_KNOWN.values(), ids=HALF_KNOWN)
def test_a_truth_is_known_as_a_whole_or_not_at_all(folder, changes, message):
    write_lines(folder, changed(**changes))
    with pytest.raises(PuzzleSetError, match=message):
        read_puzzles(folder, recorded=True)


@pytest.mark.parametrize(
    "tail",
    [b'{"id": "0002", "backg', '{"id": "并'.encode()[:-1], b""],
    ids=["torn", "torn-character", "nothing"],
)
def test_a_set_that_is_being_written_is_read_up_to_its_last_whole_line(folder, tail):
    file = folder / "puzzles.jsonl"
    file.write_bytes(changed().encode() + b"\n" + tail)
    assert len(read_puzzles(folder, recorded=True)) == 1
    if tail:
        with pytest.raises(PuzzleSetError):
            read_puzzles(folder)
    file.write_bytes(changed().encode())
    assert len(read_puzzles(folder, recorded=True)) == 1, "a last line without an end is whole"
