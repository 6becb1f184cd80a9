import pytest
from pydantic import ValidationError

from service.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    import os

    for name in [n for n in os.environ if n.startswith("CLICKORDER_")]:
        monkeypatch.delenv(name)


def test_defaults():
    settings = Settings()
    assert (settings.host, settings.port, settings.backend) == ("127.0.0.1", 8000, "auto")
    assert settings.limits.body_bytes == 10 * 2**20
    assert (settings.limits.prompt_items, settings.limits.boxes) == (12, 60)


def test_nested_values_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CLICKORDER_PORT", "9000")
    monkeypatch.setenv("CLICKORDER_LIMITS__BODY_BYTES", "1234")
    monkeypatch.setenv("CLICKORDER_LOG__FORMAT", "console")
    settings = Settings()
    assert settings.port == 9000
    assert settings.limits.body_bytes == 1234
    assert settings.limits.pixels == 4_000_000
    assert settings.log.format == "console"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLICKORDER_LIMITS__BODY_BITES", "1"),
        ("CLICKORDER_LIMITS__PIXELS", "0"),
        ("CLICKORDER_WORKERS", "0"),
        ("CLICKORDER_PORT", "70000"),
        ("CLICKORDER_BACKEND", "magic"),
        ("CLICKORDER_LOG__LEVEL", "loud"),
    ],
)
def test_a_wrong_value_or_a_misspelt_name_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_arguments_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("CLICKORDER_PORT", "9000")
    assert Settings(port=1).port == 1


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().port = 1
