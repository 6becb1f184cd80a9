"""`clickorder solve`: how its line is read, and how it asks a running service."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from typer.testing import CliRunner

from clickorder.cli import app
from clickorder.cli.question import Question
from clickorder.cli.solve_arguments import spell_out
from clickorder.errors import UsageError
from labels.errors import PuzzleSetError
from labels.puzzles import Puzzle, PuzzleWriter, read_puzzles
from service.security.keys import hash_of, new_key
from service.settings import KeyEntry, Settings

ROOT = Path(__file__).resolve().parents[3]
COLOURS = {"red": (220, 30, 30), "green": (30, 170, 60), "blue": (40, 60, 220)}
BOXES = {"red": (20, 12, 50, 42), "green": (80, 30, 110, 60), "blue": (140, 8, 170, 38)}


def run(*arguments: object, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def sentence(result) -> str:
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    assert result.stdout == ""
    return line


LINES = {
    "several-words": (
        "a.png --words 并 细 什 --draw o.png",
        "a.png -w 并 -w 细 -w 什 --draw o.png",
    ),
    "at-the-end": ("a.png --json --words 并 细", "a.png --json -w 并 -w 细"),
    "once-for-each": ("a.png --words 并 --words 细", "a.png -w 并 -w 细"),
    "order-is-kept": ("a.png --words 1 2 --words 3 4", "a.png -w 1 -w 2 -w 3 -w 4"),
    "equals": ("a.png --words=并 细", "a.png --words=并 -w 细"),
    "commas": ("a.png --words 并,细 什", "a.png -w 并,细 -w 什"),
    "one-word": ("a.png --words 并", "a.png -w 并"),
    "icons": ("a.png --icon 1.png 2.png", "a.png --icon 1.png --icon 2.png"),
    "words-then-icons": ("a.png --words 并 细 --icon 1 2", "a.png -w 并 -w 细 --icon 1 --icon 2"),
    "flag-between": ("a.png --words 并 --json", "a.png -w 并 --json"),
    "value-is-no-word": ("a.png --draw o.png --words 并 细", "a.png --draw o.png -w 并 -w 细"),
    "background-last": ("--words 并 {cli}", "-w 并 {cli}"),
    "background-after-other-option": ("--words 并 --draw o.png a.png", "-w 并 --draw o.png a.png"),
    "background-after-flag": ("--json a.png --words 并 细", "--json a.png -w 并 -w 细"),
    "dash-is-a-word": ("a.png --words - -", "a.png -w - -w -"),
    "nothing": ("", ""),
    "option-without-value": ("a.png --words", "a.png -w"),
}


@pytest.mark.parametrize(("given", "read"), LINES.values(), ids=LINES)
def test_how_a_line_is_read(given, read):
    words = [part.replace("{cli}", __file__) for part in given.split()]
    wanted = [part.replace("{cli}", __file__) for part in read.replace("-w ", "--words ").split()]
    if wanted and wanted[-1] == "-w":
        wanted[-1] = "--words"
    assert spell_out(words, {"--json", "--help"}) == wanted


MIX_UPS = {
    # arguments, part of the sentence
    "background-behind-words": ("--words 并 细 a.png", "细 and a.png both stand where"),
    "only-words": ("--words 并 细", "There is no picture 细; the background goes before --words"),
    "word-behind-other-option": ("a.png --words 并 --draw o 细", "a.png and 细 both stand where"),
    "words-without-option": ("a.png 并 细", "a.png and 并 are two backgrounds"),
    "two-backgrounds": ("a.png b.png --words 并", "a.png and b.png both stand where"),
    "behind-dashes": ("a.png --words 并 -- 细", "a.png and 细 both stand where"),
}


@pytest.mark.parametrize(("given", "part"), MIX_UPS.values(), ids=MIX_UPS)
def test_mix_ups_are_one_sentence(given, part):
    with pytest.raises(UsageError) as raised:
        spell_out(given.split(), {"--json"})
    assert part in str(raised.value)
    result = run("solve", *given.split())
    assert part in sentence(result)
    assert result.exit_code == 2


def test_help_still_answers():
    assert run("solve", "--help").exit_code == 0
    assert run("solve", "a.png", "--words", "并", "细", "--help").exit_code == 0


def test_the_line_of_the_readme(tmp_path, python):
    puzzles = ROOT / "benchmarks" / "puzzles" / "text-words"
    puzzle = read_puzzles(puzzles).find("text-words-00001")
    drawn = tmp_path / "out.png"
    command = ("solve", puzzles / puzzle.background, "--words", *puzzle.words, "--draw", drawn)
    environment = {**os.environ, "CLICKORDER_BACKEND": "ddddocr"}
    done = python.run(python.command, *command, environment=environment)
    verdict, *clicks = done.stdout.splitlines()
    assert verdict.startswith("Solved: ")
    assert [line.split()[1] for line in clicks] == list(puzzle.words)
    with Image.open(drawn) as picture:
        assert picture.size[0] > 100


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colours")
    image = Image.new("RGB", (200, 80), "white")
    for colour, box in BOXES.items():
        image.paste(COLOURS[colour], box)
        Image.new("RGB", (30, 30), COLOURS[colour]).save(folder / f"{colour}.png")
    image.save(folder / "scene.png")
    return folder / "scene.png"


def test_through_a_service(picture, colours_url, tmp_path):
    drawn = tmp_path / "out.png"
    asked = ["solve", picture, "--words", "blue", "red", "--url", colours_url]
    result = run(*asked, "--draw", drawn)
    assert result.exit_code == 0, result.stderr
    verdict, *clicks = result.stdout.splitlines()
    assert verdict.startswith("Solved: confidence ")
    assert [line.split()[1:4] for line in clicks] == [
        ["blue", "x=155", "y=23"],
        ["red", "x=35", "y=27"],
    ]
    with Image.open(drawn) as image, Image.open(picture) as scene:
        assert image.size == (400, 160)
        changed = ImageChops.difference(image.convert("RGB"), scene.resize(image.size)).getbbox()
    assert changed is not None, "nothing is drawn"
    assert changed[0] < 2 * BOXES["red"][2]
    assert changed[2] > 2 * BOXES["blue"][0]
    body = json.loads(run(*asked, "--json").stdout)
    assert [tuple(click["box"]) for click in body["clicks"]] == [BOXES["blue"], BOXES["red"]]
    assert body["models"] == {"detector": "blobs 1.0", "classifier": "colours 1.0"}
    assert "drawing" not in body


def test_every_prompt_through_a_service(picture, colours_url):
    icons = [picture.with_name(f"{colour}.png") for colour in ("green", "red")]
    for prompt in (
        ["--icon", *icons],
        ["--words", "green,red"],
        ["--region", "0,0,70,80"],
        ["--image", icons[0]],
    ):
        result = run("solve", picture, *prompt, "--url", colours_url, "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["clicks"]


def test_a_puzzle_through_a_service(picture, colours_url):
    with PuzzleWriter(picture.parent) as writer:
        targets = (BOXES["green"], BOXES["blue"])
        words = ("green", "blue")
        writer.write(Puzzle("p1", "scene.png", {"words": words}, words, targets, family="colours"))
    result = run("solve", "--puzzle", f"{picture.parent}:p1", "--url", colours_url)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "Right."


def test_the_key_for_a_service(picture, serve, monkeypatch):
    key = new_key()
    monkeypatch.delenv("CLICKORDER_API_KEY", raising=False)
    with serve(Settings(keys=(KeyEntry(name="qa", hash=hash_of(key)),))) as url:
        asked = ["solve", picture, "--words", "red", "--url", url]
        refused = run(*asked)
        assert refused.exit_code == 1
        assert "key" in sentence(refused)
        assert run(*asked, "--api-key", key).exit_code == 0
        assert run(*asked, env={"CLICKORDER_API_KEY": key}).exit_code == 0


REFUSED = {
    # arguments behind the picture, exit code, part of the sentence
    "backend": (["--backend", "own", "--url", "{}"], 2, "a service at --url has its own"),
    "key-alone": (["--api-key", "x"], 2, "--api-key is for a service"),
    "site-alone": (["--site", "x"], 2, "--site is for a service"),
    "no-such-model": (["--url", "{}", "--model", "nobody"], 1, "no bundle 'nobody'"),
    "no-url": (["--url", "127.0.0.1:8000"], 1, "is not a URL"),
    "no-key": (["--url", "{}", "--api-key", "a b"], 1, "API key"),
    "unknown-word": (["--url", "{}", "--words", "☃"], 1, "does not know"),
    "no-icon": (["--url", "{}", "--icon", "nowhere.png"], 1, "nowhere.png cannot be read"),
}


@pytest.mark.parametrize(("more", "code", "part"), REFUSED.values(), ids=REFUSED)
def test_refusals_through_a_service(picture, colours_url, more, code, part):
    prompt = [] if {"--words", "--icon"} & set(more) else ["--words", "red"]
    more = [argument.replace("{}", colours_url) for argument in more]
    result = run("solve", picture, *prompt, *more)
    assert part in sentence(result)
    assert result.exit_code == code


def test_no_service_is_one_sentence(picture):
    result = run("solve", picture, "--words", "red", "--url", "http://127.0.0.1:1")
    assert "No service answers at http://127.0.0.1:1" in sentence(result)
    assert result.exit_code == 1


def test_a_picture_that_is_not_there_costs_no_connection(colours_url):
    result = run("solve", "nowhere.png", "--words", "red", "--url", colours_url)
    assert "nowhere.png cannot be read" in sentence(result)


@pytest.mark.parametrize("number", ["text-words-00007", "00007", "7", "0007"])
def test_a_puzzle_is_named_by_its_number_too(number: str) -> None:
    puzzles = Path(__file__).resolve().parents[3] / "benchmarks" / "puzzles" / "text-words"
    assert Question.of_puzzle(f"{puzzles}:{number}").background == "text-words-00007.jpg"


def test_a_number_that_no_puzzle_has() -> None:
    puzzles = Path(__file__).resolve().parents[3] / "benchmarks" / "puzzles" / "text-words"
    with pytest.raises(PuzzleSetError, match="99999"):
        Question.of_puzzle(f"{puzzles}:99999")
