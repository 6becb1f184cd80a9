"""A real graph whose embedding is the mean colour of a crop, and things that are colours."""

import dataclasses

import numpy as np
import pytest

from modelfile import ModelMetadataError, ModelShapeError
from siamese.errors import PrototypesError
from siamese.names import PrototypeNamer, Prototypes, file_sum

COLOURS = {"ruby": (255, 0, 0), "leaf": (0, 255, 0), "sea": (0, 0, 255)}


@pytest.fixture
def files(colour_names, tmp_path):
    """Network, prototypes and vocabulary that belong together."""
    return colour_names.write(tmp_path)


@pytest.fixture
def things(colour_names):
    return colour_names.things


def namer(files):
    network, prototypes, words = files
    return PrototypeNamer.load(network, prototypes, vocabulary=words)


def crop(colour, size=(12, 9)):
    return np.full((*size, 3), colour, np.uint8)


def test_a_crop_is_named_by_the_nearest_prototype(files, things):
    crops = [crop(COLOURS["sea"]), crop(COLOURS["ruby"], (30, 8)), crop(COLOURS["leaf"])]
    scores = namer(files).score(things, crops)
    assert scores.shape == (3, 3)
    assert scores.argmax(axis=0).tolist() == [2, 0, 1]
    assert scores.max(axis=0).min() > -0.1
    assert scores.min() == -12


def test_scores_are_shares_among_all_things_and_none(files):
    reader = namer(files)
    crops = [crop((200, 30, 90)), crop((120, 120, 120)), crop((0, 200, 190))]
    shares = np.exp(reader.likelihoods(crops))
    assert shares.shape == (3, 3)
    assert (shares.sum(axis=0) < 1).all()
    # Grey is as near to one as to the others, and nearer to none of them.
    assert shares[:, 1].sum() < 0.4


def test_what_is_asked_for_is_answered_in_that_order(files, things):
    reader = namer(files)
    found = reader.score([things[2], things[0]], [crop(COLOURS["ruby"])])
    assert found[:, 0].tolist() == reader.likelihoods([crop(COLOURS["ruby"])])[[2, 0], 0].tolist()


def test_nothing_asked_and_nothing_shown(files, things):
    assert namer(files).score([], [crop((9, 9, 9))]).shape == (0, 1)
    assert namer(files).score(things, []).shape == (3, 0)


def test_more_crops_than_one_run_takes(files, things):
    crops = [crop(list(COLOURS.values())[k % 3]) for k in range(150)]
    scores = namer(files).score(things, crops)
    assert scores.argmax(axis=0).tolist() == [k % 3 for k in range(150)]


def test_the_margin_of_a_crop_is_the_file_s(files):
    picture = np.zeros((40, 40, 3), np.uint8)
    (cut,) = namer(files).crop(picture, np.array([[10, 10, 30, 30]], np.float32))
    assert cut.shape == (30, 30, 3)


def test_title_and_vocabulary(files):
    reader = namer(files)
    assert reader.name == "tiny 0.1"
    assert [thing.id for thing in reader.vocabulary.things] == list(COLOURS)


def test_prototypes_are_read_as_they_were_written(files):
    stored = Prototypes.load(files[1])
    stored.save(files[1].with_name("again.npz"))
    again = Prototypes.load(files[1].with_name("again.npz"))
    for field in dataclasses.fields(Prototypes):
        assert np.array_equal(getattr(stored, field.name), getattr(again, field.name))


def changed(files, **changes):
    dataclasses.replace(Prototypes.load(files[1]), **changes).save(files[1])


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        pytest.param({"network": "0" * 64}, r"another names\.onnx", id="another network"),
        pytest.param({"vocabulary": "0" * 64}, r"another vocabulary", id="another vocabulary"),
        pytest.param({"scale": 0.0}, "a scale", id="no scale"),
        pytest.param({"nothing": float("nan")}, "a scale", id="no number"),
        pytest.param({"owners": np.array([0, 1, 0, 2])}, "every thing", id="out of order"),
        pytest.param({"owners": np.array([0, 1, 1, 3])}, "every thing", id="a thing without one"),
        pytest.param({"owners": np.array([0, 1, 1])}, "every thing", id="one without a thing"),
        pytest.param({"owners": np.array([0, 1, 1, 1])}, "of 2 things", id="too few things"),
        pytest.param(
            {"vectors": np.zeros((4, 5), np.int8)}, "5 numbers each", id="another network's size"
        ),
        pytest.param({"vectors": np.zeros((4, 3))}, "every thing", id="another type"),
    ],
)
def test_prototypes_that_do_not_belong_to_the_network(files, changes, part):
    changed(files, **changes)
    with pytest.raises(PrototypesError, match=part):
        namer(files)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04nothing", b"\x93NUMPY", np.zeros(3).tobytes(), b"x" * 4_000_000]
)
def test_files_that_are_no_prototypes(files, content):
    files[1].write_bytes(content)
    with pytest.raises(PrototypesError, match=r"names\.npz"):
        namer(files)


def test_prototypes_of_another_format(files):
    with np.load(files[1]) as stored:
        values = dict(stored)
    np.savez(files[1], **(values | {"format": np.array(99)}))
    with pytest.raises(PrototypesError, match="format 99"):
        namer(files)


def test_prototypes_that_are_not_there(files):
    files[1].unlink()
    with pytest.raises(PrototypesError, match="cannot be read"):
        namer(files)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"name": "images"}, ModelShapeError, id="another input"),
        pytest.param({"output": "logits"}, ModelShapeError, id="another output"),
        pytest.param({"batch": 1}, ModelShapeError, id="one crop at a time"),
        pytest.param({"kind": "siamese"}, ModelMetadataError, id="another kind"),
        pytest.param({"input_size": (8, 9)}, ModelMetadataError, id="no square"),
    ],
)
def test_networks_that_are_not_of_this_kind(files, colour_names, options, error):
    colour_names.network(files[0], **options)
    changed(files, network=file_sum(files[0]))
    with pytest.raises(error, match=r"names\.onnx"):
        namer(files)
