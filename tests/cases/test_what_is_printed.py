"""Presets, shared label files, what is printed, names in YAML."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from classifier.charsets import PRESETS, characters_of
from classifier.errors import CharacterSetError
from labels.check import check_folder
from labels.console import cell, say, show
from training.detector.data import DetectionDataError, read_detection_data
from training.text.settings import settings_of

ROOT = Path(__file__).resolve().parents[2]


class TestPresets:
    @pytest.mark.parametrize(
        ("choice", "meant"),
        [
            ("NUMERIC", "numeric"),
            ("digits", "numeric"),
            ("Digits", "numeric"),
            ("numeirc", "numeric"),
            ("numeric+uper", "numeric+upper"),
            ("0-9", "numeric"),
            ("[0-9]", "numeric"),
            ("a-z", "lower"),
            ("A-Za-z0-9", "alphanumeric"),
            (r"\d", "numeric"),
            ("0-7", "01234567"),
            ("ALPHANUMERIC_LOWER", "numeric+lower"),
            ("alphanumerical", "alphanumeric"),
            ("common_chinese", "common-chinese"),
            ("ARITHMETIC", "0123456789"),
        ],
    )
    def test_what_is_no_preset_is_refused_with_what_was_meant(self, choice, meant):
        with pytest.raises(CharacterSetError, match="did you mean") as caught:
            characters_of(choice)
        assert meant in str(caught.value)

    @pytest.mark.parametrize(
        "choice",
        [
            "0123456789", "0123456789+-", "0123456789+-*/=", "abcdef", "-09", "9-0", "ABCDEFGH",
            "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "0O1lI", "的是在", "hello", "abc-", "+",
        ],
    )  # fmt: skip
    def test_characters_are_taken_as_they_are(self, choice):
        assert characters_of(choice) == "".join(dict.fromkeys(choice))

    def test_on_the_command_line(self, tmp_path, run, shape):
        shape(1).save(tmp_path / "x.png")
        result = run("text", "read", tmp_path / "x.png", "--charset", "NUMERIC")
        assert result.exit_code != 0
        assert "did you mean numeric?" in result.stderr
        result = run("text", "read", tmp_path / "x.png", "--charset", "numeric")
        assert "Characters in use: 0123456789" in result.stderr

    def test_in_the_yaml_of_a_training(self):
        with pytest.raises(CharacterSetError, match="did you mean numeric"):
            settings_of({"charset": "NUMERIC", "synthetic": "captcha"}).characters()

    def test_over_http_no_file_is_opened(self):
        assert set(characters_of("chars.txt", files=False)) == set("chars.txt")
        assert all(characters_of(name, files=False) for name in PRESETS)


class TestSharedLabels:
    @pytest.fixture
    def twins(self, tmp_path, shape):
        shape(1).save(tmp_path / "a.jpg")
        shape(2).save(tmp_path / "a.png")
        shape(3).save(tmp_path / "b.png")
        for name in ("a", "b"):
            (tmp_path / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
        (tmp_path / "classes.txt").write_text("char\n")
        return tmp_path

    def test_check(self, twins, run, tree):
        before = tree(twins)
        result = run("labels", "check", twins, "--fix")
        assert result.exit_code == 1
        assert "a.jpg would share a label file with a.png; rename one of the two." in result.output
        assert tree(twins) == before
        assert [p.path.name for p in check_folder(twins).annotations.pictures] == ["b.png"]

    def test_split(self, twins, run):
        result = run("labels", "split", twins)
        assert "a.png" not in (twins / "split.json").read_text()
        assert "faults; see" in result.output

    def test_train_detector(self, twins):
        with pytest.raises(DetectionDataError, match="would share a label file"):
            read_detection_data([twins])


def written(encoding: str) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace")
    return Console(file=stream, width=200), raw


NAMES = ("[/arrow]", "[red]", "a[0]", ":smile:", "[link=x]y[/link]", "狮子", "é", "\\[b]")


class TestPrinting:
    @pytest.mark.parametrize("name", NAMES)
    def test_names_are_printed_as_they_are(self, name):
        from rich.table import Table

        console, raw = written("utf-8")
        say(console, f"The class {name} is empty.")
        table = Table("class")
        table.add_row(cell(name))
        show(console, table)
        console.file.flush()
        text = raw.getvalue().decode()
        assert f"The class {name} is empty." in text
        assert text.count(name) == 2

    def test_a_check_of_such_classes(self, tmp_path, run, shape):
        folder = tmp_path / "[bold]x :cat:"
        folder.mkdir()
        for number in range(len(NAMES)):
            shape(number).save(folder / f"{number}.png")
            (folder / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.2 0.2\n")
        (folder / "classes.txt").write_text("\n".join(NAMES) + "\n", "utf-8")
        result = run("labels", "check", folder)
        assert result.exit_code == 1
        assert str(folder) in result.output
        for name in NAMES:
            assert name in result.output

    @pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii"])
    def test_a_terminal_of_another_encoding_ends_no_command(self, tmp_path, shape, encoding):
        folder = tmp_path / "d"
        for number, name in enumerate(("狮子", "éß", "ひらがな😀")):
            (folder / name).mkdir(parents=True)
            shape(number).save(folder / name / "1.png")
        done = subprocess.run(
            [sys.executable, "-m", "clickorder", "labels", "check", str(folder)],
            cwd=ROOT,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode == 1
        assert b"single-picture" in done.stdout


class TestYamlNames:
    @pytest.mark.parametrize(
        "names",
        [
            '[no, 010, 1.10, "null", yes, 1e3]',
            "{0: no, 1: 010, 2: 1.10, 3: 'null', 4: yes, 5: 1e3}",
        ],
        ids=["list", "numbered"],
    )
    def test_names_stay_text(self, tmp_path, shape, names):
        for folder in ("images", "labels"):
            (tmp_path / folder / "train").mkdir(parents=True)
        for number in range(6):
            shape(number).save(tmp_path / "images" / "train" / f"{number}.png")
            text = f"{number} 0.5 0.5 0.2 0.2\n"
            (tmp_path / "labels" / "train" / f"{number}.txt").write_text(text)
        (tmp_path / "data.yaml").write_text(
            f"train: images/train\nval: images/train\nnames: {names}\n"
        )
        data = read_detection_data([tmp_path / "data.yaml"], classes="keep")
        assert data.classes == ("no", "010", "1.10", "null", "yes", "1e3")


def test_json_output_says_what_was_changed(tmp_path, run, shape):
    for number in range(2):
        shape(number).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    result = run("labels", "check", tmp_path, "--fix", "--json", "-")
    found = json.loads(result.stdout)
    assert [change["lines"] for change in found["changes"]] == [[2], [2]]
