"""The keys of a YAML file and the flags of `train-text`, which are the same."""

from dataclasses import fields
from pathlib import Path

import pytest

from training.errors import TextTrainingError
from training.text.cli import app
from training.text.config import PLACES, read_config
from training.text.settings import TextSettings, settings_of


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_key_is_a_flag_and_the_other_way_round() -> None:
    import typer

    flags = {parameter.name for parameter in typer.main.get_command(app).params}
    keys = {field.name for field in fields(TextSettings)} | set(PLACES)
    only_flags = {"config", "resume", "finish", "pack", "help"}
    # `from` is a word of Python's.
    assert {"from" if flag == "start" else flag for flag in flags} - only_flags == keys


def test_a_file_says_what_the_flags_say(tmp_path: Path) -> None:
    config = read_config(
        written(
            tmp_path,
            "head: fixed\ncharset: 01234567\nend-acc: 0.99\ngrey: false\nbatch: 32\n"
            "replace: {O: 0, I: 1}\nsize: 96x32\nlength: 4-6\n",
        )
    )
    settings = settings_of(config)
    assert settings == TextSettings(
        head="fixed", charset="01234567", end_acc=0.99, grey=False, batch=32, replace="O0I1",
        size="96x32", length="4-6",
    )  # fmt: skip
    assert settings.lengths == (4, 6)
    assert settings.sides == (96, 32)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, "batch: 32\nrate: 1e-3\n"))
    settings = settings_of({**config, "batch": 16})
    assert (settings.batch, settings.rate) == (16, 1e-3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hed: ctc\n", "'hed', which is unknown; did you mean head?"),
        ("quxqux: 1\n", "'quxqux', which is unknown. Known are head"),
        ("just words\n", "no keys and values"),
        ("a: [b\n", "cannot be read as YAML"),
    ],
    ids=["near", "far", "no-table", "no-yaml"],
)
def test_a_file_that_is_wrong_is_told_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(TextTrainingError) as told:
        read_config(written(tmp_path, text))
    assert sentence in str(told.value)
    assert "run.yaml" in str(told.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"head": "lstm"}, "head is 'lstm'; choose of ctc-conv, ctc, fixed"),
        ({"batch": "many"}, "batch is 'many'; it must be a whole number"),
        ({"batch": 1}, "batch is 1; it must be at least 2"),
        ({"grey": "perhaps"}, "grey is 'perhaps'; it must be true or false"),
        ({"size": "128"}, "WIDTHxHEIGHT"),
        ({"size": "4x4"}, "16 to 1024"),
        ({"length": "6-4"}, "length is '6-4'"),
        ({"length": "some"}, "length is 'some'"),
        ({"synthetic": "captchas"}, "synthetic has 'captchas'"),
        ({"synthetic": "captcha:0"}, "synthetic has 'captcha:0'"),
        ({"synthetic": "two-colours"}, "add --colour"),
        ({"held_out": 1.5}, "a share, from 0 to 1"),
        ({"rate": 0.0}, "greater than 0"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_value_that_makes_no_sense_is_told_in_a_sentence(
    given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(TextTrainingError) as told:
        settings_of(given)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("settings", "labels", "characters"),
    [
        (TextSettings(), ["ba", "Cb"], "Cab"),
        (TextSettings(fold="lower", exclude="c"), ["ba", "Cb"], "ab"),
        (TextSettings(charset="numeric", replace="0O"), ["x"], "O123456789"),
        (TextSettings(synthetic="captcha", exclude="ABCDEFGHIJKLMNOPQRSTUVWXY"), [], "0123456789Z"),
    ],
    ids=["labels", "folded", "replaced", "drawn"],
)
def test_the_charset_is_folded(settings: TextSettings, labels: list[str], characters: str) -> None:
    assert settings.characters(labels) == characters


def test_shares_of_what_is_drawn() -> None:
    settings = TextSettings(synthetic="captcha:2, strips", length="")
    assert settings.kinds == {"captcha": 2, "strips": 1}
    assert settings.lengths == (4, 4)
    assert settings.strength < TextSettings().strength
