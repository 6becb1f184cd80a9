"""Whatever is in a file: an answer or a named fault, never a traceback, and nothing is changed."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.annotations import Annotations, Layout
from labels.errors import LabelsError
from labels.reading import read_annotations
from labels.text_check import check_texts
from labels.texts import read_texts
from training.detector.data import DetectionDataError, read_detection_data
from training.errors import TrainingError
from training.matcher.pictures import read_classes

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def folder_of(files: dict[str, bytes]) -> Iterator[Path]:
    """A folder with a picture and these files; it is seen afterwards that none has changed."""
    place = Path(tempfile.mkdtemp())
    try:
        noise = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(noise).save(place / "a.png")
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        before = snapshot(place)
        yield place
        assert snapshot(place) == before
    finally:
        shutil.rmtree(place)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def answer(read: Callable[[], Annotations]) -> Annotations | None:
    """What a reader says, None where it refused in a sentence."""
    try:
        found = read()
    except LabelsError as error:
        return None if str(error) else pytest.fail("a fault without a sentence")
    for fault in found.faults:
        assert fault.sentence.endswith(".")
    for picture in found.pictures:
        for box in picture.boxes:
            assert 0 <= box.x1 < box.x2 <= picture.width
            assert 0 <= box.y1 < box.y2 <= picture.height
    return found


NUMBERS = st.one_of(
    st.floats(), st.integers(), st.sampled_from(["0.5", "0.0", "nan", "1e400", "-1", "x", "½", "٣"])
)
ROWS = st.lists(NUMBERS, max_size=8).map(lambda row: " ".join(map(str, row)))
TEXTS = st.one_of(st.text(), st.lists(ROWS, max_size=4).map("\n".join))


@FEW
@given(TEXTS)
def test_any_text_in_a_label_file(text):
    content = text.encode("utf-8", "surrogatepass")
    with folder_of({"a.txt": content, "classes.txt": b"cat\n"}) as folder:
        found = answer(lambda: read_annotations(folder))
        if found is not None and found.faults:
            # What was not understood is no picture that shows nothing.
            assert all(picture.boxes for picture in found.pictures)
        with suppress(DetectionDataError, LabelsError):  # a named fault
            read_detection_data([folder], classes="one")


@FEW
@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_in_classes_txt(content):
    with folder_of({"a.txt": b"0 0.5 0.5 0.2 0.2\n", "classes.txt": content}) as folder:
        answer(lambda: read_annotations(folder))


@FEW
@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_in_a_description(content):
    files = {"a.txt": b"0 0.5 0.5 0.2 0.2\n", "data.yaml": b"names: [cat]\n" + content}
    with folder_of(files) as folder:
        answer(lambda: read_annotations(folder))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
PERCENT = st.one_of(st.floats(-50, 150), st.floats(), JSON)
SHAPE_KEYS = (
    "x", "y", "width", "height", "rotation", "radiusX", "radiusY", "points", "rle", "labels",
    "rectanglelabels", "polygonlabels", "choices", "text",
)  # fmt: skip
VALUES = st.dictionaries(
    st.sampled_from(SHAPE_KEYS),
    st.one_of(PERCENT, st.just(["cat"]), st.lists(st.lists(st.floats(0, 100), max_size=3))),
)
RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON | st.just("r"),
        "type": st.sampled_from(["rectanglelabels", "labels", "polygon", "choices", "relation"])
        | JSON,
        "value": VALUES | JSON,
        "to_name": JSON | st.just("image"),
        "item_index": JSON | st.integers(-1, 2),
        "image_rotation": JSON,
        "score": JSON,
    },
)
TASKS = st.fixed_dictionaries(
    {"data": st.dictionaries(st.text(max_size=4), JSON | st.just("/x/a.png"), max_size=3) | JSON},
    optional={
        "annotations": st.lists(st.fixed_dictionaries({"result": st.lists(RESULTS) | JSON})) | JSON,
        "predictions": st.lists(st.fixed_dictionaries({"result": st.lists(RESULTS) | JSON})) | JSON,
        "id": JSON,
    },
)


@FEW
@example([{"data": {}, "annotations": [{"result": [{"type": []}]}]}])
@example([{"data": {"i": "a.png"}, "annotations": [{"result": [{"id": "r", "item_index": []}]}]}])
@given(st.one_of(JSON, st.lists(TASKS, max_size=3)))
def test_any_json_in_an_export_of_label_studio(value):
    content = json.dumps(value).encode()
    with folder_of({"export.json": content}) as folder:
        answer(lambda: read_annotations(folder, Layout.LABEL_STUDIO))


@FEW
@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_in_an_export_of_label_studio(content):
    with folder_of({"export.json": content}) as folder:
        answer(lambda: read_annotations(folder, Layout.LABEL_STUDIO))


@FEW
@given(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1"))))
def test_any_text_in_a_voc_file(text):
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    whole = f"<annotation><object><name>{text}</name>{box}</object></annotation>"
    for content in (text, whole):
        with folder_of({"a.xml": content.encode("utf-8", "surrogatepass")}) as folder:
            answer(lambda folder=folder: read_annotations(folder, Layout.VOC))


@FEW
@given(st.sampled_from(["labels.txt", "labels.json"]), st.one_of(st.text(), JSON.map(json.dumps)))
def test_anything_in_a_list_of_texts(name, text):
    with folder_of({name: text.encode("utf-8", "surrogatepass")}) as folder:
        try:
            report = check_texts(read_texts([folder]))
        except LabelsError:
            return  # a named fault
        assert all(fault.sentence for fault in report.faults)


@FEW
@given(st.binary())
def test_any_bytes_in_a_picture(content):
    with folder_of({"x/a.png": content, "y/b.png": content}) as folder:
        (folder / "a.png").rename(folder.parent / f"{folder.name}.png")
        try:
            with pytest.raises(TrainingError):
                read_classes(folder, single=True)
        finally:
            (folder.parent / f"{folder.name}.png").rename(folder / "a.png")
