import numpy as np
import pytest

from detector import Layout, UnknownLayoutError, decode, find_layout

V5, V8, E2E = "v5", "v8", "end_to_end"


@pytest.mark.parametrize(
    ("shape", "size", "classes", "wanted"),
    [
        pytest.param((1, 25200, 85), (640, 640), 80, Layout(V5, 25200, 80), id="v5-coco"),
        pytest.param((1, 25200, 85), (640, 640), None, Layout(V5, 25200, 80), id="v5-no-names"),
        pytest.param((1, 6300, 6), (320, 320), 1, Layout(V5, 6300, 1), id="v5-one-class"),
        pytest.param((1, 6300, 6), (320, 320), None, Layout(V5, 6300, 1), id="v5-one-unnamed"),
        pytest.param((1, 102000, 6), (1280, 1280), 1, Layout(V5, 102000, 1), id="v5-p6"),
        pytest.param((1, 5040, 7), (256, 320), 2, Layout(V5, 5040, 2), id="v5-not-square"),
        pytest.param((1, 84, 8400), (640, 640), 80, Layout(V8, 8400, 80), id="v8-coco"),
        pytest.param((1, 5, 2100), (320, 320), 1, Layout(V8, 2100, 1), id="v8-one-class"),
        pytest.param((1, 5, 2100), (320, 320), None, Layout(V8, 2100, 1), id="v8-no-names"),
        pytest.param((1, 6, 2100), (320, 320), 2, Layout(V8, 2100, 2), id="v8-six-rows"),
        pytest.param((1, 5, 1680), (256, 320), 1, Layout(V8, 1680, 1), id="v8-not-square"),
        pytest.param((1, 5, 8500), (320, 320), 1, Layout(V8, 8500, 1), id="v8-p2"),
        pytest.param((1, 300, 6), (640, 640), 80, Layout(E2E, 300, None), id="e2e-coco"),
        pytest.param((1, 300, 6), (320, 320), 1, Layout(E2E, 300, None), id="e2e-one-class"),
        pytest.param((1, 100, 6), (320, 320), None, Layout(E2E, 100, None), id="e2e-100-boxes"),
        # 6300 rows of 6 with one class look like v5; with two they cannot be.
        pytest.param((1, 6300, 6), (320, 320), 2, Layout(E2E, 6300, None), id="e2e-by-classes"),
    ],
)
def test_layouts_are_told_apart(shape, size, classes, wanted):
    assert find_layout(shape, size, classes=classes) == wanted


def test_metadata_that_says_end_to_end_settles_it():
    shape, size = (1, 6300, 6), (320, 320)
    assert find_layout(shape, size, classes=1, end_to_end=True).kind == E2E
    assert find_layout(shape, size, classes=1, end_to_end=False).kind == V5
    # What fits no grid is of the end, whatever the metadata say.
    assert find_layout((1, 300, 6), size, classes=1, end_to_end=False).kind == E2E


@pytest.mark.parametrize("classes", [1, 2, 80, None])
def test_a_shape_that_fits_nothing_else_counts_for_more_than_the_metadata(classes):
    """Exports with `nms=True` say of the network, not of the file, that it is not end to end."""
    found = find_layout((1, 300, 6), (320, 320), classes=classes, end_to_end=False)
    assert found == Layout(E2E, 300, None)


@pytest.mark.parametrize(
    ("shape", "size", "classes", "sentence"),
    [
        pytest.param((2100, 6), (320, 320), 1, "is none of", id="rank-2"),
        pytest.param((2, 5, 2100), (320, 320), 1, "is none of", id="batch-2"),
        pytest.param((1, 1000), (224, 224), None, "is none of", id="classification-network"),
        pytest.param((1, 2100, 6), (320, 320), 1, "is none of", id="yolox-raw"),
        pytest.param((1, 5, 2099), (320, 320), 1, "is none of", id="one-cell-short"),
        pytest.param((1, 5, 8400), (320, 320), 1, "is none of", id="other-size"),
        pytest.param((1, 4, 2100), (320, 320), None, "is none of", id="no-class"),
        pytest.param((1, 300, 7), (320, 320), 1, "is none of", id="e2e-rotated"),
        pytest.param((1, 37, 2100), (320, 320), 1, "means 33 classes", id="segmentation"),
        pytest.param((1, 6300, 85), (320, 320), 1, "means 80 classes", id="v5-other-names"),
    ],
)
def test_wrong_shapes_are_refused_with_a_sentence(shape, size, classes, sentence):
    with pytest.raises(UnknownLayoutError, match=sentence) as caught:
        find_layout(shape, size, classes=classes, source="models/a.onnx")
    assert str(caught.value).startswith("models/a.onnx has an output of shape (")
    assert str(caught.value).endswith(".")


