"""Fields that requests share: pictures, words, the prompt, the options."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from labels.pictures import composed
from service.effort import Effort
from service.solving.sentences import words_of
from service.uploads import Upload, UploadedPrompt

PROMPT_FIELDS = ("words", "text", "icons", "image", "region")
"""Ways to give a prompt; `text` is a sentence that names the words."""


def _not_blank(word: str) -> str:
    if not word.strip():
        raise ValueError("is empty; every word needs at least one visible character")
    return word


def _text_or_bytes(value: object) -> str | bytes:
    if not isinstance(value, str | bytes):
        # A TypeError would pass through pydantic as a fault of the service.
        raise ValueError("is not text; send the picture in base64, or as a data: URL")  # noqa: TRY004
    return value


Picture = Annotated[
    str | bytes,
    PlainValidator(_text_or_bytes),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "description": "PNG, JPEG, WebP, GIF or BMP in base64, or a base64 data: URL.",
        }
    ),
]
ItemCount = Annotated[int, Field(ge=1, le=100)]
Word = Annotated[str, AfterValidator(_not_blank), AfterValidator(composed)]
# Far more than any service takes; without both, a million empty words are a million errors to hold.
_MOST_LISTED = 1000
Words = Annotated[list[Word], Field(min_length=1, max_length=_MOST_LISTED, fail_fast=True)]
Pixel = Annotated[int, Field(description="Pixels of the picture as displayed.")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
# Strict applies to the numbers; only the container may be a list, as JSON has no tuples.
BoxField = Annotated[
    tuple[Pixel, Pixel, Pixel, Pixel],
    Field(strict=False, description="x1, y1, x2, y2; x2 and y2 exclusive."),
]


class PromptField(BaseModel):
    """What to click, in order: exactly one of words, text, icons, image and region."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"oneOf": [{"required": [kind]} for kind in PROMPT_FIELDS]},
    )

    words: Annotated[Words | None, Field(description="The words to click, in order.")] = None
    text: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=_MOST_LISTED,
            description="A sentence that names the words to click: quoted or bracketed ones "
            "(请依次点击【花】【草】), or what follows the colon (Click in order: A7 K2).",
        ),
    ] = None
    icons: Annotated[
        list[Picture] | None,
        Field(
            min_length=1,
            max_length=_MOST_LISTED,
            fail_fast=True,
            description="One picture per item, in click order.",
        ),
    ] = None
    image: Annotated[
        Picture | None, Field(description="One picture of the whole prompt, read left to right.")
    ] = None
    region: Annotated[
        BoxField | None,
        Field(description="Where the prompt picture lies inside the background."),
    ] = None
    count: Annotated[
        ItemCount | Annotated[list[ItemCount], Field(min_length=2, max_length=2)] | None,
        Field(
            description="With `image` or `region`: how many items it shows, where that is known: a "
            "number, or the least and the greatest."
        ),
    ] = None

    @property
    def all_words(self) -> tuple[str, ...]:
        """The words that `words` or `text` names; none for the other kinds."""
        return words_of(composed(self.text)) if self.text is not None else tuple(self.words or ())

    def upload(self) -> UploadedPrompt:
        """The prompt, whatever it came in."""
        icons = [Upload(icon, f"prompt.icons[{i}]") for i, icon in enumerate(self.icons or ())]
        count = [self.count, self.count] if isinstance(self.count, int) else self.count
        return UploadedPrompt(
            words=self.all_words or None,
            icons=tuple(icons) or None,
            image=None if self.image is None else Upload(self.image, "prompt.image"),
            region=self.region,
            count=None if count is None else (count[0], count[1]),
            from_text=self.text is not None,
        )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in PROMPT_FIELDS if getattr(self, name) is not None]
        if len(given) != 1:
            has = f"has {' and '.join(f'`{kind}`' for kind in given)}" if given else "is empty"
            raise ValueError(
                f"{has}; give exactly one of `words`, `text`, `icons`, `image` and `region`"
            )
        if self.text is not None:
            words_of(self.text)  # What names no word is refused here.
        if self.count is not None and given[0] not in ("image", "region"):
            raise ValueError("has a `count`, which goes with `image` or `region` only")
        if isinstance(self.count, list) and self.count[0] > self.count[1]:
            raise ValueError("has a `count` whose least number exceeds the greatest")
        if self.region is not None:
            x1, y1, x2, y2 = self.region
            if x1 >= x2 or y1 >= y2:
                raise ValueError("has a `region` without pixels; x2 and y2 must exceed x1 and y1")
        return self


Confidence = Annotated[
    float | None,
    Field(
        ge=0.01,
        le=1,
        allow_inf_nan=False,
        description="Boxes count from this score of the detector on; by default its own, which "
        "the model file says.",
    ),
]
Iou = Annotated[
    float | None,
    Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A box that overlaps a better one by more than this is dropped; by default "
        "0.45.",
    ),
]


class Options(BaseModel):
    """How to answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    min_confidence: Annotated[
        Probability | None,
        Field(
            description="Below this the answer is an abstention; by default as the service is set, "
            "0.05 unless changed. 0 never abstains for want of confidence."
        ),
    ] = None
    draw: Annotated[
        bool, Field(description="Add `drawing`, the background with the numbered clicks.")
    ] = False
    confidence: Confidence = None
    iou: Iou = None
    effort: Annotated[
        Effort | None,
        Field(
            description="`fast` is one pass, `normal` takes a second one where the first is not "
            "sure, `thorough` wherever it is not nearly certain; by default as the service is set, "
            "`normal` unless changed."
        ),
    ] = None
    deadline_ms: Annotated[
        int | None,
        Field(
            ge=1,
            le=600_000,
            description="How many milliseconds after the request was taken up the answer is "
            "wanted. A second pass that would take longer is left out; the first is always "
            "finished.",
        ),
    ] = None
