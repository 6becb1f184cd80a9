"""The decoders against sums over every path."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text_decode import UNUSUAL, decode_ctc, decode_fixed


def logits(rows):
    return np.array(rows, np.float32)


def softmax(values):
    weights = np.exp(values.astype(np.float64))
    return weights / weights.sum(axis=1, keepdims=True)


def spelt(path):
    """What a CTC path says: repetitions merged, blanks taken out."""
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def ctc_masses(values, allowed=None, lengths=None):
    """Every allowed text with its share of the allowed mass; path by path."""
    probabilities = softmax(values)
    masses = {}
    for path in itertools.product(range(values.shape[1]), repeat=len(values)):
        if allowed is not None and not all(s == 0 or allowed[s] for s in path):
            continue
        text = spelt(path)
        if lengths is None or lengths[0] <= len(text) <= lengths[1]:
            mass = np.prod([row[symbol] for row, symbol in zip(probabilities, path, strict=True)])
            masses[text] = masses.get(text, 0.0) + mass
    total = sum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def fixed_masses(values, allowed=None, lengths=None):
    """The same for a network of fixed length: characters from the left, then none."""
    probabilities = softmax(values)
    masses = {}
    for filled in itertools.product(range(values.shape[1]), repeat=len(values)):
        text = tuple(symbol for symbol in filled if symbol)
        in_row = filled == text + (0,) * (len(filled) - len(text))
        usable = allowed is None or all(allowed[symbol] for symbol in text)
        long_enough = lengths is None or lengths[0] <= len(text) <= lengths[1]
        if in_row and usable and long_enough:
            masses[text] = np.prod(
                [row[symbol] for row, symbol in zip(probabilities, filled, strict=True)]
            )
    total = sum(masses.values())
    return {text: mass / total for text, mass in masses.items()}


def by_habit(masses, usual):
    """Shares where texts of other lengths count less."""
    weighed = {
        text: mass * (1 if usual[0] <= len(text) <= usual[1] else UNUSUAL)
        for text, mass in masses.items()
    }
    total = sum(weighed.values())
    return {text: mass / total for text, mass in weighed.items()} if total else {}


def replaced(masses, text, place):
    """Mass of all texts that differ from this one in one place at most."""
    return sum(
        mass
        for other, mass in masses.items()
        if len(other) == len(text)
        and other[:place] + other[place + 1 :] == text[:place] + text[place + 1 :]
    )


DECODERS = pytest.mark.parametrize(
    ("decode", "oracle"),
    [
        pytest.param(
            lambda values, **rest: decode_ctc(values, beam=10_000, **rest), ctc_masses, id="ctc"
        ),
        pytest.param(decode_fixed, fixed_masses, id="fixed"),
    ],
)


@st.composite
def questions(draw):
    """Logits of up to 5 frames and 4 symbols, with or without restrictions."""
    frames, symbols = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    numbers = st.floats(-3, 3, width=32)  # so that none is too unlikely for the search
    values = draw(
        st.lists(
            st.lists(numbers, min_size=symbols, max_size=symbols), min_size=frames, max_size=frames
        )
    )
    allowed = draw(st.none() | st.lists(st.booleans(), min_size=symbols, max_size=symbols))
    lengths = draw(
        st.none() | st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted).map(tuple)
    )
    return logits(values), None if allowed is None else np.array(allowed), lengths


@DECODERS
@given(question=questions())
def test_against_every_path(decode, oracle, question):
    values, allowed, lengths = question
    before = values.copy()
    masses = {text: mass for text, mass in oracle(values, allowed, lengths).items() if mass > 0}
    found = decode(values, allowed=allowed, lengths=lengths)
    np.testing.assert_array_equal(values, before)
    if not masses:
        assert found.confidence == 0
        assert found.symbols == ()
        return
    assert masses.get(found.symbols, 0.0) == pytest.approx(max(masses.values()), rel=1e-5)
    assert found.confidence == pytest.approx(masses[found.symbols], rel=1e-4)
    # Each symbol against every other in its place; the length is no matter of the symbol.
    unbound = oracle(values, allowed, None)
    for place, share in enumerate(found.characters):
        wanted = unbound[found.symbols] / replaced(unbound, found.symbols, place)
        assert share == pytest.approx(wanted, rel=1e-4)


@DECODERS
@given(question=questions(), usual=st.tuples(st.integers(1, 5), st.integers(0, 2)))
def test_usual_lengths_against_every_path(decode, oracle, question, usual):
    values, allowed, lengths = question
    usual = (usual[0], sum(usual))
    masses = oracle(values, allowed, lengths)
    if lengths is None:
        masses = by_habit(masses, usual)
    masses = {text: mass for text, mass in masses.items() if mass > 0}
    found = decode(values, allowed=allowed, lengths=lengths, usual=usual)
    if not masses:
        assert (found.symbols, found.confidence) == ((), 0)
        return
    assert masses.get(found.symbols, 0.0) == pytest.approx(max(masses.values()), rel=1e-4)
    assert found.confidence == pytest.approx(masses[found.symbols], rel=1e-4)


def test_a_habit_finds_a_faint_character_and_gives_way_to_plain_ones():
    plain, faint = [-9.0, 9.0, -9.0], [2.0, -9.0, 0.0]
    blank = [9.0, -9.0, -9.0]
    three = logits([plain, blank, plain, blank, faint, blank])
    assert decode_ctc(three).symbols == (1, 1)
    found = decode_ctc(three, usual=(3, 3))
    assert found.symbols == (1, 1, 2)
    assert found.confidence > 0.9
    two = logits([plain, blank, plain, blank, blank, blank])
    for length in (3, 4):
        found = decode_ctc(two, usual=(length, length))
        assert found.symbols == (1, 1)
        assert found.confidence > 0.99


@given(question=questions())
def test_a_narrow_beam_never_claims_more_than_there_is(question):
    values, allowed, lengths = question
    found = decode_ctc(values, allowed=allowed, lengths=lengths, beam=1)
    if found.confidence:
        masses = ctc_masses(values, allowed, lengths)
        assert found.confidence == pytest.approx(masses[found.symbols], rel=1e-4)


def peaky(*symbols, classes=40, height=12.0):
    values = np.zeros((len(symbols), classes), np.float32)
    values[np.arange(len(symbols)), symbols] = height
    return values


def test_many_frames_and_symbols():
    path = (0, 7, 7, 0, 7, 0, 0, 3, 9, 9, 0) * 6
    found = decode_ctc(peaky(*path))
    assert found.symbols == spelt(path)
    assert found.confidence == pytest.approx(softmax(peaky(1))[0, 1] ** len(path), rel=1e-2)
    assert len(found.characters) == len(found.symbols)
    assert min(found.characters) > 0.999


def test_a_length_that_the_likeliest_text_does_not_have():
    # 7 stands so wide that it may be two, if there must be four characters.
    values = peaky(0, 1, 0, 7, 7, 7, 0, 2, 0)
    assert decode_ctc(values).symbols == (1, 7, 2)
    found = decode_ctc(values, lengths=(4, 4))
    assert len(found.symbols) == 4
    assert decode_ctc(values, lengths=(3, 4)).symbols == (1, 7, 2)
    assert decode_ctc(values, lengths=(10, 12)).confidence == 0
    only = np.zeros(40, bool)
    only[7] = True
    assert decode_ctc(values, allowed=only, lengths=(5, 5)).symbols == (7,) * 5
    assert decode_ctc(values, allowed=only, lengths=(6, 6)).confidence == 0


def test_frames_that_certainly_show_nothing():
    """Readings of several widths are filled up with frames of a certain blank."""
    values = peaky(1, 0, 2)
    tail = np.full((3, 40), -np.inf, np.float32)
    tail[:, 0] = 0
    longer = decode_ctc(np.concatenate([values, tail]))
    assert longer.symbols == (1, 2)
    assert longer.confidence == pytest.approx(decode_ctc(values).confidence, rel=1e-6)


@pytest.mark.parametrize("decode", [decode_ctc, decode_fixed])
def test_nothing_of_what_is_allowed(decode):
    values = np.full((3, 4), -np.inf, np.float32)
    values[:, 2] = 0
    allowed = np.array([True, True, False, True])
    assert decode(values, allowed=allowed).symbols == ()


def test_restrictions_raise_the_confidence_by_what_they_rule_out():
    values = logits([[0, 3, 3, 0, -9]])
    either = decode_fixed(values)
    only = decode_fixed(values, allowed=np.array([1, 1, 0, 1, 1], bool))
    assert either.confidence < 0.5
    assert only.symbols == (1,)
    assert only.confidence > 0.9
