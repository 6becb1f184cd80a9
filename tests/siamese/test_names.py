"""A real graph whose embedding is the mean colour of a crop, and things that are colours."""

import dataclasses

import numpy as np
import pytest
from onnx import TensorProto, helper

from modelfile import ModelMetadata, ModelMetadataError, ModelShapeError
from siamese.errors import PrototypesError
from siamese.names import PrototypeNamer, Prototypes, file_sum, quantised
from siamese.vocabulary import Thing, entry_line

SIDE = 8
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
THINGS = [Thing(name, {"en": (name,), "zh": (f"色{name}",), "es": (name,)}) for name in COLOURS]
META = ModelMetadata(
    kind="names",
    name="tiny",
    version="0.1",
    input_size=(SIDE, SIDE),
    colour="RGB",
    scale=1 / 255,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    training_data="None.",
    code_revision="0",
    licence="Apache-2.0",
    calibration={"crop_margin": 0.25},
)


def network_file(path, metadata=META, *, name="crops", batch="n", output="embedding"):
    """The mean of each channel, at length 1; grey gives none of the colours."""
    nodes = [
        helper.make_node("ReduceMean", [name], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], [output], axis=1, p=2),
    ]
    side = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 3])
    graph = helper.make_graph(nodes, "names", [side], [out])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, metadata.to_properties())
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def files(tmp_path):
    """Network, prototypes and vocabulary that belong together."""
    network = network_file(tmp_path / "names.onnx")
    words = tmp_path / "vocabulary.jsonl"
    words.write_text("\n".join(map(entry_line, THINGS)), encoding="utf-8")
    prototypes = Prototypes(
        quantised(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]),
        np.array([0, 1, 1, 2]),
        20.0,
        0.7,
        file_sum(network),
        file_sum(words),
    )
    prototypes.save(tmp_path / "names.npz")
    return network, tmp_path / "names.npz", words


def namer(files):
    network, prototypes, words = files
    return PrototypeNamer.load(network, prototypes, vocabulary=words)


def crop(colour, size=(12, 9)):
    return np.full((*size, 3), colour, np.uint8)


def test_a_crop_is_named_by_the_nearest_prototype(files):
    crops = [crop(COLOURS["blue"]), crop(COLOURS["red"], (30, 8)), crop(COLOURS["green"])]
    scores = namer(files).score(THINGS, crops)
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


def test_what_is_asked_for_is_answered_in_that_order(files):
    reader = namer(files)
    found = reader.score([THINGS[2], THINGS[0]], [crop(COLOURS["red"])])
    assert found[:, 0].tolist() == reader.likelihoods([crop(COLOURS["red"])])[[2, 0], 0].tolist()


def test_nothing_asked_and_nothing_shown(files):
    assert namer(files).score([], [crop((9, 9, 9))]).shape == (0, 1)
    assert namer(files).score(THINGS, []).shape == (3, 0)


def test_more_crops_than_one_run_takes(files):
    crops = [crop(list(COLOURS.values())[k % 3]) for k in range(150)]
    scores = namer(files).score(THINGS, crops)
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
        pytest.param(
            {"metadata": dataclasses.replace(META, kind="siamese")},
            ModelMetadataError,
            id="another kind",
        ),
        pytest.param(
            {"metadata": dataclasses.replace(META, input_size=(SIDE, 9))},
            ModelMetadataError,
            id="no square",
        ),
    ],
)
def test_networks_that_are_not_of_this_kind(files, options, error):
    network_file(files[0], **options)
    changed(files, network=file_sum(files[0]))
    with pytest.raises(error, match=r"names\.onnx"):
        namer(files)
