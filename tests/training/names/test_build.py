import pytest

from siamese.vocabulary import LANGUAGES, shipped_vocabulary
from training.names.build import build_names


@pytest.fixture(scope="module")
def built():
    return {thing.id: thing for thing in build_names()}


def test_every_thing_has_names_in_every_language(built):
    assert len(built) >= 900
    assert all(set(thing.names) == set(LANGUAGES) for thing in built.values())
    assert all(all(thing.names.values()) for thing in built.values())


def test_the_shipped_vocabulary_is_what_is_built(built):
    """But for things that too few collections draw, which only the ingredients can tell."""
    shipped = {thing.id: thing for thing in shipped_vocabulary().things}
    assert set(shipped) <= set(built)
    assert {id_: built[id_].names for id_ in shipped} == {
        id_: thing.names for id_, thing in shipped.items()
    }


@pytest.mark.parametrize(
    ("id_", "language", "name"),
    [
        pytest.param("airplane", "zh", "飞机", id="CLDR"),
        pytest.param("airplane", "en", "plane", id="a name of our own"),
        pytest.param("cat", "en", "cat face", id="merged"),
        pytest.param("ewe", "en", "sheep", id="a better name"),
        pytest.param("wifi", "es", "wifi", id="no emoji"),
        pytest.param("clover", "zh", "苜蓿", id="a thing of our own"),
    ],
)
def test_names(built, id_, language, name):
    assert name in built[id_].names[language]


@pytest.mark.parametrize(
    "id_",
    [
        pytest.param("flag: Germany", id="flags"),
        pytest.param("cat face", id="merged into another"),
        pytest.param("man cook", id="people by sex"),
        pytest.param("keycap: 1", id="keys"),
        pytest.param("one o'clock", id="hours"),
        pytest.param("thumbs up: light skin tone", id="skin tones"),
        pytest.param("grinning squinting face", id="moods"),
    ],
)
def test_what_is_no_thing(built, id_):
    assert id_ not in built


def test_no_short_name_says_two_things(built):
    """A short name of an emoji that is the usual name of another thing is left out."""
    assert "lantern" not in built["oil drum"].names["en"]
    assert not {"shit", "fu"} & {name for thing in built.values() for name in thing.names["en"]}
