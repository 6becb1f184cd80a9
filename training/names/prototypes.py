"""Prototypes: the embeddings of each thing's drawings, in a few clusters."""

from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.console import Console
from scipy.optimize import minimize_scalar

from labels.atomic import replacing
from labels.console import say
from modelfile import ModelMetadata, OnnxSession
from siamese.names import (
    MOST_PROTOTYPES,
    PrototypeNamer,
    Prototypes,
    embeddings,
    file_sum,
    quantised,
)
from siamese.vocabulary import VOCABULARY_FILE, Vocabulary
from training.names.crops import kept_crops
from training.names.metrics import naming_measures

F32 = NDArray[np.float32]

_ROUNDS = 12
_CROPS_A_PROTOTYPE = 4
"""Crops of a thing for each of its prototypes: fewer would stand for single drawings."""


def run_prototypes(
    network: Path,
    out: Path,
    *,
    crops: Path | None = None,
    count: int = 40_000,
    trials: int = 4_000,
    seed: int = 1,
    most: int = MOST_PROTOTYPES,
    words: Path = VOCABULARY_FILE,
    cache: Path | None = None,
    console: Console | None = None,
) -> Prototypes:
    """Write the prototypes of a vocabulary for a network.

    Args:
        network: The network's ONNX file.
        out: The new file.
        crops: Folder with the drawn crops of a training, or where to keep new ones; None for the
            folder of the network.
        count: Crops of the training split to draw, where there are none yet.
        trials: Crops of the validation split, to fit the scale on.
        seed: Random seed.
        most: Prototypes of one thing at most.
        words: File of the vocabulary.
        cache: Folder of the ingredients; None for the usual place.
        console: Where progress is shown.

    Raises:
        ModelFileError: the network cannot be used.
        VocabularyError: the vocabulary cannot be read.
        IngredientsMissingError: there are no ingredients to draw with.
    """
    console = console or Console(stderr=True)
    session = OnnxSession(network)
    metadata = ModelMetadata.from_properties(
        session.properties, source=session.source, kind="names"
    )
    folder = crops or network.parent
    vocabulary = Vocabulary.load(words)
    # Labels are places in a vocabulary, so each one has crops of its own.
    mark = "" if words == VOCABULARY_FILE else f"-{file_sum(words)[:12]}"
    drawn = kept_crops(
        folder, f"train{mark}", "train", count, seed,
        cache=cache, vocabulary=vocabulary, console=console,
    )  # fmt: skip
    tried = kept_crops(
        folder, f"validation{mark}", "validation", trials, seed,
        cache=cache, vocabulary=vocabulary, console=console,
    )  # fmt: skip
    with console.status("Embedding the crops ..."):
        found = embeddings(session, metadata, list(drawn.pictures))
        seen = embeddings(session, metadata, list(tried.pictures))
    rng = np.random.default_rng(seed)
    vectors, owners = clustered(found, drawn.labels, len(vocabulary), most, rng)
    stored = Prototypes(quantised(vectors), owners, 1.0, 0.0, file_sum(network), file_sum(words))
    nearest = _nearest(stored, seen)
    scale, nothing = fitted_scale(nearest, tried.labels)
    stored = Prototypes(stored.vectors, owners, scale, nothing, stored.network, stored.vocabulary)
    with replacing(out) as new:
        stored.save(new)
    PrototypeNamer.load(network, out, vocabulary=words)
    scores = scale * nearest
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    measured = naming_measures(scores, tried.labels, np.random.default_rng(0))
    say(
        console,
        f"{out}: {len(owners)} prototypes of {len(vocabulary)} things, "
        f"{out.stat().st_size / 1e6:.2f} MB. On validation crops: "
        + ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
        + f"; scale {scale:.1f}, nothing {nothing:.2f}.",
    )
    return stored


def clustered(
    found: F32, labels: NDArray[np.int64], things: int, most: int, rng: Generator
) -> tuple[F32, NDArray[np.int64]]:
    """The centres of each thing's embeddings.

    Args:
        found: `(N, D)` embeddings of length 1.
        labels: `(N,)` index of the thing of each; negative ones are passed over.
        things: Number of things; one without an embedding gets the mean of all.
        most: Centres of one thing at most.
        rng: Where clusters begin.

    Returns:
        `(P, D)` centres of length 1, and `(P,)` the sorted index of the thing of each.
    """
    vectors: list[F32] = []
    owners: list[int] = []
    for thing in range(things):
        own = found[labels == thing]
        if not len(own):
            own = found.mean(axis=0, keepdims=True)
        centres = _centres(own, min(most, max(1, len(own) // _CROPS_A_PROTOTYPE)), rng)
        vectors.append(centres)
        owners += [thing] * len(centres)
    return np.concatenate(vectors), np.array(owners, np.int64)


def _centres(own: F32, count: int, rng: Generator) -> F32:
    """Spherical k-means (Dhillon and Modha 2001); clusters that run empty are left out."""
    centres = own[rng.choice(len(own), count, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (own @ centres.T).argmax(axis=1)
        sums = np.stack(
            [own[nearest == k].sum(axis=0) for k in range(len(centres)) if (nearest == k).any()]
        )
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return centres.astype(np.float32)


def fitted_scale(nearest: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """The scale of cosines, and the cosine of "none of them", that fit validation crops best.

    Args:
        nearest: `(N, things)` cosines of crops with their nearest prototypes.
        labels: `(N,)` index of the thing of each, negative for crops of none.

    Returns:
        Both; they minimise the mean negative log-likelihood.
    """
    rows = np.flatnonzero(labels >= 0)

    def loss(scale: float, nothing: float) -> float:
        total = np.logaddexp(
            np.logaddexp.reduce(scale * nearest, axis=1), np.full(len(labels), scale * nothing)
        )
        own = np.full(len(labels), scale * nothing)
        own[rows] = scale * nearest[rows, labels[rows]]
        # Both kinds count alike, however many there are of each.
        lost = total - own
        parts = [lost[labels >= 0].mean()]
        if (labels < 0).any():
            parts.append(lost[labels < 0].mean())
        return float(np.mean(parts))

    scale, nothing = 20.0, 0.5
    for _ in range(4):
        scale = float(
            minimize_scalar(lambda s: loss(s, nothing), bounds=(2, 80), method="bounded").x  # noqa: B023
        )
        nothing = float(
            minimize_scalar(lambda n: loss(scale, n), bounds=(-0.5, 1.5), method="bounded").x  # noqa: B023
        )
    return scale, nothing


def _nearest(stored: Prototypes, found: F32) -> NDArray[np.float64]:
    """`(N, things)` cosines of embeddings with their nearest prototypes."""
    vectors = stored.vectors.astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    starts = np.searchsorted(stored.owners, np.arange(stored.owners[-1] + 1))
    return np.maximum.reduceat(found @ vectors.T, starts, axis=1).astype(np.float64)
