"""The worst failures of an evaluation as pictures that stand inside a page of HTML."""

import base64
import io
from collections.abc import Iterable

from PIL import Image

from labels.pictures import UNREADABLE
from training.evaluation.evaluate import Outcome
from training.evaluation.failures import Lettering, draw_failure

MOST_BYTES = 110_000
"""Maximum bytes of a picture: twelve, a third longer in base64, keep a page below 2 MB."""

_LARGEST_PX = 1200
_QUALITIES = (80, 50)


def worst_first(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Failed outcomes: first wrong answers, then abstentions, each by falling confidence."""
    failed = [outcome for outcome in outcomes if not outcome.score.solved]
    return sorted(failed, key=lambda o: (not o.reply.solved, -o.reply.confidence))


def drawn_inline(outcome: Outcome, lettering: Lettering) -> str | None:
    """Draw a failed puzzle for a page of HTML.

    Args:
        outcome: The puzzle and its answer.
        lettering: Fonts of captions and words.

    Returns:
        Data URI; None where the pictures of the puzzle cannot be read any more.
    """
    try:
        return as_data_uri(draw_failure(outcome, lettering))
    except UNREADABLE:
        return None


def as_data_uri(picture: Image.Image) -> str:
    """Encode a picture as WebP of at most `MOST_BYTES`, reduced in size where that is needed.

    Args:
        picture: RGB picture of any size.

    Returns:
        Data URI.
    """
    shown = picture.copy()
    shown.thumbnail((_LARGEST_PX, _LARGEST_PX))
    while True:
        for quality in _QUALITIES:
            data = io.BytesIO()
            shown.save(data, "WEBP", quality=quality)
            if data.tell() <= MOST_BYTES:
                return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
        shown = shown.resize((-(-shown.width * 2 // 3), -(-shown.height * 2 // 3)))
