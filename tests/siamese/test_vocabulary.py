import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.errors import VocabularyError
from siamese.vocabulary import (
    LANGUAGES,
    Thing,
    Vocabulary,
    entry_line,
    plain_word,
    shipped_vocabulary,
)

PLANE = Thing("airplane", {"en": ("airplane", "plane"), "zh": ("飞机", "客机"), "es": ("avión",)})
DEPARTURE = Thing(
    "airplane departure", {"en": ("airplane departure",), "zh": ("飞机起飞",), "es": ("despegue",)}
)
SHEEP = Thing("sheep", {"en": ("sheep",), "zh": ("绵羊", "羊"), "es": ("oveja",)})
GOAT = Thing("goat", {"en": ("goat",), "zh": ("山羊", "羊"), "es": ("cabra",)})
SMALL = Vocabulary([PLANE, DEPARTURE, SHEEP, GOAT])


def ids(things):
    return [thing.id for thing in things]


def test_the_shipped_vocabulary_has_names_of_everyday_things_in_three_languages():
    vocabulary = shipped_vocabulary()
    assert len(vocabulary) >= 800
    for thing in vocabulary.things:
        assert all(thing.names[language] for language in LANGUAGES)
        assert all(thing in vocabulary.find(word) for word in thing.words)


@pytest.mark.parametrize(
    ("word", "thing"),
    [
        pytest.param("飞机", "airplane", id="Chinese"),
        pytest.param("苹果", "red apple", id="a Chinese name that CLDR does not have"),
        pytest.param("杯子", "hot beverage", id="a name of several things"),
        pytest.param("火", "fire", id="a character"),
        pytest.param("Hot-Dog", "hot dog", id="case and hyphens"),
        pytest.param("T恤", "t shirt", id="two scripts"),
        pytest.param("avión", "airplane", id="Spanish"),
        pytest.param("ｃａｒ", "automobile", id="full width"),
        pytest.param("coffee", "hot beverage", id="an alias"),
    ],
)
def test_shipped_names(word, thing):
    assert thing in ids(shipped_vocabulary().find(word))


@pytest.mark.parametrize("word", ["", "-", "qwertz", "🚀"])
def test_what_names_nothing(word):
    assert not SMALL.find(word)
    assert word not in SMALL


def test_one_word_may_name_several_things():
    assert ids(SMALL.find("羊")) == ["sheep", "goat"]
    assert "羊" in SMALL


def test_a_usual_name_comes_before_an_alias():
    crane = Thing("crane", {"en": ("crane",), "zh": ("吊车",), "es": ("grúa",)})
    bird = Thing("bird", {"en": ("bird", "crane"), "zh": ("鸟",), "es": ("ave",)})
    assert ids(Vocabulary([bird, crane]).find("crane")) == ["crane", "bird"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", ["airplane", "airplane departure", "sheep", "goat"], id="everything"),
        pytest.param("plane", ["airplane", "airplane departure"], id="exact before a part"),
        pytest.param("飞机", ["airplane", "airplane departure"], id="Chinese"),
        pytest.param("AVIÓN", ["airplane"], id="case"),
        pytest.param("shep", ["sheep"], id="a typing error"),
        pytest.param("submarine", [], id="nothing"),
    ],
)
def test_search(text, found):
    assert ids(SMALL.search(text)) == found


def test_search_keeps_to_its_limit():
    assert ids(SMALL.search("", 2)) == ["airplane", "airplane departure"]
    assert ids(SMALL.search("plane", 1)) == ["airplane"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        pytest.param("airplan", ("airplane", "plane"), id="a letter short"),
        pytest.param("cabrra", ("cabra",), id="Spanish"),
        pytest.param("客", (), id="one character is like nothing"),
        pytest.param("qqqqq", (), id="nothing"),
    ],
)
def test_nearest(word, near):
    assert SMALL.nearest(word)[: len(near) or None] == near


ENTRY = {"id": "a", "en": ["a"], "zh": ["甲"], "es": ["a"]}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        pytest.param(b"{", "no JSON", id="no JSON"),
        pytest.param(b"[1]", "must have id", id="no object"),
        pytest.param(b"\xff", "UTF-8", id="another encoding"),
        pytest.param(json.dumps(ENTRY | {"fr": []}).encode(), "must have id", id="another key"),
        pytest.param(json.dumps(ENTRY | {"id": 1}).encode(), "a string as its id", id="an id"),
        pytest.param(json.dumps(ENTRY | {"zh": []}).encode(), "no name of", id="no name"),
        pytest.param(json.dumps(ENTRY | {"zh": ["-"]}).encode(), "no text", id="an empty name"),
        pytest.param(json.dumps(ENTRY | {"zh": [1]}).encode(), "no text", id="a number"),
        pytest.param((json.dumps(ENTRY) + "\n").encode() * 2, "twice", id="one id twice"),
        pytest.param(b" " * 5_000_000, "more than", id="too large"),
    ],
)
def test_files_that_are_no_vocabulary(data, part, tmp_path):
    file = tmp_path / "names.jsonl"
    file.write_bytes(data)
    with pytest.raises(VocabularyError, match=part) as error:
        Vocabulary.load(file)
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(VocabularyError, match="cannot be read"):
        Vocabulary.load(tmp_path / "nowhere")


def test_an_id_that_is_not_there():
    with pytest.raises(VocabularyError, match="'ufo'"):
        SMALL.thing("ufo")
    assert SMALL.thing("goat") is GOAT


WORDS = st.text(min_size=1, max_size=12).filter(plain_word)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(tuple)


@given(st.dictionaries(WORDS, st.fixed_dictionaries(dict.fromkeys(LANGUAGES, NAMES)), min_size=1))
def test_a_file_is_read_as_it_was_written(entries):
    things = tuple(Thing(id_, names) for id_, names in entries.items())
    data = "\n".join(map(entry_line, things)).encode()
    assert Vocabulary.parse(data, "the file").things == things


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        read = Vocabulary.parse(data, "the file")
    except VocabularyError:
        return
    assert all(thing in read.find(thing.words[0]) for thing in read.things)
