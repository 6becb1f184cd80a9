"""Quarantine: nothing is lost, wherever it is interrupted."""

import json
from pathlib import Path

import pytest

from labels import quarantine as module
from labels.errors import LayoutError
from labels.quarantine import Quarantine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("a.png", "a.txt", "deep/b.png", "quarantine.jsonl"):
        (tmp_path / name).write_bytes(f"this is {name}\r\n".encode())
    return tmp_path


def log(folder: Path) -> list[dict[str, str]]:
    text = (folder / "quarantine" / "quarantine.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_files_keep_their_path_and_the_log_says_why(folder: Path) -> None:
    files = [folder / "a.png", folder / "a.txt", folder / "deep" / "b.png"]
    Quarantine(folder).take(files, "unreadable-picture", "a.png is no picture, 猫.")
    assert not any(file.exists() for file in files)
    assert (folder / "quarantine" / "deep" / "b.png").read_bytes() == b"this is deep/b.png\r\n"
    lines = log(folder)
    assert [line["file"] for line in lines] == ["a.png", "a.txt", "deep/b.png"]
    assert lines[2]["quarantine"] == "deep/b.png"
    assert lines[0]["reason"] == "unreadable-picture"
    assert lines[0]["sentence"] == "a.png is no picture, 猫."
    assert lines[0]["action"] == "moved"


def test_names_that_are_taken(folder: Path) -> None:
    quarantine = Quarantine(folder)
    quarantine.take([folder / "a.png"], "x", "x")
    (folder / "a.png").write_text("another")
    quarantine.take([folder / "a.png", folder / "quarantine.jsonl"], "x", "x")
    assert [line["quarantine"] for line in log(folder)] == [
        "a.png",
        "a~2.png",
        "quarantine~2.jsonl",
    ]
    assert (folder / "quarantine" / "a.png").read_text() == "this is a.png\n"
    assert (folder / "quarantine" / "a~2.png").read_text() == "another"


def test_a_mended_file_leaves_a_copy(folder: Path) -> None:
    Quarantine(folder).mend(folder / "a.txt", "good\r\n", "empty-box", "x")
    assert (folder / "a.txt").read_bytes() == b"good\r\n"
    assert (folder / "quarantine" / "a.txt").read_bytes() == b"this is a.txt\r\n"
    assert log(folder)[0]["action"] == "copied"


class Killed(BaseException):
    """Stands for a kill."""


STEPS = range(8)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("deed", ["take", "mend"])
def test_killed_at_any_step_the_rest_is_done_later(
    folder: Path, tmp_path_factory, monkeypatch, snapshot, deed: str, step: int
) -> None:
    def act(where: Path) -> None:
        if deed == "take":
            Quarantine(where).take([where / "a.png", where / "a.txt"], "x", "x")
        else:
            Quarantine(where).mend(where / "a.txt", "good\n", "x", "x")

    whole = tmp_path_factory.mktemp("whole")
    (whole / "deep").mkdir()
    for name, content in snapshot(folder).items():
        (whole / name).write_bytes(content)
    act(whole)

    before, left = snapshot(folder), step

    def counted(function):
        def call(*arguments, **options):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(Path, "mkdir", counted(Path.mkdir))
        patch.setattr(Path, "open", counted(Path.open))
        patch.setattr(module, "write_atomically", counted(module.write_atomically))
        try:
            act(folder)
        except Killed:
            killed = True
        else:
            killed = False
    kept = set(snapshot(folder).values())
    assert set(before.values()) <= kept, "a file is gone"
    if killed and not Quarantine(folder).recover():
        assert {k: v for k, v in snapshot(folder).items() if "quarantine/" not in k} == before
        act(folder)
    strip = "quarantine/quarantine.jsonl"
    now, then = snapshot(folder), snapshot(whole)
    assert now.keys() == then.keys()
    assert {k: v for k, v in now.items() if k != strip} == {
        k: v for k, v in then.items() if k != strip
    }
    assert [line["file"] for line in log(folder)] == [line["file"] for line in log(whole)]
    assert not Quarantine(folder).recover()


def test_what_was_put_back_by_hand_stays(folder: Path) -> None:
    quarantine = Quarantine(folder)
    quarantine.take([folder / "a.png"], "x", "x")
    (folder / "quarantine" / "a.png").rename(folder / "a.png")
    assert not quarantine.recover()
    quarantine.take([folder / "a.txt"], "x", "x")
    assert (folder / "a.png").exists()


def test_half_a_line_in_the_log_spoils_no_other(folder: Path) -> None:
    quarantine = Quarantine(folder)
    quarantine.take([folder / "a.png"], "x", "x")
    with quarantine.log.open("a") as stream:
        stream.write('{"time": "20')
    quarantine.take([folder / "a.txt"], "x", "x")
    lines = quarantine.log.read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[2])["file"] == "a.txt"


@pytest.mark.parametrize("text", ["{", "[]", '{"moves": [{"x": 1}]}'])
def test_a_journal_that_cannot_be_read(folder: Path, text: str) -> None:
    (folder / "quarantine").mkdir()
    (folder / "quarantine" / ".pending.json").write_text(text)
    with pytest.raises(LayoutError, match=r"pending\.json cannot be read"):
        Quarantine(folder).recover()
    assert (folder / "a.png").exists()
