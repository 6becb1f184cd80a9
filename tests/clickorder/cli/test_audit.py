"""`clickorder audit` as it is typed: real models on three puzzles, and every refusal a sentence."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clickorder.cli import app

ROOT = Path(__file__).resolve().parents[3]
SET = ROOT / "benchmarks" / "puzzles" / "text-words"

CHECKS = """
def accept(puzzle, clicks):
    return len(clicks) == len(puzzle["targets"])

def broken(puzzle, clicks):
    raise KeyError("session")

number = 3
"""


def run(*arguments: object):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def sentence(result) -> str:
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An audit of three puzzles with a check that lets every click pass, and a bound for CI."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "owner_checks.py").write_text(CHECKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = run(SET, "--quick", "--limit", 3, "--out", folder / "out", "--fail-above", 0.2,
                     "--accept", "owner_checks:accept")  # fmt: skip
        yield folder, result
    sys.modules.pop("owner_checks", None)


def test_a_set_that_is_solved_too_often_ends_with_1(folder):
    _, result = folder
    assert result.exit_code == 1
    assert "more than 20 % (--fail-above)" in result.stderr
    assert result.stdout.startswith("Grade E: no obstacle to a machine\n")
    assert "Clicks far from the item pass" in result.stdout


def test_what_it_leaves(folder):
    out = folder[0] / "out"
    assert {file.name for file in out.iterdir()} == {
        "answers.jsonl", "audit.json", "report.html", "report.zh.html",
    }  # fmt: skip
    result = json.loads((out / "audit.json").read_text("utf-8"))
    assert result["overall"]["n"] == 3
    assert result["models"]["detector"].startswith("clickorder-detector")
    assert {f["check"] for f in result["findings"] if f["fault"]} >= {"one_sided"}
    assert result["attack"]["cpu_seconds"] > 0


def test_the_same_command_goes_on_and_a_bound_that_is_kept_ends_with_0(folder):
    folder, _ = folder
    answers = (folder / "out" / "answers.jsonl").read_bytes()
    result = run(SET, "--quick", "--limit", 3, "--out", folder / "out", "--fail-above", 1)
    assert result.exit_code == 0
    assert (folder / "out" / "answers.jsonl").read_bytes() == answers


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(["nowhere"], 2, "not a puzzle set", id="no-folder"),
        pytest.param([SET, "--accept", "owner_checks"], 2, "names no function", id="no-colon"),
        pytest.param([SET, "--accept", "absent:accept"], 2, "no module 'absent'", id="no-module"),
        pytest.param([SET, "--accept", "owner_checks:absent"], 2, "no function 'absent'",
                     id="no-function"),
        pytest.param([SET, "--accept", "owner_checks:number"], 2, "no function 'number'",
                     id="not-callable"),
        pytest.param([SET, "--accept", "owner_checks:broken"], 1, "raised KeyError",
                     id="it-raises"),
    ],
)  # fmt: skip
def test_refusals(folder, arguments, code, told):
    folder, _ = folder
    result = run(*arguments, "--quick", "--limit", 2, "--out", folder / "refused")
    assert result.exit_code == code
    assert told in sentence(result)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([], "either a SET or --generator", id="nothing"),
        pytest.param([SET, "--generator", "a:b"], "either a SET or --generator", id="both"),
        pytest.param(
            ["people", SET, "--ray"], "--ray solves the puzzles of a SET", id="ray-people"
        ),
        pytest.param(
            ["--generator", "a:b", "--ray"], "--ray solves the puzzles of a SET", id="ray-generator"
        ),
        pytest.param(["people", "nowhere"], "not a puzzle set", id="people-without-puzzles"),
        pytest.param(["--generator", "absent:draw"], "no module 'absent'", id="no-generator"),
        pytest.param(["--generator", "json:dumps"], "has no SETTINGS", id="no-settings"),
    ],
)
def test_refusals_beside_those_of_a_set(arguments, told):
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in sentence(result)


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        pytest.param("sklearn", ["--quick"], ".[audit]", id="scikit-learn"),
        pytest.param("torch", [], ".[train]", id="torch"),
    ],
)
def test_a_missing_package_is_told_with_what_installs_it(
    tmp_path, monkeypatch, module, arguments, extra
):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == module else find(name)
    )
    result = run(SET, "--limit", 2, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 1
    assert f'pip install -e "{extra}"' in sentence(result)


def test_help_explains_itself(python):
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom clickorder.cli import app\n"
        "result = CliRunner().invoke(app, ['audit', '--help'])\n"
        "assert result.exit_code == 0\nprint('--fail-above' in result.stdout)\n"
    )
    done = python.run(code)
    assert done.stdout.strip() == "True", done.stderr
