"""Pictures and prompts as they were sent, whatever the protocol, and not decoded yet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.pictures import decode_base64, decode_picture
from service.settings import Limits
from service.solving.answers import Box
from service.solving.prompts import IconsPrompt, ImagePrompt, Prompt, RegionPrompt, WordsPrompt


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it was sent.

    Attributes:
        content: Base64 text, or the bytes of a file.
        field: Name of the field it came in, for the sentence of an error.
    """

    content: str | bytes
    field: str = "picture"

    def data(self) -> bytes:
        """The bytes of the file.

        Raises:
            BadBase64Error: `content` is text, and not base64.
        """
        content = self.content
        return decode_base64(content, self.field) if isinstance(content, str) else content

    def decode(self, limits: Limits) -> NDArray[np.uint8]:
        """The picture, `(H, W, 3)` uint8 RGB, upright.

        Raises:
            BadBase64Error, BadPictureError, PictureTooLargeError: see `decode_picture`.
        """
        return decode_picture(self.data(), limits, self.field)


@dataclass(frozen=True, slots=True)
class UploadedPrompt:
    """A prompt as it was sent: exactly one of words, icons, image and region.

    Attributes:
        words: The words to click, in order.
        icons: One picture per item, in click order.
        image: One picture of the whole prompt, read left to right.
        region: Where the prompt picture lies inside the background: `x1, y1, x2, y2` in its
            pixels, `x2`/`y2` exclusive.
        count: With `image` or `region`, the least and the greatest number of items.
        from_text: Whether the words come from a sentence, whose length is limited as a whole.
    """

    words: tuple[str, ...] | None = None
    icons: tuple[Upload, ...] | None = None
    image: Upload | None = None
    region: Box | None = None
    count: tuple[int, int] | None = None
    from_text: bool = False

    @property
    def kind(self) -> str:
        """One of `labels.puzzle.PROMPT_KINDS`."""
        kinds = {"words": self.words, "icons": self.icons, "image": self.image}
        return next((kind for kind, value in kinds.items() if value is not None), "region")

    def decode(self, limits: Limits) -> Prompt:
        """The prompt with its pictures decoded.

        Raises:
            BadBase64Error, BadPictureError, PictureTooLargeError: see `Upload.decode`.
        """
        if self.words is not None:
            return WordsPrompt(self.words)
        if self.icons is not None:
            return IconsPrompt(tuple(icon.decode(limits) for icon in self.icons))
        if self.image is not None:
            return ImagePrompt(self.image.decode(limits), self.count)
        assert self.region is not None  # noqa: S101 - one of the four is given
        return RegionPrompt(self.region, self.count)


@dataclass(frozen=True, slots=True)
class UploadedPuzzle:
    """A puzzle as it was sent."""

    background: Upload
    prompt: UploadedPrompt

    @property
    def size_bytes(self) -> int:
        """Bytes of its pictures, in base64 where they came so."""
        pictures = (self.background, self.prompt.image, *(self.prompt.icons or ()))
        return sum(len(picture.content) for picture in pictures if picture is not None)
