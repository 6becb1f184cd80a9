"""The text models that are shipped read what their cards say they read."""

from pathlib import Path

import pytest

from classifier.charsets import characters_of
from classifier.errors import ReadingError
from classifier.text_reader import SHIPPED, SHIPPED_READERS, TextReader, reader_file
from training.synthetic.ingredients.palette import Palette
from training.text.synthetic import BENCHMARK, DrawingPlan, TextDrawer

NOTHING = Palette((), (), (), ())
COUNT = 60


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader.load(SHIPPED)


def test_it_knows_digits_both_cases_and_common_chinese(reader: TextReader) -> None:
    wanted = characters_of("alphanumeric+common-chinese")
    assert set(wanted) <= set(reader.charset.symbols)


@pytest.mark.parametrize(
    ("charset", "least"), [("numeric", 0.9), ("numeric+upper", 0.75)], ids=["digits", "capitals"]
)
def test_it_reads_the_captcha_package(reader: TextReader, charset: str, least: float) -> None:
    characters = characters_of(charset)
    drawer = TextDrawer(DrawingPlan(characters, (4, 4), (160, 60)), BENCHMARK, 7)
    drawn = [drawer.draw("captcha") for _ in range(COUNT)]
    read = reader.read([one.picture for one in drawn], charset=characters, length=4)
    right = sum(one.text == reading.text for one, reading in zip(drawn, read, strict=True))
    assert right / COUNT >= least


def test_it_reads_the_characters_of_one_colour(reader: TextReader) -> None:
    """Drawn with Pillow's own font, the only one that is everywhere."""
    plan = DrawingPlan(characters_of("numeric"), (4, 4), (160, 60))
    drawer = TextDrawer(plan, BENCHMARK, 8, palette=NOTHING)
    drawn = [drawer.draw("two-colours") for _ in range(COUNT)]
    coloured = [one for one in drawn if one.colour is not None]
    right = told = 0
    for one in coloured:
        (reading,) = reader.read([one.picture], colour="#{:02x}{:02x}{:02x}".format(*one.colour))
        (plain,) = reader.read([one.picture])
        right += reading.text == one.text
        told += plain.text == one.text
    assert right / len(coloured) >= 0.6
    # Told nothing of colours, it reads them all, which is another text.
    assert told < right / 2


READERS = {
    "captcha-upper4": ("numeric+upper", (4, 4), (170, 80)),
    "captcha-digits4": ("numeric", (4, 4), (160, 60)),
    "captcha-lower4": ("numeric+lower", (4, 4), (160, 60)),
    "captcha-upper4-6": ("numeric+upper", (4, 6), (160, 60)),
}


def test_every_reader_that_is_shipped_is_tested() -> None:
    assert SHIPPED_READERS.keys() == READERS.keys()


@pytest.mark.parametrize("name", READERS)
def test_a_reader_of_one_kind_reads_that_kind(name: str) -> None:
    charset, lengths, sides = READERS[name]
    drawer = TextDrawer(DrawingPlan(characters_of(charset), lengths, sides), BENCHMARK, 7)
    drawn = [drawer.draw("captcha") for _ in range(COUNT)]
    reader = TextReader.load(reader_file(name))
    read = reader.read([one.picture for one in drawn])
    right = sum(one.text == reading.text for one, reading in zip(drawn, read, strict=True))
    assert right / COUNT >= 0.9


def test_a_name_nobody_ships_is_one_sentence() -> None:
    with pytest.raises(ReadingError, match="did you mean captcha-upper4"):
        reader_file("captcha-uper4")


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("captcha-upper4").write_bytes(b"")
    assert reader_file("captcha-upper4") == Path("captcha-upper4")
    assert reader_file(tmp_path / "any.onnx") == tmp_path / "any.onnx"
    assert reader_file(None) == SHIPPED