def test_a_shape_that_fits_two_layouts_is_refused():
    # 21 cells at 32x32, 63 = 3 * 21 anchors: 63 rows of 21 are 16 classes (v5) or 59 (v8).
    with pytest.raises(UnknownLayoutError, match="fits v5 and v8"):
        find_layout((1, 63, 21), (32, 32))
    assert find_layout((1, 63, 21), (32, 32), classes=16).kind == V5
    assert find_layout((1, 63, 21), (32, 32), classes=59).kind == V8


# Three candidates, two classes: a good one, one below the threshold, one that is not finite.
GRID = np.array(
    [[10, 20, 4, 6, 0.1, 0.8], [50, 60, 10, 10, 0.2, 0.1], [9, np.nan, 4, 4, 0.9, 0.9]], np.float32
)


@pytest.mark.parametrize(
    ("output", "layout"),
    [
        pytest.param(np.insert(GRID, 4, [0.5, 0.9, 0.9], axis=1)[None], Layout(V5, 3, 2), id="v5"),
        pytest.param(GRID.T[None], Layout(V8, 3, 2), id="v8"),
        pytest.param(
            np.array(
                [[[8, 17, 12, 23, 0.8, 1], [45, 55, 55, 65, 0.2, 0], [7, np.nan, 11, 9, 0.9, 0]]],
                np.float32,
            ),
            Layout(E2E, 3, None),
            id="end-to-end",
        ),
    ],
)
def test_decoding(output, layout):
    found = decode(output, layout, 0.3)
    np.testing.assert_array_equal(found.boxes, [[8, 17, 12, 23]])
    np.testing.assert_allclose(found.scores, [0.4 if layout.kind == V5 else 0.8])
    assert found.classes.tolist() == [1]
    assert (found.boxes.dtype, found.scores.dtype, found.classes.dtype) == (
        np.float32,
        np.float32,
        np.int64,
    )


def test_a_threshold_of_zero_still_drops_padding_rows():
    padding = np.zeros((1, 300, 6), np.float32)
    padding[0, 0] = (1, 2, 3, 4, 0.5, 0)
    assert len(decode(padding, Layout(E2E, 300, None), 0.0).boxes) == 1


@pytest.mark.parametrize("kind", ["v5", "v8", "end_to_end"])
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_it_is_what_decoding_every_row_gives(kind, threshold):
    rng = np.random.default_rng(5)
    table = rng.uniform(-0.2, 1.0, (300, 7 if kind != "end_to_end" else 6)).astype(np.float32)
    table[::17, rng.integers(0, table.shape[1], 18)] = np.nan
    table[::29, 2] = np.inf
    wanted = []
    for row in table.tolist():
        if kind == "end_to_end":
            box, score, label = row[:4], row[4], row[5]
        else:
            by_class = [
                v * (row[4] if kind == "v5" else 1) for v in row[5 if kind == "v5" else 4 :]
            ]
            score = max(by_class) if all(v == v for v in by_class) else float("nan")
            label = float(by_class.index(score)) if score == score else 0.0
            x, y, w, h = row[:4]
            box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        finite = np.isfinite([*box, score]).all()
        if finite and score >= threshold and box[2] > box[0] and box[3] > box[1]:
            wanted.append((*box, score, int(label) if label == label else 0))
    output = table.T[None] if kind == "v8" else table[None]
    classes = {"v5": 2, "v8": 3, "end_to_end": None}[kind]
    found = decode(output, Layout(kind, 300, classes), threshold)
    rows = np.column_stack([found.boxes, found.scores, found.classes])
    assert len(rows) > 20
    np.testing.assert_allclose(rows, np.array(wanted), rtol=1e-5, atol=1e-6)
