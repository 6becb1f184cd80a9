"""What an audit says, in English and Chinese: every sentence has a key, so that both say the same.

A `Message` is a key with values; values that are messages themselves are translated, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_FILE = Path(__file__).with_name("messages.json")


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence in any language.

    Attributes:
        key: In `messages.json`.
        values: For its placeholders: strings, numbers that the placeholder formats, or messages.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: Language = "en") -> str:
        """The sentence.

        Raises:
            KeyError: there is no such key, or a value is missing.
        """
        values = {
            name: value.text(language) if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        return texts()[self.key][LANGUAGES.index(language)].format(**values)


def message(key: str, **values: object) -> Message:
    """A message with its values."""
    return Message(key, values)


@cache
def texts() -> dict[str, tuple[str, str]]:
    """Key to English and Chinese."""
    read = json.loads(_FILE.read_text(encoding="utf-8"))
    return {key: (english, chinese) for key, (english, chinese) in read.items()}


def percent(share: float) -> str:
    """A share as people read it: more digits near the ends, where they matter."""
    value = 100 * share
    return f"{value:.1f} %" if 0 < value < 2 or 98 < value < 100 else f"{value:.0f} %"
