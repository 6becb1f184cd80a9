import json

import pytest
from typer.testing import CliRunner

from clickorder.cli import app
from siamese.vocabulary import shipped_vocabulary


def names(*arguments):
    return CliRunner().invoke(app, ["names", *arguments])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param("飞机", "airplane", id="Chinese"),
        pytest.param("coffe", "hot beverage", id="the beginning of a name"),
        pytest.param("guitarra", "guitar", id="Spanish"),
    ],
)
def test_names_are_searched(text, first):
    found = names("list", text)
    assert found.exit_code == 0
    assert found.stdout.splitlines()[0].startswith(f"{first}  en: ")


def test_without_a_text_everything_is_listed():
    found = names("list", "--json")
    assert [entry["id"] for entry in json.loads(found.stdout)] == [
        thing.id for thing in shipped_vocabulary().things
    ]


def test_a_limit():
    assert len(names("list", "a", "--limit", "3").stdout.splitlines()) == 3


def test_nothing_like_it_is_one_sentence():
    found = names("list", "龘龘龘")
    assert found.exit_code == 1
    assert "龘龘龘" in found.stderr


def test_a_vocabulary_of_ones_own_is_listed(colour_names, tmp_path):
    words = colour_names.write(tmp_path)[2]
    found = names("list", "--vocabulary", str(words))
    assert [line.split()[0] for line in found.stdout.splitlines()] == list(colour_names.colours)
    words.write_text("{}")
    found = names("list", "--vocabulary", str(words))
    assert found.exit_code == 1
    assert "line 1, must have id" in " ".join(found.output.split())
