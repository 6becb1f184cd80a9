"""From a text model's distributions to the likeliest text that is allowed, and how sure it is.

Two kinds of networks answer. A *CTC* network gives a distribution for every column, index 0 being
the blank; a text's probability is the sum over all paths that spell it (see `classifier.ctc`). A
*fixed* network gives one for every place, index 0 meaning that no character stands there; a text
fills places from the left and leaves the others empty.

Restrictions are knowledge, so probabilities are conditional on them: of all texts that use only
allowed characters and have an allowed length, the share of this one. Under CTC the frames are
independent, so that forbidding symbols and making every frame sum to 1 again is exactly that; the
share of the allowed lengths is a sum over paths by how many characters they spell.

*Usual* lengths are a habit and no knowledge: those of the texts that a model was trained on. Every
text of another length counts a thousandth, so that a faint character is found where one must be
missing, and a plain picture of another length is still read as what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.charset import BLANK

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Lengths = tuple[int, int]

BEAM = 8
_TELLING = 1e-3  # a symbol that is less likely than this share of the likeliest begins no text
_STARTING = 4  # symbols of a frame that may, however unlikely, where a length must be reached
_COUNTED = -20.0  # a symbol whose log-probability is below this in every frame does not count
_RIVALS = 32  # symbols that a character is weighed against, at most
_RIVAL = -14.0  # log-probability that one must reach in some frame
_CERTAIN = 1e-5  # what no habit can change any more

UNUSUAL = 1e-3
"""What a text of no usual length counts. Of 1,500 pictures of four characters none gave the texts
of that length a smaller share; of 2,000 plain ones of other lengths few gave them a greater one."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and how sure it is.

    Attributes:
        symbols: Indices into the charset, none of them 0.
        confidence: Probability of the text among all that are allowed, 0..1; 0 where none is
            possible, as 9 characters in 8 columns.
        characters: Probability of each symbol given all the others of the text, 0..1: against every
            other symbol in its place.
    """

    symbols: tuple[int, ...]
    confidence: float
    characters: tuple[float, ...]


_NOTHING = Decoded((), 0.0, ())


def decode_fixed(
    log_probabilities: F32,
    *,
    allowed: Bools | None = None,
    lengths: Lengths | None = None,
    usual: Lengths | None = None,
) -> Decoded:
    """The likeliest text of a network of fixed length; exact.

    Args:
        log_probabilities: `(L, C)` float32; logits will do.
        allowed: `(C,)` bool, which symbols may be used; index 0 always may. By default all.
        lengths: Least and greatest number of characters, inclusive. By default 0 to L.
        usual: The same, as a habit; no matter where `lengths` are given.
    """
    frames = _restricted(log_probabilities, allowed)
    places = len(frames)
    low, high = (0, places) if lengths is None else (max(lengths[0], 0), min(lengths[1], places))
    if low > high:
        return _NOTHING
    winners = frames[:, 1:].argmax(axis=1) + 1
    best = frames[np.arange(places), winners]
    some = np.logaddexp.reduce(frames[:, 1:], axis=1)
    # Texts of n characters: the first n places hold some, the others none.
    filled = np.concatenate([[0.0], np.cumsum(best)])
    anything = np.concatenate([[0.0], np.cumsum(some)])
    empty = np.concatenate([np.cumsum(frames[::-1, BLANK])[::-1], [0.0]])
    counts = slice(low, high + 1)
    weights = np.zeros(places + 1)
    if usual is not None and lengths is None:
        numbers = np.arange(places + 1)
        weights[(numbers < usual[0]) | (numbers > usual[1])] = np.log(UNUSUAL)
    rest = (empty + weights)[counts]
    scores = filled[counts] + rest
    length = low + int(scores.argmax())
    top = float(scores.max())
    if not np.isfinite(top):
        return _NOTHING
    confidence = np.exp(top - np.logaddexp.reduce(anything[counts] + rest))
    characters = np.exp(best[:length] - some[:length])
    return Decoded(
        tuple(int(index) for index in winners[:length]),
        min(float(confidence), 1.0),
        tuple(min(float(value), 1.0) for value in characters),
    )


def decode_ctc(
    log_probabilities: F32,
    *,
    allowed: Bools | None = None,
    lengths: Lengths | None = None,
    usual: Lengths | None = None,
    beam: int = BEAM,
) -> Decoded:
    """The likeliest text of a CTC network: a prefix beam search, its text's probability exact.

    Args:
        log_probabilities: `(T, C)` float32; logits will do.
        allowed: `(C,)` bool, which symbols may be used; the blank always may. By default all.
        lengths: Least and greatest number of characters, inclusive. By default any.
        usual: The same, as a habit; no matter where `lengths` are given.
        beam: Beginnings that are followed at the same time; half as many for each length, where
            one must be reached.
    """
    frames = _restricted(log_probabilities, allowed)
    # Most of some thousand symbols are nowhere to be seen.
    counted = frames.max(axis=0) > _COUNTED
    counted[BLANK] = True
    columns = np.flatnonzero(counted)
    frames = np.ascontiguousarray(frames[:, columns])
    probabilities = np.exp(frames)
    text = _search(probabilities, beam, None)
    wanted = usual if lengths is None else lengths
    within = wanted is None or _is_within(wanted, text)
    weighed = None if text is None else _weighed(frames, text)
    if wanted is not None and not within:
        # Where the likeliest text of all has a wanted length, it is the likeliest of those too.
        other = _search(probabilities, max(beam // 2, 1), wanted)
        better = None if other is None else _weighed(frames, other)
        least = -np.inf if weighed is None else weighed[0] + np.log(UNUSUAL)
        if lengths is not None or (better is not None and better[0] >= least):
            text, weighed, within = other, better, True
    if text is None or weighed is None or not np.isfinite(weighed[0]):
        return _NOTHING
    log_probability, characters = weighed
    if wanted is not None and (lengths is not None or log_probability < np.log1p(-_CERTAIN)):
        share = _share_of_lengths(probabilities, wanted)
        if lengths is None:
            share += UNUSUAL * max(1.0 - share, 0.0)
            log_probability += 0.0 if within else np.log(UNUSUAL)
        log_probability -= np.log(max(share, np.finfo(np.float64).tiny))
    symbols = tuple(int(columns[at]) for at in text)
    return Decoded(symbols, min(float(np.exp(log_probability)), 1.0), characters)


def _is_within(lengths: Lengths, text: Sequence[int] | None) -> bool:
    return lengths[0] <= len(text or ()) <= lengths[1]


def _restricted(log_probabilities: F32, allowed: Bools | None) -> F64:
    """`(T, C)` float64 log-probabilities that sum to 1 over what is allowed."""
    frames = log_probabilities.astype(np.float64)
    if allowed is not None:
        usable = allowed.copy()
        usable[BLANK] = True
        frames[:, ~usable] = -np.inf
    # A frame that leaves nothing of what is allowed says nothing.
    frames[~np.isfinite(frames).any(axis=1), BLANK] = 0
    frames -= frames.max(axis=1, keepdims=True)
    frames -= np.log(np.exp(frames).sum(axis=1, keepdims=True))
    return frames


def _search(probabilities: F64, beam: int, lengths: Lengths | None) -> tuple[int, ...] | None:
    """Prefix beam search (Hannun et al., arXiv 1408.2873, algorithm 1, without language model).

    Args:
        probabilities: `(T, C)` float64.
        beam: Prefixes to keep after each frame.
        lengths: Where given, `beam` prefixes of every length up to the greatest are kept, and texts
            of other lengths are not answered.

    Returns:
        The likeliest text; None where the beam holds none of these lengths.
    """
    # Of each prefix, the mass of its paths that end in the blank, and of those that do not.
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 0.0)}
    for row in probabilities:
        starting = _starting(row, beam, all_lengths=lengths is not None)
        blank = float(row[BLANK])
        found: dict[tuple[int, ...], list[float]] = {}
        for prefix, (silent, sounding) in beams.items():
            total = silent + sounding
            here = found.setdefault(prefix, [0.0, 0.0])
            here[0] += total * blank
            last = prefix[-1] if prefix else BLANK
            if prefix:
                here[1] += sounding * float(row[last])
            if lengths is not None and len(prefix) >= lengths[1]:
                continue
            for symbol, probability in starting:
                mass = (silent if symbol == last else total) * probability
                if mass > 0:
                    found.setdefault((*prefix, symbol), [0.0, 0.0])[1] += mass
        beams = _kept(found, beam, by_length=lengths is not None)
    usable = [
        (silent + sounding, prefix)
        for prefix, (silent, sounding) in beams.items()
        if lengths is None or lengths[0] <= len(prefix) <= lengths[1]
    ]
    return max(usable)[1] if usable else None


def _starting(row: F64, beam: int, *, all_lengths: bool) -> list[tuple[int, float]]:
    """The symbols that may begin in a frame, with their probabilities."""
    if all_lengths:
        chosen = np.argsort(-row[1:], kind="stable")[:_STARTING] + 1
    else:
        chosen = np.flatnonzero(row[1:] > _TELLING * row.max()) + 1
        if len(chosen) > beam:
            chosen = chosen[np.argsort(-row[chosen], kind="stable")[:beam]]
    return [(int(index), float(row[index])) for index in chosen]


def _kept(
    found: dict[tuple[int, ...], list[float]], beam: int, *, by_length: bool
) -> dict[tuple[int, ...], tuple[float, float]]:
    """The likeliest prefixes, their masses scaled so that the greatest is 1."""
    groups: dict[int, list[tuple[float, tuple[int, ...]]]] = {}
    for prefix, (silent, sounding) in found.items():
        mass = silent + sounding
        if mass > 0:
            groups.setdefault(len(prefix) if by_length else 0, []).append((mass, prefix))
    kept = [entry for group in groups.values() for entry in sorted(group, reverse=True)[:beam]]
    most = max(mass for mass, _ in kept)
    return {prefix: (found[prefix][0] / most, found[prefix][1] / most) for _, prefix in kept}


def _share_of_lengths(probabilities: F64, lengths: Lengths) -> float:
    """Mass of all paths that spell so many characters, 0..1.

    Args:
        probabilities: `(T, C)` float64.
        lengths: Least and greatest number, inclusive.
    """
    low, high = max(lengths[0], 0), min(lengths[1], len(probabilities))
    if low > high:
        return 0.0
    rows = probabilities[:, 1:]
    silent = np.zeros(high + 1)
    silent[0] = 1
    sounding = np.zeros((high + 1, rows.shape[1]))
    for row, blank in zip(rows, probabilities[:, BLANK], strict=True):
        totals = sounding.sum(axis=1)
        begun = np.zeros_like(sounding)
        # A symbol begins after the blank, or after any other symbol.
        begun[1:] = (silent + totals)[:-1, None] - sounding[:-1]
        sounding = (sounding + begun) * row
        silent = (silent + totals) * blank
    return float((silent + sounding.sum(axis=1))[low:].sum())


def _weighed(frames: F64, text: Sequence[int]) -> tuple[float, tuple[float, ...]]:
    """Log-probability of a text, and of each symbol against others in its place.

    Args:
        frames: `(T, C)` float64 log-probabilities.
        text: n symbols.
    """
    forward, backward = _lattices(frames, text)
    log_probability = float(np.logaddexp.reduce(forward[-1, -2:]))
    if not text or not np.isfinite(log_probability):
        return log_probability, (0.0,) * len(text)
    written = np.asarray(text)
    peaks = frames[:, 1:].max(axis=0)
    ranked = np.argsort(-peaks, kind="stable")[:_RIVALS]
    rivals = np.union1d(ranked[peaks[ranked] > _RIVAL] + 1, written)
    # `(n, K)`: between two of the same symbol there must be a blank.
    after_other = np.concatenate([[BLANK], written[:-1]])[:, None] != rivals
    before_other = np.concatenate([written[1:], [BLANK]])[:, None] != rivals
    # Symbol i is state 2i + 1. It is entered from the blank before it or from the symbol before
    # that, and left for the blank after it or for the symbol after that: `(T, n, K)`.
    never = np.full((len(frames), 1), -np.inf)
    behind, ahead = forward[:-1], backward[1:]
    symbol = np.concatenate([never, behind[:, 1:-2:2]], axis=1)[..., None]
    blank = behind[:, 0:-1:2, None]
    entering = np.logaddexp(blank, np.where(after_other, symbol, -np.inf))
    symbol = np.concatenate([ahead[:, 3::2], never], axis=1)[..., None]
    leaving = np.logaddexp(ahead[:, 2::2, None], np.where(before_other, symbol, -np.inf))
    inside = np.empty_like(entering)
    here = np.full(entering.shape[1:], -np.inf)
    for frame, row in enumerate(frames[:, rivals]):
        here = inside[frame] = np.logaddexp(here, entering[frame]) + row
    mass = np.logaddexp.reduce(inside + leaving, axis=0)
    own = mass[np.arange(len(written)), np.searchsorted(rivals, written)]
    shares = np.exp(own - np.logaddexp.reduce(mass, axis=1))
    return log_probability, tuple(min(float(share), 1.0) for share in shares)


def _lattices(frames: F64, text: Sequence[int]) -> tuple[F64, F64]:
    """Mass of the paths through the states blank, symbol, blank, ..., blank, from both ends.

    Args:
        frames: `(T, C)` float64 log-probabilities.
        text: n symbols.

    Returns:
        Two of `(T + 1, 2n + 1)` float64 logarithms: of the first t frames, in each state at their
        end, and of the frames from t on, in each state at their beginning. Before the first frame
        a path stands in the first blank, and after the last one in the last blank.
    """
    symbols = np.full((2, 2 * len(text) + 1), BLANK, np.intp)
    symbols[0, 1::2] = text
    symbols[1] = symbols[0, ::-1]
    # Both ways in one array: `(T, 2, 2n + 1)`.
    emitted = np.stack([frames[:, symbols[0]], frames[::-1, symbols[1]]], axis=1)
    skipped = (symbols[:, 2:] == BLANK) | (symbols[:, 2:] == symbols[:, :-2])
    barred = np.where(skipped, -np.inf, 0.0)
    lattice = np.full((len(frames) + 1, *symbols.shape), -np.inf)
    lattice[0, :, 0] = 0
    for frame, row in enumerate(emitted):
        before = lattice[frame]
        reached = before.copy()
        reached[:, 1:] = np.logaddexp(reached[:, 1:], before[:, :-1])
        reached[:, 2:] = np.logaddexp(reached[:, 2:], before[:, :-2] + barred)
        lattice[frame + 1] = reached + row
    return lattice[:, 0], lattice[::-1, 1, ::-1]
