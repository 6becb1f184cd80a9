"""Words that a sentence asks to click."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.solving.sentences import words_of

SENTENCES = {
    "lenticular": ("请依次点击【花】【草】", ("花", "草")),
    "chinese-quotes": ("请按顺序点击“树”“木”“林”", ("树", "木", "林")),
    "corner-brackets": ("請依次點擊「飛」「機」", ("飛", "機")),
    "ascii-quotes": ('Click on "A7" then "K2"', ("A7", "K2")),
    "square": ("Please tap [cup] [tree]", ("cup", "tree")),
    "colon": ("Click in order: A7 K2", ("A7", "K2")),
    "full-colon": ("请依次点击：花草树", ("花", "草", "树")),
    "commas": ("依次点击: 花，草、树", ("花", "草", "树")),
    "and": ("Click: apple, pear and cup.", ("apple", "pear", "cup")),
    "list-in-one-quote": ("请点击“花,草,树”", ("花", "草", "树")),
    "apostrophe": ("Don't hurry: A B", ("A", "B")),
    "arrows": ("Order: A -> B -> C", ("A", "B", "C")),
    "multi-character-word": ("请点击【狮子】【飞机】", ("狮子", "飞机")),
    "colon-before-quotes": ("依次点击：『一』『二』", ("一", "二")),
}


@pytest.mark.parametrize(("sentence", "words"), SENTENCES.values(), ids=SENTENCES)
def test_words_of_a_sentence(sentence: str, words: tuple[str, ...]) -> None:
    assert words_of(sentence) == words


@pytest.mark.parametrize("sentence", ["请依次点击", "Click the words", "Click:", "【】", "：。"])
def test_a_sentence_that_names_nothing_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError, match="names no words"):
        words_of(sentence)


@given(words=st.lists(st.text("花草树木林AK72", min_size=1, max_size=3), min_size=1, max_size=6))
def test_bracketed_words_come_back_as_they_are(words: list[str]) -> None:
    assert words_of("请依次点击" + "".join(f"【{word}】" for word in words)) == tuple(words)


@given(sentence=st.text(max_size=60))
def test_any_text_is_words_or_one_sentence(sentence: str) -> None:
    try:
        words = words_of(sentence)
    except ValueError as error:
        assert "names no words" in str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert words
        assert all(words)
