"""Reading whole text CAPTCHAs with an ONNX file: our own text models, and dddd_trainer's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.charsets import LabelRule
from classifier.colours import Rgb, rgb_of
from classifier.dddd_trainer import DdddTrainerClassifier
from classifier.errors import ReadingError
from classifier.inputs import batch_axis
from classifier.readings import CtcReadings
from classifier.text_decode import Decoded, Lengths, decode_ctc, decode_fixed
from classifier.text_preprocess import TextPreprocess
from modelfile import (
    ModelMetadata,
    ModelMetadataError,
    ModelSession,
    ModelShapeError,
    OnnxSession,
    existing_file,
    is_own,
)
from modelfile.device import Device

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

SHIPPED = Path(__file__).with_name("weights") / "text.onnx"
"""The model that comes with this project."""

SHIPPED_READERS = {file.stem: file for file in sorted(SHIPPED.parent.glob("captcha-*.onnx"))}
"""Readers of one kind of picture that come with this project, by name."""

_MOST_AT_ONCE = 32  # pictures in one run: more gain nothing on a CPU and want memory


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a picture says.

    Attributes:
        text: The likeliest text of those that are allowed; `""` where the picture says nothing.
        confidence: Its probability among the allowed texts, 0..1; 0 where none is possible.
        characters: Each character with its probability given the others, 0..1.
    """

    text: str
    confidence: float
    characters: tuple[tuple[str, float], ...]


