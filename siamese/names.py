"""Names of drawings: one network over all crops, and the prototypes of every thing.

The network is an ONNX file that takes `crops` `(N, C, S, S)` and answers `embedding` `(N, D)` of
length 1. What the things of the vocabulary look like is a second file, `names.npz`: several
embeddings of each thing in 8 bits, made by this very network and tied to it, and to the vocabulary,
by checksum.
"""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelfile import (
    ModelMetadata,
    ModelMetadataError,
    ModelShapeError,
    OnnxSession,
)
from modelfile.device import Device
from siamese.errors import PrototypesError
from siamese.preprocess import cut, to_batch
from siamese.vocabulary import VOCABULARY_FILE, Thing, Vocabulary

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

_INPUT, _OUTPUT = "crops", "embedding"

FORMAT = 1
"""Version of the layout of a prototype file."""

MOST_PROTOTYPES = 8
"""Prototypes of one thing."""

_MOST_BYTES = 3 * 2**20
_QUANTA = 127.0
_MOST_CROPS = 64
"""Crops of one run."""

_LEAST_LOG = -12.0
"""Log-likelihoods below this are all the same: it is certainly something else."""


@dataclass(frozen=True, slots=True)
class Prototypes:
    """What the things of a vocabulary look like to a network.

    Attributes:
        vectors: `(P, D)` int8, embeddings times 127.
        owners: `(P,)` int64, index of the thing of each; sorted, and every thing has one.
        scale: Factor on a cosine before the softmax over all things.
        nothing: Cosine, on the same scale, of a crop with "none of the things".
        network: SHA-256 of the network's file, in hexadecimal.
        vocabulary: SHA-256 of the vocabulary's file.
    """

    vectors: NDArray[np.int8]
    owners: NDArray[np.int64]
    scale: float
    nothing: float
    network: str
    vocabulary: str

    def save(self, path: Path) -> None:
        """Write the file."""
        # A stream, since `savez` gives a path without its ending another name.
        with path.open("wb") as stream:
            np.savez_compressed(
                stream,
                format=np.array(FORMAT),
                vectors=self.vectors,
                owners=self.owners.astype(np.int16),
                scale=np.array(self.scale, np.float64),
                nothing=np.array(self.nothing, np.float64),
                network=np.array(self.network),
                vocabulary=np.array(self.vocabulary),
            )

    @classmethod
    def load(cls, path: Path) -> "Prototypes":
        """Read what `save` wrote.

        Raises:
            PrototypesError: the file cannot be read, or holds something else.
        """
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise PrototypesError(
                    f"{path} has more than {_MOST_BYTES} bytes; it is no file of prototypes."
                )
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                found = cls(
                    np.array(stored["vectors"]),
                    np.array(stored["owners"]).astype(np.int64),
                    float(stored["scale"]),
                    float(stored["nothing"]),
                    str(stored["network"]),
                    str(stored["vocabulary"]),
                )
                version = int(stored["format"])
        except OSError as error:
            raise PrototypesError(
                f"{path} cannot be read ({error.strerror or error}); copy it again."
            ) from error
        except (KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise PrototypesError(
                f"{path} is no file of prototypes; write it with `clickorder names prototypes`."
            ) from error
        if version != FORMAT:
            raise PrototypesError(
                f"{path} is of format {version}, and this version reads {FORMAT}; write it with "
                "`clickorder names prototypes`."
            )
        found._check(path)
        return found

    def _check(self, path: Path) -> None:
        vectors, owners = self.vectors, self.owners
        counts = np.bincount(owners) if owners.ndim == 1 and (owners >= 0).all() else np.zeros(1)
        sound = (
            vectors.dtype == np.int8
            and vectors.ndim == 2
            and owners.shape == (len(vectors),)
            and len(vectors) > 0
            and bool((np.diff(owners) >= 0).all())
            and bool((counts >= 1).all() and (counts <= MOST_PROTOTYPES).all())
            and bool(np.isfinite([self.scale, self.nothing]).all())
            and self.scale > 0
        )
        if not sound:
            raise PrototypesError(
                f"{path} does not have 1 to {MOST_PROTOTYPES} prototypes of every thing and a "
                "scale; write it with `clickorder names prototypes`."
            )


class Namer(Protocol):
    """Says how likely a crop shows a thing."""

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The things that it knows."""
        ...

    def crop(self, image: U8, boxes: F32) -> list[U8]:
        """Cut the boxes out as this model wants to see them.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        ...

    def score(self, things: Sequence[Thing], crops: Sequence[U8]) -> F64:
        """Log-likelihood of every thing on every crop, among all things and none of them.

        Args:
            things: M things of the vocabulary.
            crops: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `(M, N)` float64, at most 0.
        """
        ...


class PrototypeNamer:
    """A network, its prototypes, and the vocabulary that both are of; implements `Namer`."""

    def __init__(
        self, session: OnnxSession, prototypes: Prototypes, vocabulary: Vocabulary
    ) -> None:
        """Check that they belong together, and run the network once.

        Args:
            session: The network.
            prototypes: Made with it.
            vocabulary: Whose things the prototypes are of.

        Raises:
            ModelMetadataError: the network's metadata lacks something or contradicts itself.
            ModelShapeError: its input or output is not that of a names network.
            PrototypesError: the prototypes are of another number of things, or of another size.
        """
        self._session = session
        self._metadata = ModelMetadata.from_properties(
            session.properties, source=session.source, kind="names"
        )
        if self._metadata.input_size[0] != self._metadata.input_size[1]:
            raise ModelMetadataError(
                f"{session.source} has an input size of {self._metadata.input_size}, but a names "
                "model takes squares; export it again with train-names."
            )
        self._margin = self._metadata.calibration.get("crop_margin", 0.08)
        self._check_shapes()
        features = self.embed([np.zeros((1, 1, 3), np.uint8)]).shape[1]
        things = int(prototypes.owners[-1]) + 1
        if prototypes.vectors.shape[1] != features or things != len(vocabulary):
            raise PrototypesError(
                f"The prototypes are {prototypes.vectors.shape[1]} numbers each, of {things} "
                f"things; {session.source} gives {features}, and the vocabulary has "
                f"{len(vocabulary)}. Write them again with `clickorder names prototypes`."
            )
        self._prototypes = prototypes
        vectors = prototypes.vectors.astype(np.float32) / _QUANTA
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        self._starts = np.searchsorted(prototypes.owners, np.arange(things))
        self._vocabulary = vocabulary
        self._places = {thing.id: at for at, thing in enumerate(vocabulary.things)}

    @classmethod
    def load(
        cls,
        network: str | PathLike[str],
        prototypes: str | PathLike[str],
        *,
        vocabulary: Path = VOCABULARY_FILE,
        threads: int = 1,
        device: Device = "cpu",
    ) -> "PrototypeNamer":
        """Load the three files and make sure that they belong together.

        Args:
            network: The ONNX file.
            prototypes: Made with it.
            vocabulary: The things.
            threads: Threads that one run may use.
            device: What the network runs on.

        Raises:
            ModelFileError: the network cannot be used.
            PrototypesError: the prototypes cannot be read, or are of another network or vocabulary.
            VocabularyError: the vocabulary cannot be read.
        """
        stored = Prototypes.load(Path(prototypes))
        session = OnnxSession(network, threads=threads, device=device)
        for wanted, path in ((stored.network, Path(network)), (stored.vocabulary, vocabulary)):
            if file_sum(path) != wanted:
                raise PrototypesError(
                    f"{prototypes} was made with another {path.name} than {path} (its SHA-256 "
                    "differs); write it again with `clickorder names prototypes`."
                )
        return cls(session, stored, Vocabulary.load(vocabulary))

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._metadata.title

    @property
    def metadata(self) -> ModelMetadata:
        """What the network's file says of itself."""
        return self._metadata

    @property
    def vocabulary(self) -> Vocabulary:
        """The things that it knows."""
        return self._vocabulary

    def crop(self, image: U8, boxes: F32) -> list[U8]:
        """Cut the boxes out with this model's margin.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        return cut(image, boxes, margin=self._margin)

    def embed(self, crops: Sequence[U8]) -> F32:
        """`(N, D)` float32 of length 1 of N crops, `(h, w, 3)` uint8 RGB; at least one.

        Raises:
            CropShapeError: a crop is no picture.
        """
        return embeddings(self._session, self._metadata, crops)

    def score(self, things: Sequence[Thing], crops: Sequence[U8]) -> F64:
        """Log-likelihood of every thing on every crop, among all things and none of them.

        Args:
            things: M things of the vocabulary.
            crops: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `(M, N)` float64, -12 to 0.

        Raises:
            CropShapeError: a crop is no picture.
        """
        if not things or not crops:
            return np.zeros((len(things), len(crops)))
        likelihoods = self.likelihoods(crops)
        return likelihoods[[self._places[thing.id] for thing in things]]

    def likelihoods(self, crops: Sequence[U8]) -> F64:
        """`(things, N)` float64: the same of all things, in the vocabulary's order."""
        prototypes = self._prototypes
        cosines = self._vectors @ self.embed(crops).T
        nearest = np.maximum.reduceat(cosines, self._starts, axis=0).astype(np.float64)
        logits = prototypes.scale * nearest
        none = np.full((1, len(crops)), prototypes.scale * prototypes.nothing)
        total = np.logaddexp.reduce(np.concatenate([logits, none]), axis=0)
        scores: F64 = np.clip(logits - total, _LEAST_LOG, 0.0)
        return scores

    def _check_shapes(self) -> None:
        session, side = self._session, self._metadata.input_size[0]
        wanted = (None, self._metadata.channels, side, side)
        shapes = {spec.name: tuple(spec.shape) for spec in session.inputs}
        if shapes != {_INPUT: wanted} or _OUTPUT not in [spec.name for spec in session.outputs]:
            raise ModelShapeError(
                f"{session.source} has not the input {_INPUT} of any number of "
                f"{side} x {side} pictures and the output {_OUTPUT}; export it again with "
                "train-names."
            )


def embeddings(session: OnnxSession, metadata: ModelMetadata, crops: Sequence[U8]) -> F32:
    """What a names network makes of crops, all of them in as few runs as memory allows.

    Args:
        session: The network.
        metadata: What its file says of itself.
        crops: N crops, `(h, w, 3)` uint8 RGB; at least one.

    Returns:
        `(N, D)` float32 of length 1.

    Raises:
        CropShapeError: a crop is no picture.
        ModelShapeError: the output is no table with a row a crop.
    """
    parts = []
    for start in range(0, len(crops), _MOST_CROPS):
        batch = to_batch(
            crops[start : start + _MOST_CROPS],
            metadata.input_size[0],
            colour=metadata.colour,
            scale=metadata.scale,
            mean=metadata.mean,
            std=metadata.std,
        )
        found: F32 = session.run({_INPUT: batch}, [_OUTPUT])[0]
        if found.ndim != 2 or len(found) != len(batch):
            raise ModelShapeError(
                f"{session.source} answers {len(batch)} crops with {found.shape}; export it again "
                "with train-names."
            )
        parts.append(found)
    return np.concatenate(parts)


def quantised(vectors: F32) -> NDArray[np.int8]:
    """`(P, D)` int8 of embeddings of length 1."""
    stored: NDArray[np.int8] = np.clip(np.rint(vectors * _QUANTA), -127, 127).astype(np.int8)
    return stored


def file_sum(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    Raises:
        PrototypesError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PrototypesError(f"{path} cannot be read ({error.strerror}).") from error
