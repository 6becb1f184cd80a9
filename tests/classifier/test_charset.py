import pytest

from classifier import Charset, CharsetError, UnknownWordError

CTC = Charset(["", "并", "A", "7", "𠮷"], blank=True, source="a.onnx")
SOFTMAX = Charset(["anchor", "A", "7K"], blank=False, source="b.onnx")


@pytest.mark.parametrize(
    ("charset", "word", "wanted"),
    [
        pytest.param(CTC, "并", (1,), id="ctc-one"),
        pytest.param(CTC, "A7A", (2, 3, 2), id="ctc-row"),
        pytest.param(CTC, "77", (3, 3), id="ctc-repeated"),
        pytest.param(CTC, "𠮷", (4,), id="ctc-beyond-16-bit"),
        pytest.param(CTC, "", None, id="ctc-empty"),
        pytest.param(CTC, "Ax", None, id="ctc-unknown"),
        pytest.param(CTC, "a", None, id="ctc-case-matters"),
        pytest.param(SOFTMAX, "anchor", (0,), id="softmax-name"),
        pytest.param(SOFTMAX, "7K", (2,), id="softmax-pair"),
        pytest.param(SOFTMAX, "A7K", None, id="softmax-row"),
        pytest.param(SOFTMAX, "", None, id="softmax-empty"),
    ],
)
def test_words(charset, word, wanted):
    assert charset.knows(word) == (wanted is not None)
    if wanted is not None:
        assert charset.encode(word) == wanted
    else:
        with pytest.raises(UnknownWordError) as caught:
            charset.encode(word)
        assert str(caught.value).endswith(".")


def test_the_unknown_character_is_named():
    with pytest.raises(UnknownWordError, match=r"word 'A并x' has 'x', .* charset of a\.onnx"):
        CTC.encode("A并x")


def test_the_blank_may_be_called_anything():
    named = Charset([" ", "a", " "], blank=True, source="c")
    assert named.encode(" a") == (2, 1)
    assert not Charset([" ", "a"], blank=True, source="c").knows(" ")


@pytest.mark.parametrize(
    ("symbols", "blank", "sentence"),
    [
        (["", "a", "b", "a"], True, "symbol 'a' twice"),
        (["a", "a"], False, "symbol 'a' twice"),
        ([""], True, "charset of 1 symbols"),
        ([], False, "charset of 0 symbols"),
    ],
)
def test_charsets_that_cannot_be_used(symbols, blank, sentence):
    with pytest.raises(CharsetError, match=rf"^c\.onnx has .*{sentence}"):
        Charset(symbols, blank=blank, source="c.onnx")


def test_equality_is_of_content():
    assert Charset(["", "a"], blank=True, source="x") == Charset(["", "a"], blank=True, source="y")
    assert Charset(["b", "a"], blank=True, source="x") != Charset(
        ["b", "a"], blank=False, source="x"
    )
    assert len(CTC) == 5
