"""Both languages say the same: the same keys and placeholders, and no text that nobody uses."""

import re
from pathlib import Path
from string import Formatter

import pytest

import clickorder.audit
from clickorder.audit.messages import message, percent, texts

SOURCES = [
    file.read_text(encoding="utf-8")
    for file in Path(clickorder.audit.__file__).parent.rglob("*.py")
]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", texts())
def test_both_languages_have_the_same_placeholders(key):
    english, chinese = texts()[key]
    assert placeholders(english) == placeholders(chinese)
    assert english
    assert chinese


def test_every_text_is_used():
    """By its whole key, or by a prefix that is completed at run time."""
    code = "\n".join(SOURCES)
    prefixes = tuple(re.findall(r"f\"([\w.]+\.)\{", code))
    quoted = set(re.findall(r"\"[\w.]+\"|'[\w.]+'", code))
    used = {word[1:-1] for word in quoted}
    used |= {f"column.{word}" for word in used}
    assert not [key for key in texts() if key not in used and not key.startswith(prefixes)]


def test_messages_are_translated_within_messages():
    told = message("amount", value="3", unit=message("unit.size"))
    assert told.text("en") == "3 px"
    assert told.text("zh") == "3 像素"


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.25, "25 %"), (0.992, "99.2 %"), (1.0, "100 %")],
)
def test_percent(share, expected):
    assert percent(share) == expected
