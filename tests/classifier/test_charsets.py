"""Choices of characters, rules for labels, names of colours."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.charsets import (
    PRESETS,
    LabelRule,
    characters_of,
    fitting_preset,
    gb2312,
    preset,
    unique,
)
from classifier.colours import COLOURS, rgb_of
from classifier.errors import CharacterSetError, UnknownColourError


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("numeric", "0123456789"),
        ("upper", string.ascii_uppercase),
        ("numeric+lower", "0123456789" + string.ascii_lowercase),
        ("lower+alphabet", string.ascii_lowercase + string.ascii_uppercase),
        ("0123456789+-", "0123456789+-"),
        ("1+1=2", "1+=2"),
        ("成行成", "成行"),
        (".txt", ".tx"),
    ],
)
def test_choices(choice, wanted):
    assert characters_of(choice) == wanted


def test_presets():
    assert [len(preset(name)) for name in PRESETS] == [10, 26, 26, 52, 62, 2000, 3755]
    assert all(len(set(preset(name))) == len(preset(name)) for name in PRESETS)
    assert set("啊成行做") <= set(preset("chinese"))
    assert gb2312(16, 16)[0] == "啊"
    with pytest.raises(CharacterSetError, match="no charset preset 'greek'"):
        preset("greek")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.txt", "ab\nc成\r\n", id="text"),
        pytest.param("a.TXT", "\ufeffabc成", id="byte-order-mark"),
        pytest.param("a.json", '["a", "b", "c", "成"]', id="list"),
        pytest.param("a.json", '"abc成a"', id="json-text"),
        pytest.param("a.json", '{"charset": ["", "a", "b", "c", "成"]}', id="object"),
        pytest.param(
            "a.json", '{"charset": [" ", "a", "b", "c", "成"], "word": false}', id="dddd-trainer"
        ),
    ],
)
def test_files(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    assert characters_of(str(path)) == "abc成"
    assert characters_of(str(path), exclude="c成") == "ab"


@pytest.mark.parametrize(
    ("choice", "content", "sentence"),
    [
        pytest.param("", None, "has no characters;", id="empty"),
        pytest.param("gone.txt", None, "cannot be read", id="missing"),
        pytest.param("a.txt", b"\n", "has no characters;", id="empty-file"),
        pytest.param("a.txt", b"\xff", r"is not \.txt in UTF-8", id="encoding"),
        pytest.param("a.json", b"[", r"is not \.json in UTF-8", id="broken"),
        pytest.param("a.json", b"[1]", "no list of characters", id="numbers"),
        pytest.param("a.json", b"{}", "no list of characters", id="object"),
        pytest.param("a.json", b'["a", "bc"]', "'bc', which is several", id="words"),
    ],
)
def test_choices_that_cannot_be_used(tmp_path, choice, content, sentence):
    if content is not None:
        (tmp_path / choice).write_bytes(content)
    with pytest.raises(CharacterSetError, match=sentence):
        characters_of(str(tmp_path / choice) if choice else "")
    with pytest.raises(CharacterSetError, match="but those that are excluded"):
        characters_of("ab", exclude="abc")


@pytest.mark.parametrize(
    ("characters", "wanted"),
    [
        ("0927", "numeric"),
        ("ab", "lower"),
        ("aB", "alphabet"),
        ("a1", "numeric+lower"),
        ("A1", "numeric+upper"),
        ("aA1", "alphanumeric"),
        ("成", "common-chinese"),
        ("成1", "numeric+common-chinese"),
        ("成a", "alphanumeric+common-chinese"),
        ("成鳃", "chinese"),
        ("成鳃a", "alphanumeric+chinese"),
        ("a-", None),
        ("", None),
    ],
)
def test_the_preset_that_fits(characters, wanted):
    assert fitting_preset(characters) == wanted


@given(st.text("09azAZ成行-", max_size=6))
def test_a_fitting_preset_has_all_of_them(characters):
    found = fitting_preset(characters)
    if found is not None:
        assert set(characters) <= set(characters_of(found))


@pytest.mark.parametrize(
    ("rule", "text", "wanted"),
    [
        (LabelRule(), "aB0o", "aB0o"),
        (LabelRule("lower"), "aB0O", "ab0o"),
        (LabelRule("upper"), "aBß", "ABß"),
        (LabelRule("upper", "O0I1"), "oil", "01L"),
        (LabelRule("", "abba"), "abc", "bac"),
    ],
)
def test_rules(rule, text, wanted):
    assert rule.apply(text) == wanted
    assert rule.charset(text + text) == unique(wanted)


@given(st.text(max_size=8), st.sampled_from(["", "lower", "upper"]))
def test_folding_keeps_the_number_of_characters(text, fold):
    assert len(LabelRule(fold).apply(text)) == len(text)


def test_rules_that_make_no_sense():
    with pytest.raises(CharacterSetError, match="'title'"):
        LabelRule("title")
    with pytest.raises(CharacterSetError, match="pairs"):
        LabelRule("", "abc")


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Red", "红"), ("green", "绿色"), (" gray ", "grey"), ("violet", "紫"), ("#0f0", "#00FF00"),
        ("black", "#000000"), ("white", "#ffffff"), ("blue", "蓝色"), ("黄", "yellow"),
    ],
)  # fmt: skip
def test_colours_with_several_names(name, same):
    assert rgb_of(name) == rgb_of(same)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_any_value(value):
    assert rgb_of("#{:02x}{:02X}{:02x}".format(*value)) == value


@pytest.mark.parametrize("name", ["", "色", "octarine", "#12", "#12345g", "#１２３"])
def test_no_colours(name):
    with pytest.raises(UnknownColourError, match="is not known; use one of red, green"):
        rgb_of(name)


def test_named_colours_are_far_apart():
    """A name is useless where another one is as near."""
    values = sorted(set(COLOURS.values()))
    distances = [
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for at, one in enumerate(values)
        for other in values[:at]
    ]
    assert min(distances) > 60


def test_json_round_trip_of_a_preset(tmp_path):
    path = tmp_path / "charset.json"
    path.write_text(json.dumps(list(preset("alphanumeric"))))
    assert characters_of(str(path)) == preset("alphanumeric")
