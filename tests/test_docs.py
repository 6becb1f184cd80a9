"""The documents agree with the code: settings, error codes, commands, paths and links."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.core import TyperGroup

from clickorder.cli import app as clickorder_app
from labels.puzzle import parse_puzzle
from labels.puzzles import read_puzzles
from service import errors
from service.settings import KeyEntry, Settings
from training.detector.cli import app as detector_app
from training.matcher.cli import classifier_app, siamese_app
from training.names.cli import app as names_app
from training.text.cli import app as text_app

ROOT = Path(__file__).resolve().parents[1]
MOST_README_LINES = 200

FOLDERS = (
    "benchmarks", "classifier", "clickorder", "detector", "docker", "docs", "labels", "modelfile",
    "scripts", "service", "siamese", "tests", "training",
)  # fmt: skip
_FILES = {*ROOT.glob("*.md"), *(page for f in FOLDERS for page in (ROOT / f).rglob("*.md"))}
PAGES = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in sorted(_FILES)}
"""Path from the root to text."""
HISTORY = "CHANGELOG.md"
"""Names what was there at the time."""


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) < MOST_README_LINES


# Links and paths


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: str) -> set[str]:
    prose = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(str(file.relative_to(ROOT))), f"{page} links to {target}"


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
def test_every_path_is_there(page: str) -> None:
    found = re.findall(
        rf"(?<![\w./*-])((?:{'|'.join(FOLDERS)})/[\w./-]*(?:\.(?:py|md|json|proto|onnx|txt)|/))(?![\w{{*/])",
        PAGES[page],
    )
    missing = [path for path in found if not (ROOT / path).exists()]
    assert not missing, f"{page} names {missing}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = re.findall(r"\]\((docs/[\w-]+\.md)", PAGES["README.md"])
    assert set(linked) == {page for page in PAGES if page.startswith("docs/")}


# Settings


def setting_names(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """Name and default, as docs/configuration.md writes them, of every setting, nested ones too."""
    for name, field in model.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            yield from setting_names(type(default), f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", told(default)


def told(default: object) -> str:
    """A default as docs/configuration.md writes it."""
    if default is PydanticUndefined:
        return "required"
    if default in (None, ()):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def rows(page: str) -> list[list[str]]:
    """The cells of all table rows of a page."""
    lines = [line for line in PAGES[page].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def listed_settings(pattern: str) -> list[tuple[str, str]]:
    """Name and default of the settings in docs/configuration.md whose name fits."""
    return [
        (row[0].strip("`"), re.sub(r" \(.*\)$", "", row[1]))
        for row in rows("docs/configuration.md")
        if len(row) == 3 and re.fullmatch(pattern, row[0])
    ]


def test_every_setting_is_listed_with_its_default() -> None:
    listed = listed_settings(r"`CLICKORDER_\w+`")
    assert sorted(listed) == sorted(setting_names(Settings, "CLICKORDER_"))


def test_every_field_of_a_key_is_listed_with_its_default() -> None:
    listed = listed_settings(r"`keys\[\]\.\w+`")
    fields = KeyEntry.model_fields.items()
    assert sorted(listed) == sorted((f"keys[].{name}", told(f.default)) for name, f in fields)


def test_settings_of_other_pages_exist() -> None:
    known = {name for name, _ in setting_names(Settings, "CLICKORDER_")}
    others = {row[0].strip("`") for row in rows("docs/configuration.md") if len(row) == 2}
    others |= {"CLICKORDER_FUZZ_ROUNDS", "CLICKORDER_FUZZ_EXAMPLES"}  # of the tests
    for page, text in PAGES.items():
        named = set(re.findall(r"\bCLICKORDER_[A-Z_]*[A-Z]\b", text))
        assert named <= known | others, page


def test_the_settings_file_shown_can_be_used(tmp_path: Path, monkeypatch) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGES["docs/configuration.md"], re.DOTALL)
    (tmp_path / "clickorder.toml").write_text(shown, encoding="utf-8")
    monkeypatch.setenv("CLICKORDER_SETTINGS", str(tmp_path / "clickorder.toml"))
    settings = Settings()
    wanted = tomllib.loads(shown)
    assert settings.model_dump(include={"port", "min_confidence"}) == {
        name: wanted[name] for name in ("port", "min_confidence")
    }
    assert settings.limits.body_bytes == wanted["limits"]["body_bytes"]
    assert [key.name for key in settings.keys] == [key["name"] for key in wanted["keys"]]


# Errors


def test_every_error_code_is_listed_with_its_status() -> None:
    listed = {
        (code, status)
        for row in rows("docs/http-api.md")
        if re.match(r"\d{3}", row[0])
        for code in re.findall(r"`([a-z_0-9]+)`", row[-1])
        for status in re.findall(r"\d{3}", row[0])
    }
    defined = {
        (kind.code, str(kind.status))
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ServiceError)
    }
    assert defined <= listed


# Puzzle sets


def test_the_puzzle_shown_is_one_of_the_benchmark() -> None:
    (line,) = re.findall(r"```json\n(.*?)```", PAGES["docs/generator.md"], re.DOTALL)
    shown = parse_puzzle(line)
    kept = read_puzzles(ROOT / "benchmarks" / "puzzles" / shown.family).find(shown.id)
    assert replace(shown, meta=kept.meta) == kept
    assert shown.meta.items() <= kept.meta.items()


# Commands


COMMANDS = {
    name: typer.main.get_command(app)
    for name, app in {
        "clickorder": clickorder_app,
        "train-detector": detector_app,
        "train-siamese": siamese_app,
        "train-classifier": classifier_app,
        "train-names": names_app,
        "train-text": text_app,
    }.items()
}


def shown_commands(text: str) -> Iterator[str]:
    """The lines of shell blocks, continued ones joined, and code within sentences."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose))


