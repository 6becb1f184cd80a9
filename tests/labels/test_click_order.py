import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.annotations import Annotations, LabelledBox, LabelledPicture, Layout
from labels.click_order import ORDER_FILE, read_order, with_order, write_order
from labels.errors import LayoutError
from labels.pictures import composed

PLACES = st.lists(st.integers(0, 9) | st.none(), max_size=8).filter(
    lambda places: len(set(given := [p for p in places if p is not None])) == len(given)
)


NAMES = st.text(max_size=9).map(composed)


@given(order=st.dictionaries(NAMES, PLACES.map(tuple), max_size=5))
def test_what_is_written_is_read(order, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    write_order(folder, order)
    assert read_order(folder) == order
    assert [path.name for path in folder.iterdir()] == [ORDER_FILE]


def test_no_file_is_no_order(tmp_path):
    assert read_order(tmp_path) == {}
    assert read_order(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param('{"a.png": [0, ', "is not JSON", id="torn"),
        pytest.param("[1]", "must be a JSON object", id="a-list"),
        pytest.param('{"a.png": 1}', "the order of a.png is 1;", id="a-number"),
        pytest.param('{"a.png": [0, 1.5]}', "whole numbers from 0", id="a-share"),
        pytest.param('{"a.png": [true]}', "whole numbers from 0", id="a-bool"),
        pytest.param('{"a.png": [-1]}', "whole numbers from 0", id="negative"),
        pytest.param('{"a.png": [0, null, 0]}', "two boxes at the same place", id="twice"),
        pytest.param(b"\xff\xfe{", "must be UTF-8", id="not-utf-8"),
    ],
)
def test_a_file_that_is_something_else(tmp_path, text, sentence):
    (tmp_path / ORDER_FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LayoutError, match=sentence) as caught:
        read_order(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / ORDER_FILE))


def test_a_wrong_order_is_not_written(tmp_path):
    write_order(tmp_path, {"a.png": (0,)})
    with pytest.raises(LayoutError, match="two boxes"):
        write_order(tmp_path, {"a.png": (1, 1)})
    assert json.loads((tmp_path / ORDER_FILE).read_text()) == {"a.png": [0]}


def test_boxes_take_their_order(tmp_path):
    boxes = (LabelledBox(0, 0, 1, 1, "a"), LabelledBox(1, 1, 2, 2, "b", order=7))
    paths = [tmp_path / "more" / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    pictures = tuple(LabelledPicture(path, 9, 9, boxes) for path in paths)
    annotations = Annotations(tmp_path, Layout.YOLO, pictures, ("a", "b"))
    found = with_order(annotations, {"more/a.png": (1, None), "b.png": (0, 1, 2)})
    orders = [[box.order for box in picture.boxes] for picture in found.pictures]
    # b.png has had another box in the meantime, and c.png was never in the file.
    assert orders == [[1, None], [None, 7], [None, 7]]
