"""Sentences that say what to click, as sites write them, and the words they name."""

import re

_QUOTES = (
    ("“", "”"), ("‘", "’"), ("「", "」"), ("『", "』"), ("【", "】"), ("《", "》"), ("〈", "〉"),
    ("«", "»"), ("〔", "〕"), ("［", "］"), ("（", "）"),
    ("[", "]"), ("(", ")"), ("<", ">"), ('"', '"'), ("'", "'"), ("`", "`"),
)  # fmt: skip
_COLONS = re.compile(r"[:：]")
_SEPARATORS = re.compile(r"[\s,，、;；/|·→>＞\-—]+|\b(?:and|then|und|et|y)\b|然后|再|和|与")
_ENDS = ".。!！?？"


def words_of(sentence: str) -> tuple[str, ...]:
    """The words that a sentence asks to click, in order.

    They are the quoted or bracketed ones, of whatever kind of bracket comes first; where there are
    none, what follows the last colon, at separators, and Chinese characters one by one.

    Args:
        sentence: For example `请依次点击【花】【草】` or `Click in order: A7 K2`.

    Raises:
        ValueError: it names no word; one sentence, to follow the name of the field.
    """
    quoted = _quoted(sentence)
    if quoted:
        return quoted
    parts = _COLONS.split(sentence)
    tail = parts[-1].strip().rstrip(_ENDS) if len(parts) > 1 else ""
    words = tuple(
        word for part in _SEPARATORS.split(tail) if part for word in _separated(part.strip(_ENDS))
    )
    if words:
        return words
    raise ValueError(
        "has a `text` that names no words; bracket each (【花】【草】), or let them follow a colon "
        "(Click in order: A7 K2)"
    )


def _quoted(sentence: str) -> tuple[str, ...]:
    """What stands between the first kind of quotes or brackets that closes."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for opening, closing in _QUOTES:
        first, last = re.escape(opening), re.escape(closing)
        # An apostrophe within a word is no quote.
        before = r"(?<!\w)" if opening == "'" else ""
        pattern = f"{before}{first}([^{first}{last}]+){last}"
        matches = list(re.finditer(pattern, sentence))
        inner = [word for match in matches for word in _listed(match.group(1))]
        if inner:
            found.append((matches[0].start(), tuple(inner)))
    return min(found)[1] if found else ()


def _listed(inside: str) -> list[str]:
    """The words within one pair of quotes: one, unless separators make it a list."""
    return [part for part in re.split(r"[,，、;；\s]+", inside.strip()) if part]


def _separated(part: str) -> list[str]:
    """Chinese characters one by one; anything else as it is."""
    if part and all("\u3400" <= character <= "\u9fff" for character in part):
        return list(part)
    return [part] if part else []