def calls(line: str) -> Iterator[list[str]]:
    """The calls of our commands in a line of shell, each as its words."""
    for part in re.split(r"&&|\|\||[;|()]", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:  # No shell, but a word in a sentence with an apostrophe.
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and words[0].removeprefix(".venv/bin/") in COMMANDS:
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def check_call(words: list[str]) -> None:
    """Whether there is such a command, with all of these options."""
    name, *rest = words
    command = COMMANDS[name]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"{' '.join(words)}: there is no {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {"--help"} | {
        option for one in command.params for option in (*one.opts, *one.secondary_opts)
    }
    given = {word.partition("=")[0] for word in rest if word.startswith("--")}
    assert given <= known, f"{' '.join(words)}: there is no {sorted(given - known)}"


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
def test_every_command_shown_is_there(page: str) -> None:
    for line in shown_commands(PAGES[page]):
        for words in calls(line):
            check_call(words)


@pytest.mark.parametrize("page", PAGES)
def test_every_benchmark_and_extra_shown_is_there(page: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for line in shown_commands(PAGES[page]):
        for module in re.findall(r"python -m (benchmarks\.\w+)", line):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), f"{page}: {line}"
        for extra in re.findall(r"-e \"\.\[(\w+)\]\"", line):
            assert extra in extras, f"{page}: {line}"


FAULTY = {
    "command": "clickorder slove a.png",
    "command of a group": "clickorder labels relabel a",
    "option": "clickorder solve a.png --wrods a",
    "option of a trainer": "train-detector data --nothing 3",
    "behind a variable": "CLICKORDER_PORT=1 clickorder serve --prot 3",
    "after another": "clickorder serve && clickorder keys old",
}


@pytest.mark.parametrize("line", FAULTY.values(), ids=FAULTY)
def test_a_faulty_command_is_found(line: str) -> None:
    *_, last = calls(line)
    with pytest.raises(AssertionError, match="there is no"):
        check_call(last)
