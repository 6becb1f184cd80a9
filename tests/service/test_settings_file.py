"""The settings file: who goes first, and what is said of a file that is wrong."""

import os

import pytest
from pydantic import ValidationError

from service.settings import Settings, load_settings
from service.settings_file import ConfigurationError

HASH = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in [n for n in os.environ if n.startswith("CLICKORDER_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "clickorder.toml"


def test_every_source_gives_what_the_ones_before_it_do_not_say(file, monkeypatch):
    file.write_text(
        'port = 1\nworkers = 3\nbackend = "own"\n'
        "[limits]\nqueue = 5\npixels = 77\n"
        '[log]\nlevel = "debug"\nformat = "console"\n'
        f'[[keys]]\nname = "a"\nhash = "{HASH}"\n'
    )
    monkeypatch.setenv("CLICKORDER_PORT", "2")
    monkeypatch.setenv("CLICKORDER_WORKERS", "4")
    monkeypatch.setenv("CLICKORDER_LIMITS__QUEUE", "6")
    settings = load_settings(settings=file, port=3, log={"level": "error"})
    assert (settings.port, settings.workers, settings.backend, settings.threads) == (3, 4, "own", 1)
    assert (settings.limits.queue, settings.limits.pixels, settings.limits.boxes) == (6, 77, 60)
    assert (settings.log.level, settings.log.format) == ("error", "console")
    assert [key.name for key in settings.keys] == ["a"]
    assert settings.settings == file


def test_the_environment_names_the_file_and_an_argument_another(file, tmp_path, monkeypatch):
    other = tmp_path / "other.toml"
    file.write_text("port = 1\n")
    other.write_text("port = 2\n")
    assert load_settings().port == 8000
    monkeypatch.setenv("CLICKORDER_SETTINGS", str(file))
    assert (load_settings().port, load_settings().settings) == (1, file)
    assert load_settings(settings=other).port == 2


KEY = f'[[keys]]\nname = "a"\nhash = "{HASH}"\n'
# content, pieces of the sentence
WRONG = {
    "unknown": ("prot = 1\n", ["`prot` is not a setting"]),
    "unknown-in-a-table": ("[limits]\nbody_bites = 1\n", ["`limits.body_bites` is not a setting"]),
    "unknown-in-a-key": (KEY + "rate = 1\n", ["`keys[0].rate` is not a setting"]),
    "too-small": ("[limits]\npixels = 0\n", ["`limits.pixels` is not valid", "than or equal to 1"]),
    "kind": ('port = "http"\n', ["`port` is not valid", "integer"]),
    "choice": ('backend = "magic"\n', ["`backend` is not valid", "'own'"]),
    "table-as-a-number": ("limits = 3\n", ["`limits` is not valid"]),
    "key-without-a-name": (f'[[keys]]\nhash = "{HASH}"\n', ["`keys[0].name` is missing"]),
    "key-without-a-hash": ('[[keys]]\nname = "a"\n', ["`keys[0].hash` is missing"]),
    "name": (KEY.replace('"a"', '"a b"'), ["`keys[0].name` is not valid"]),
    "the-key-itself": (
        '[[keys]]\nname = "a"\nhash = "co_secret"\n',
        ["`keys[0].hash` is no hash of a key", "clickorder keys new"],
    ),
    "no-rate": (KEY + "rate_per_minute = 0\n", ["`keys[0].rate_per_minute` is not valid"]),
    "same-name": (KEY + KEY.replace("0", "1"), ["`keys` has two keys of the name a"]),
    "same-hash": (KEY + KEY.replace('"a"', '"b"'), ["`keys` has the same hash twice"]),
    "origin": (
        'cors_origins = ["https://qa.example/"]\n',
        ["`cors_origins` has 'https://qa.example/'", "scheme and host"],
    ),
    "host": (
        'allowed_hosts = ["qa.example:80"]\n',
        ["`allowed_hosts` has 'qa.example:80'", "without scheme and port"],
    ),
    "itself": ('settings = "b.toml"\n', ["`settings` cannot be set in the file"]),
    "not-toml": ("port = \n", ["is not TOML", "line 1"]),
    "not-utf8": ("port = 1 # \xff\n", ["is not TOML"]),
}


@pytest.mark.parametrize(("content", "pieces"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_told_in_one_sentence_with_file_and_key(file, content, pieces):
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(settings=file)
    sentence = str(caught.value)
    assert sentence.startswith(str(file))
    assert sentence.endswith((".", ")"))
    assert "\n" not in sentence
    assert "co_secret" not in sentence
    for piece in pieces:
        assert piece in sentence


@pytest.mark.parametrize("make", [lambda file: None, lambda file: file.mkdir()], ids=["no", "dir"])
def test_a_file_that_cannot_be_read_is_no_empty_file(file, make):
    make(file)
    with pytest.raises(ConfigurationError, match=r"clickorder\.toml cannot be read"):
        load_settings(settings=file)


@pytest.mark.parametrize(
    ("variable", "value", "piece"),
    [
        ("CLICKORDER_LIMITS__PIXELS", "0", "CLICKORDER_LIMITS__PIXELS is not valid"),
        ("CLICKORDER_PORT", "http", "CLICKORDER_PORT is not valid"),
        ("CLICKORDER_LIMITS__BITES", "1", "CLICKORDER_LIMITS__BITES is not a setting"),
        ("CLICKORDER_KEYS", "a", "written as JSON"),
        ("CLICKORDER_KEYS", '[{"name": "a"}]', "CLICKORDER_KEYS__0__HASH is missing"),
    ],
)
@pytest.mark.parametrize("with_file", [True, False], ids=["file", "no-file"])
def test_a_wrong_variable_is_not_blamed_on_the_file(
    file, monkeypatch, variable, value, piece, with_file
):
    file.write_text("port = 1\n[limits]\nqueue = 1\n")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**({"settings": file} if with_file else {}))
    assert piece in str(caught.value)
    assert str(file) not in str(caught.value)


def test_a_wrong_file_is_not_blamed_on_the_environment(file, monkeypatch):
    file.write_text("[limits]\nqueue = -1\n")
    monkeypatch.setenv("CLICKORDER_LIMITS__PIXELS", "100")
    with pytest.raises(ConfigurationError, match=r"clickorder\.toml: `limits\.queue`"):
        load_settings(settings=file)


def test_no_value_is_quoted_even_in_a_traceback():
    with pytest.raises(ValidationError) as caught:
        Settings(keys=[{"name": "a", "hash": "co_secret"}])
    assert "co_secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "keys", "required", "on"),
    [
        ("127.0.0.1", False, None, False),
        ("localhost", False, None, False),
        ("127.8.9.1", False, None, False),
        ("::1", False, None, False),
        ("::ffff:127.0.0.1", False, None, False),
        ("0.0.0.0", False, None, True),
        ("::", False, None, True),
        ("10.0.0.4", False, None, True),
        ("qa.example", False, None, True),
        ("", False, None, True),
        ("127.0.0.1", True, None, True),
        ("127.0.0.1", True, False, False),
        ("127.0.0.1", False, True, True),
        ("0.0.0.0", False, False, False),
        ("0.0.0.0", True, None, True),
    ],
)
def test_keys_are_on_where_there_are_some_and_off_loopback(host, keys, required, on):
    some = [{"name": "a", "hash": HASH}] if keys else []
    assert Settings(host=host, keys=some, keys_required=required).keys_on is on