def reader_file(choice: str | PathLike[str] | None) -> Path:
    """The file of a reader.

    Args:
        choice: A file, or the name of a shipped reader as `captcha-upper4`; None for the shipped
            reader of everything.

    Raises:
        ReadingError: it is neither a file nor a name.
    """
    if choice is None:
        return SHIPPED
    path = Path(choice)
    if path.exists() or path.name != str(choice) or path.suffix:
        return path
    if path.name not in SHIPPED_READERS:
        near = get_close_matches(path.name, SHIPPED_READERS, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ReadingError(
            f"{choice} is neither a file nor a reader that is shipped; {meant}Shipped are "
            f"{', '.join(SHIPPED_READERS) or 'none'}."
        )
    return SHIPPED_READERS[path.name]


class _Network(Protocol):
    """One family of files: from pictures to frames."""

    @property
    def name(self) -> str: ...

    @property
    def charset(self) -> Charset: ...

    @property
    def rule(self) -> LabelRule: ...

    @property
    def lengths(self) -> Lengths | None: ...

    def frames(self, pictures: Sequence[U8], colour: Rgb | None) -> Iterator[F32]:
        """N arrays of `(T, C)` float32, logits or log-probabilities."""
        ...


class TextReader:
    """Reads pictures of text; may be used by several threads at once."""

    def __init__(self, session: ModelSession) -> None:
        """Check the metadata and shapes of one of our own text models, and run it once.

        Args:
            session: The network; one input `(N, C, height, width)`, one output `(N, T, classes)`
                (`(N, L, classes)` where the decoding is fixed). The batch axis may be 1.

        Raises:
            ModelMetadataError: the metadata lacks something or contradicts itself.
            ModelShapeError: the input or output is not that of a text model.
        """
        own = _OwnNetwork(session)
        self._metadata: ModelMetadata | None = own.metadata
        self._network: _Network = own

    @classmethod
    def load(
        cls, path: str | PathLike[str], *, threads: int = 1, device: Device = "cpu"
    ) -> "TextReader":
        """Load an ONNX file: our own, or an export of dddd_trainer with its `charsets.json`.

        Args:
            path: The file.
            threads: Threads that one run may use.
            device: What the network runs on.

        Raises:
            ModelFileError: the file cannot be used.
        """
        session = OnnxSession(path, threads=threads, device=device)
        if is_own(session.properties):
            return cls(session)
        if not existing_file(path).with_name("charsets.json").is_file():
            raise ModelMetadataError(
                f"{session.source} carries no clickorder.* metadata and has no charsets.json of "
                "dddd_trainer beside it; export it with train-text, or bring that file."
            )
        reader = cls.__new__(cls)
        reader._metadata = None
        trained = DdddTrainerClassifier.load(path, threads=threads, device=device)
        reader._network = _TrainerNetwork(trained)
        return reader

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._network.name

    @property
    def metadata(self) -> ModelMetadata | None:
        """What the file says of itself; None for an export of dddd_trainer."""
        return self._metadata

    @property
    def charset(self) -> Charset:
        """The characters that the model knows; the first symbol is none."""
        return self._network.charset

    @property
    def rule(self) -> LabelRule:
        """What was done to the labels that the model learnt, as folding their case."""
        return self._network.rule

    @property
    def takes_colour(self) -> bool:
        """Whether `read` may be asked for the characters of one colour."""
        return self._metadata is not None and bool(self._metadata.options.get("colours", 0))

    def read(
        self,
        pictures: Sequence[U8],
        *,
        charset: str | None = None,
        length: int | Lengths | None = None,
        colour: str | None = None,
    ) -> list[TextReading]:
        """Read pictures, all with the same restrictions.

        Args:
            pictures: N pictures, `(H, W, 3)` uint8 RGB, of any sizes.
            charset: Characters that may occur; those that the model does not know are no matter.
                Names of presets resolve with `classifier.charsets.characters_of`.
            length: How many characters there are: a number, or the least and the greatest. Where
                it is not given, a text as long as those that the model learnt is preferred.
            colour: Read only the characters of this colour: a name or `#rrggbb`.

        Returns:
            N readings.

        Raises:
            ReadingError: the model knows none of the characters, the length is none, or it was not
                trained to tell colours apart.
            UnknownColourError: the colour has no such name.
            CropShapeError: a picture is no such array.
        """
        allowed = None if charset is None else self._allowed(charset)
        lengths = None if length is None else _lengths(length)
        wanted = None if colour is None else rgb_of(colour)
        if wanted is not None and not self.takes_colour:
            raise ReadingError(
                f"{self.name} was not trained to read the characters of one colour; leave the "
                "colour out, or use a model that was."
            )
        decode = decode_fixed if self._fixed else decode_ctc
        usual = self._network.lengths
        return [
            self._reading(decode(frames, allowed=allowed, lengths=lengths, usual=usual))
            for frames in self._network.frames(pictures, wanted)
        ]

    @property
    def _fixed(self) -> bool:
        return self._metadata is not None and self._metadata.decoding == "fixed"

    def _allowed(self, characters: str) -> NDArray[np.bool_]:
        """`(C,)` bool, which symbols may occur."""
        folded = set(self.rule.apply(characters))
        symbols = self.charset.symbols
        allowed = np.array([False, *(symbol in folded for symbol in symbols[1:])])
        if not allowed.any():
            raise ReadingError(
                f"{self.name} knows none of the characters {characters[:20]!r}; ask for others, or "
                "use a model that knows them."
            )
        return allowed

    def _reading(self, decoded: Decoded) -> TextReading:
        symbols = self.charset.symbols
        characters = tuple(
            (symbols[index], share)
            for index, share in zip(decoded.symbols, decoded.characters, strict=True)
        )
        text = "".join(symbol for symbol, _ in characters)
        return TextReading(text, decoded.confidence, characters)


class _OwnNetwork:
    """A file that our trainer wrote."""

    rule: LabelRule

    def __init__(self, session: ModelSession) -> None:
        self.metadata = ModelMetadata.from_properties(session.properties, source=session.source)
        self._preprocess = TextPreprocess.of(self.metadata, source=session.source)
        self._session = session
        self.rule = self._preprocess.rule
        self.lengths = self._preprocess.lengths
        self.charset = Charset(self.metadata.charset, blank=True, source=session.source)
        self._at_once = _MOST_AT_ONCE if self._check_input() is None else 1
        if len(session.outputs) != 1 or len(session.outputs[0].shape) not in (0, 3):
            raise ModelShapeError(
                f"{session.source} has the outputs {[spec.shape for spec in session.outputs]}, but "
                "a text model has one of (N, T, classes); export it again."
            )
        # A declared output shape may be symbolic or wrong; one run tells, and warms up as well.
        width, height = self.metadata.input_size
        list(self.frames([np.zeros((height, width, 3), np.uint8)], None))

    @property
    def name(self) -> str:
        return self.metadata.title

    def frames(self, pictures: Sequence[U8], colour: Rgb | None) -> Iterator[F32]:
        name = self._session.inputs[0].name
        for start in range(0, len(pictures), self._at_once):
            part = pictures[start : start + self._at_once]
            batch = self._preprocess.to_batch(part, [colour] * len(part))
            logits = self._session.run({name: batch})[0]
            wanted = (3, len(part), len(self.charset))
            if (logits.ndim, logits.shape[0], logits.shape[-1]) != wanted:
                raise ModelShapeError(
                    f"{self._session.source} answers {len(part)} pictures with {logits.shape}, but "
                    f"has a charset of {len(self.charset)} symbols; export it again."
                )
            yield from logits

    def _check_input(self) -> int | None:
        """The batch axis of the input, None where it is free."""
        width, height = self.metadata.input_size
        return batch_axis(self._session, (self._preprocess.channels, height, width), "a text model")


class _TrainerNetwork:
    """An export of dddd_trainer that reads sequences."""

    rule = LabelRule()
    lengths = None

    def __init__(self, classifier: DdddTrainerClassifier) -> None:
        if not classifier.charset.blank:
            raise ModelShapeError(
                f"{classifier.name} reads one symbol and no text; its charsets.json says "
                '"word": true; train one with "word": false.'
            )
        self._classifier = classifier
        self.name = classifier.name
        self.charset = classifier.charset

    def frames(self, pictures: Sequence[U8], colour: Rgb | None) -> Iterator[F32]:  # noqa: ARG002
        # One by one: these exports have a batch of 1, and a width of its own for each picture.
        for picture in pictures:
            yield cast("CtcReadings", self._classifier.read([picture])).frames[0]


def _lengths(length: int | Lengths) -> Lengths:
    least, most = (length, length) if isinstance(length, int) else length
    if not 0 <= least <= most:
        raise ReadingError(
            f"No text has a length of {least} to {most}; give a number from 0, or the least and "
            "the greatest."
        )
    return least, most
