import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.class_names import class_of_folder, folder_of_class, holds_class
from labels.errors import AnnotationError
from labels.pictures import composed

LABELS = st.text(min_size=1, max_size=20).map(composed)
"""Composed, as names are wherever they are read."""


@given(label=LABELS)
def test_the_folder_says_the_class(label):
    name = folder_of_class(label)
    assert class_of_folder(name) == label
    assert holds_class(name)
    assert not set(name) & set('/\\:*?"<>|.\0')
    assert name.strip(" ") == name


@given(one=LABELS, other=LABELS)
def test_two_classes_never_share_a_folder(one, other):
    assert (folder_of_class(one) == folder_of_class(other)) == (one == other)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("并", "并"),
        ("A7", "A7"),
        ("bi:alarm", "bi%3Aalarm"),
        ("mdi/car", "mdi%2Fcar"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E%2E"),
        ("_unnamed", "%5Funnamed"),
        ("snake_case", "snake_case"),
        ("100%", "100%25"),
    ],
)
def test_names(label, name):
    assert folder_of_class(label) == name


@pytest.mark.parametrize("name", ["_unnamed", "_sheets", ".git"])
def test_folders_without_a_class(name):
    assert not holds_class(name)


def test_a_class_too_long_for_a_folder():
    with pytest.raises(AnnotationError, match="too long to be the name of a folder"):
        folder_of_class("字" * 86)
