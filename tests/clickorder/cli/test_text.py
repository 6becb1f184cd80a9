"""`clickorder text` with real files and a real model."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app

COMMANDS = ("check", "split", "labels", "test", "read", "to-ddddocr")


def run(*arguments):
    return CliRunner().invoke(app, ["text", *map(str, arguments)])


def sentence(result):
    """The one sentence of a refusal; a traceback or a second line would fail here."""
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    return line


@pytest.fixture
def folder(tmp_path, stripes):
    """Twenty pictures, each of another text."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(20):
        label = "0Oab"[number % 4] + "01ab"[number // 4 % 4] + "0b"[number // 16]
        Image.fromarray(stripes.picture("  ".join(label))).save(folder / f"{label}_{number}.png")
    return folder


@pytest.fixture
def model(tmp_path, stripes):
    return stripes.model(tmp_path / "model.onnx")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"clickorder text {command}" in " ".join(result.stdout.split())


def test_check_fix_and_json(folder, tmp_path, stripes):
    assert run("check", folder, "--charset", "alphanumeric", "--size", "16x8").exit_code == 0
    (folder / "broken_1.png").write_bytes(b"no picture")
    Image.fromarray(stripes.picture("1")).save(folder / "nolabel.png")
    result = run("check", folder, "--charset", "0Oab", "--size", "9X9", "--json", "-")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["fault_counts"] == {
        "unreadable-picture": 1, "wrong-size": 21, "missing-label": 1, "unknown-character": 4,
    }  # fmt: skip
    assert "broken_1.png cannot be read" in result.stderr
    result = run("check", folder, "--fix", "--json", tmp_path / "faults.json")
    assert result.exit_code == 1
    assert "1 files moved to quarantine" in result.stdout
    assert "--also missing-label" in result.stdout
    assert json.loads((tmp_path / "faults.json").read_text())["moved"] == 1
    result = run("check", folder, "--fix", "--also", "missing-label")
    assert result.exit_code == 0
    assert result.stdout.endswith("No faults.\n")
    assert (folder / "quarantine" / "nolabel.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["check", "gone"], "gone is no folder", id="folder"),
        pytest.param(["check", ".", "--also", "wrong-size"], "give both", id="also"),
        pytest.param(["check", ".", "--size", "wide"], "write it as 160x60", id="size"),
    ],
)
def test_what_cannot_be_checked(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in sentence(result)


def test_split_keeps_what_was_decided(folder):
    result = run("split", folder, "--test", "0.2", "--validation", "0.1")
    assert result.exit_code == 0, result.stderr
    assert "20 pictures are new" in result.stdout
    before = json.loads((folder / "split.json").read_text())["pictures"]
    parts = [entry["part"] for entry in before.values()]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [14, 2, 4]
    Image.new("RGB", (9, 9), "red").save(folder / "new_1.png")
    result = run("split", folder)
    assert "1 pictures are new" in result.stdout
    after = json.loads((folder / "split.json").read_text())["pictures"]
    assert before.items() <= after.items()
    assert set(after) - set(before) == {"new_1.png"}


def test_labels_suggests_a_charset_and_overwrites_nothing(folder, tmp_path):
    out = tmp_path / "charset.txt"
    result = run("labels", folder, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "20 labels, 5 characters; by length: 20 of 3." in result.stdout
    assert "--charset alphanumeric has them all (62 characters)." in result.stdout
    assert out.read_text() == "01Oab\n"
    assert run("labels", folder, "--out", out).exit_code == 0
    out.write_text("mine")
    result = run("labels", folder, "--out", out)
    assert "holds something else" in sentence(result)
    assert out.read_text() == "mine"


def test_test_says_how_well(folder, model, tmp_path, stripes):
    sheet, numbers = tmp_path / "worst.png", tmp_path / "result.json"
    result = run("test", folder, "--model", model, "--sheet", sheet, "--json", numbers)
    assert result.exit_code == 0, result.stderr
    assert "100.00% (20 of 20;" in result.stdout
    assert "Confusions" not in result.stdout
    Image.fromarray(stripes.picture("O  O")).save(folder / "00_wrong.png")
    result = run("test", folder, "--model", model, "--json", "-")
    found = json.loads(result.stdout)
    assert found["model"] == "stripes 0.1"
    assert (found["pictures"]["right"], found["pictures"]["total"]) == (20, 21)
    assert found["confusions"] == [{"truth": "0", "read": "O", "count": 2}]
    assert found["milliseconds"]["median"] > 0
    # What is told goes elsewhere.
    assert "95 %" in result.stderr
    restricted = run("test", folder, "--model", model, "--charset", "0ab", "--json", "-")
    readings = {entry["file"]: entry for entry in json.loads(restricted.stdout)["readings"]}
    assert readings[str(folder / "00_wrong.png")]["text"] == "00"
    with Image.open(sheet) as drawn:
        assert drawn.format == "PNG"
    assert json.loads(numbers.read_text())["characters"]["total"] == 60


def test_test_of_one_part(folder, model):
    assert "no labelled picture" in sentence(
        run("test", folder, "--model", model, "--part", "test")
    )
    run("split", folder, "--test", "0.25")
    result = run("test", folder, "--model", model, "--part", "test", "--json", "-")
    assert json.loads(result.stdout)["pictures"]["total"] == 5
    refused = run("test", folder, "--model", model, "--sheet", "worst.jpg")
    assert refused.exit_code == 2
    assert "is no .png" in sentence(refused)


def test_read(folder, model, tmp_path):
    files = sorted(folder.iterdir())[:2]
    result = run("read", *files, "--model", model)
    assert result.exit_code == 0, result.stderr
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines] == [[str(f), f.name.partition("_")[0]] for f in files]
    assert all(float(line[2]) > 0.99 for line in lines)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    result = run(
        "read", broken, files[0], "--model", model, "--charset", "ab", "--length", 2, "--json"
    )
    assert result.exit_code == 1
    assert f"{broken} cannot be read" in result.stderr
    (answer,) = map(json.loads, result.stdout.splitlines())
    assert len(answer["text"]) == 2
    assert set(answer["text"]) <= set("ab")
    assert [entry["char"] for entry in answer["characters"]] == list(answer["text"])


def test_read_of_one_colour(tmp_path, stripes):
    model = stripes.model(tmp_path / "colours.onnx", options={"colours": 1})
    picture = stripes.picture("")
    picture[:, 3], picture[:, 7] = (171, 0, 0), (0, 174, 0)
    file = tmp_path / "two.png"
    Image.fromarray(picture).save(file)
    texts = [
        run("read", file, "--model", model, *options).stdout.split("\t")[1]
        for options in ([], ["--color", "#ab0000"], ["--colour", "#00ae00"])
    ]
    assert texts == ["O1", "O", "1"]
    assert "'octarine' is not known" in sentence(
        run("read", file, "--model", model, "--color", "octarine")
    )


def test_models_that_cannot_be_used(folder, tmp_path, stripes):
    assert "does not exist" in sentence(run("read", "x.png", "--model", tmp_path / "gone.onnx"))
    fixed = stripes.model(tmp_path / "fixed.onnx", decoding="fixed")
    result = run("to-ddddocr", fixed)
    assert result.exit_code == 1
    assert "--head ctc" in sentence(result)


def test_to_ddddocr(model):
    result = run("to-ddddocr", model)
    assert result.exit_code == 0, result.stderr
    content = json.loads(model.with_name("charsets.json").read_text())
    assert content == {"charset": ["", *"0O1ab"], "word": False, "image": [16, 8], "channel": 1}
