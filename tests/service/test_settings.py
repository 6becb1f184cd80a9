import pytest
from pydantic import ValidationError

from service.cores import usable_cores
from service.settings import Settings, load_settings


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


@pytest.mark.parametrize(
    ("profile", "layout"),
    [
        (None, (2, 1)),
        ("latency", (1, usable_cores())),
        ("throughput", (usable_cores(), 1)),
    ],
)
def test_a_profile_lays_the_cores_out(monkeypatch, profile, layout):
    if profile is not None:
        monkeypatch.setenv("CLICKORDER_PROFILE", profile)
    settings = Settings()
    assert (settings.workers, settings.threads) == layout


@pytest.mark.parametrize("source", ["argument", "environment", "file"])
def test_what_is_given_wins_over_the_profile(monkeypatch, tmp_path, source):
    given = {"profile": "throughput"}
    if source == "argument":
        given["workers"] = 77
    elif source == "environment":
        monkeypatch.setenv("CLICKORDER_WORKERS", "77")
    else:
        given["settings"] = tmp_path / "clickorder.toml"
        given["settings"].write_text("workers = 77\n")
    settings = load_settings(**given)
    assert (settings.workers, settings.threads) == (77, 1)


@pytest.mark.parametrize("profile", ["fast", ["latency"], 3])
def test_a_profile_that_does_not_exist_is_refused(profile):
    with pytest.raises(ValidationError):
        Settings(profile=profile)
