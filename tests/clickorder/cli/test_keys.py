"""`clickorder keys`: the settings file is changed whole or not at all, and nothing else in it."""

import os
import random
import re
import signal
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from clickorder.cli import app
from clickorder.errors import CommandError
from clickorder.key_file import KeyFile
from service.security.keys import Keys, hash_of
from service.settings import load_settings

HASH = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.startswith("CLICKORDER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "clickorder.toml"


def run(*arguments):
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


def refusal(result):
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: ")
    return line


def test_a_new_key_is_printed_once_and_works(file):
    result = run("new", "qa")
    assert result.exit_code == 0
    key = result.stdout.removesuffix("\n")
    assert re.fullmatch(r"co_[A-Za-z0-9_-]{43}", key)
    assert "SIGHUP" in result.stderr
    assert key not in result.stderr
    assert key[3:] not in file.read_text()
    assert Keys(load_settings(settings=file)).find(key).name == "qa"


def test_options_and_the_list(file):
    key = run("new", "boss", "--admin", "--rate", "9", "--concurrency", "2").stdout.strip()
    run("new", "other.one")
    found = Keys(load_settings(settings=file)).find(key)
    assert (found.admin, found.rate_per_minute, found.concurrency) == (True, 9, 2)
    assert run("list").stdout.splitlines() == [
        "boss       9/min  2 at once  admin",
        "other.one  600/min  8 at once",
    ]
    file.write_text(file.read_text() + "[key_defaults]\nrate_per_minute = 5\n")
    assert "other.one  5/min" in run("list").stdout


def test_a_removed_key_is_gone_and_the_rest_is_not(file):
    keys = {name: run("new", name).stdout.strip() for name in "abc"}
    assert run("remove", "b").exit_code == 0
    found = Keys(load_settings(settings=file))
    assert [found.find(key) is not None for key in keys.values()] == [True, False, True]
    for name in "ac":
        assert run("remove", name).exit_code == 0
    assert load_settings(settings=file).keys == ()
    assert "no keys" in run("list").stderr


def test_the_environment_names_the_file(tmp_path, monkeypatch, file):
    other = tmp_path / "other.toml"
    monkeypatch.setenv("CLICKORDER_SETTINGS", str(other))
    # What else is wrong in the environment is not the file's fault.
    monkeypatch.setenv("CLICKORDER_PORT", "http")
    assert run("new", "a").exit_code == 0
    assert run("list").stdout.startswith("a ")
    assert other.exists()
    assert not file.exists()


FILES = {
    "empty": "",
    "comment": "# mine",
    "no-end": "port = 1 # one",
    "crlf": "port = 1 # one\r\n\r\n[log] # two\r\nlevel = 'info'\r\n",
    "ends-in-a-table": "# one\n[limits]   # two\nqueue=5\n\n# three\n",
    "keys-in-the-middle": f"# one\n[[keys]] # two\nname = 'old'  # three\nhash = '{HASH}'\n\n"
    "[limits] # four\nqueue = 5\n",
    "keys-apart": f"[[keys]]\nname='old'\nhash='{HASH}'\n[log] # one\nlevel='info'\n[[keys]]\n"
    f"name='older' # two\nhash='{HASH.replace('0', '1')}'\n",
    "strings": 'allowed_hosts = [\n  "a", # one\n  "b",\n]\n[log]\nlevel = """info"""\n',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_what_else_is_in_the_file_stays(file, content):
    file.write_bytes(content.encode())
    before = tomllib.loads(content)
    assert run("new", "fresh", "--rate", "7").exit_code == 0
    assert file.read_bytes().startswith(content.encode()), "nothing but appended"
    after = tomllib.loads(file.read_bytes().decode())
    fresh = after["keys"].pop()
    assert (fresh["name"], fresh["rate_per_minute"]) == ("fresh", 7)
    assert after == {"keys": []} | before
    assert run("remove", "fresh").exit_code == 0
    assert tomllib.loads(file.read_bytes().decode()) == before
    for comment in re.findall(r"# \w+", content):
        assert comment in file.read_text()


@pytest.mark.parametrize("name", ["", "a b", "é", 'a"', "a\n", "x" * 65, "a/b"], ids=repr)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_made(file, name):
    assert "cannot be the name of a key" in refusal(run("new", name))
    assert not file.exists()


REFUSED = {
    "taken": (f'[[keys]]\nname = "a"\nhash = "{HASH}"\n', ("new", "a"), "name a already"),
    "inline": (f'keys = [{{name = "b", hash = "{HASH}"}}]\n', ("new", "a"), "as [[keys]] tables"),
    "not-toml": ("port =\n", ("new", "a"), "is not TOML"),
    "wrong": ("prot = 1\n", ("new", "a"), "`prot` is not a setting"),
    "wrong-list": ("prot = 1\n", ("list",), "`prot` is not a setting"),
    "unknown": (f'[[keys]]\nname = "b"\nhash = "{HASH}"\n', ("remove", "a"), "it has b."),
    "none": ("port = 1\n", ("remove", "a"), "it has none."),
}


@pytest.mark.parametrize(("content", "command", "piece"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_a_sentence_and_changes_nothing(file, content, command, piece):
    file.write_text(content)
    line = refusal(run(*command))
    assert piece in line
    assert "clickorder.toml" in line
    assert file.read_text() == content
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("command", [("list",), ("remove", "a")])
def test_a_file_that_is_not_there_is_a_sentence(command):
    assert "cannot be read" in refusal(run(*command))


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    assert "cannot be read or written" in refusal(
        run("new", "a", "--settings", tmp_path / "no" / "file.toml")
    )


def test_mode_and_link_stay(tmp_path, file):
    real = tmp_path / "real.toml"
    real.write_text("port = 1\n")
    real.chmod(0o640)
    file.symlink_to(real)
    assert run("new", "a").exit_code == 0
    assert file.is_symlink()
    assert "[[keys]]" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_many_at_once_lose_none(file):
    with ThreadPoolExecutor(8) as pool:
        names = [f"k{i}" for i in range(24)]
        list(pool.map(lambda name: KeyFile(file).add(name, f"co_{name}"), names))
    assert sorted(key.name for key in load_settings(settings=file).keys) == sorted(names)
    with pytest.raises(CommandError):
        KeyFile(file).add("k3", "co_new")


WRITER = """
import sys
from pathlib import Path
from clickorder.key_file import KeyFile
from service.settings import load_settings

file = KeyFile(Path(sys.argv[1]))
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    file.add(f"k{number}", f"co_{number}")
    print(number, flush=True)
    number += 1
"""


def test_a_kill_leaves_the_file_whole_and_what_was_told_in_it(file, python):
    file.write_text("# mine\nport = 9000\n")
    chance = random.Random(5)
    told: set[int] = set()
    known = 0
    for _ in range(6):
        with python.start(WRITER, file, known) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.05, 0.3))
            writer.send_signal(signal.SIGKILL)
            told |= {int(line) for line in writer.stdout.read().splitlines()}
        settings = load_settings(settings=file)
        assert settings.port == 9000
        assert file.read_text().startswith("# mine\n")
        known = len(settings.keys)
        assert [key.name for key in settings.keys] == [f"k{i}" for i in range(known)]
        assert [key.hash for key in settings.keys] == [hash_of(f"co_{i}") for i in range(known)]
        assert told <= set(range(known))
    assert len(told) > 5, "nothing was written between the kills"
