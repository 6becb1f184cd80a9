"""What ddddocr wants beside a text model of ours: its `charsets.json`.

ddddocr 1.6 (`core/ocr_engine.py`) runs an imported model so: the picture is resized with Lanczos to
`image` = `[width, height]`, or to the height alone where the width is -1; made grey where `channel`
is 1; divided by 255; and of the first output, `(T, 1, C)` or `(1, T, C)`, the greatest of every
column is taken, repetitions are merged, and index 0 is the blank. That is what our CTC models do,
and nothing else can be said in the file: a model of fixed length would lose repeated characters
(it would need blanks between its places as a second output), and one with filters or a wanted
colour would see other pictures than it learnt.
"""

import json
from collections.abc import Mapping

from classifier.errors import ReadingError
from classifier.text_preprocess import TextPreprocess
from modelfile import ModelMetadata

CHARSETS_FILE = "charsets.json"


def ddddocr_charsets(metadata: ModelMetadata, *, source: str) -> Mapping[str, object]:
    """The content of a `charsets.json`.

    Args:
        metadata: Metadata of a text model.
        source: What to call the file in messages.

    Raises:
        ModelMetadataError: it is no text model.
        ReadingError: ddddocr cannot run it.
    """
    preprocess = TextPreprocess.of(metadata, source=source)
    asked = {
        "decodes places and not columns (train it with --head ctc)": metadata.decoding != "ctc",
        "binarises pictures": preprocess.binarise,
        "smooths pictures": preprocess.smooth > 1,
        "blurs pictures": preprocess.blur > 0,
        "takes a wanted colour": preprocess.colours,
    }
    faults = [fault for fault, present in asked.items() if present]
    if faults:
        raise ReadingError(
            f"{source} {' and '.join(faults)}, which ddddocr cannot do; train a model without."
        )
    width = -1 if preprocess.fit == "pad" else preprocess.width
    return {
        "charset": list(metadata.charset),
        "word": False,
        "image": [width, preprocess.height],
        "channel": 1 if preprocess.grey else 3,
    }


def ddddocr_charsets_text(metadata: ModelMetadata, *, source: str) -> str:
    """The same as JSON text; the arguments and errors are those of `ddddocr_charsets`."""
    return json.dumps(ddddocr_charsets(metadata, source=source), ensure_ascii=False) + "\n"
