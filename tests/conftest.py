"""For all tests: no proxy is asked for the services of this machine, and no time is asserted."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

# A busy machine is no fault of the code.
settings.register_profile("clickorder", deadline=None)
settings.load_profile("clickorder")


class Stripes:
    """Text models whose answers are known, real ONNX files, and pictures for them.

    A picture is 8 pixels high. Each of its columns is one place or frame, and its level of grey the
    symbol: white is none, the characters of the charset follow from black on.
    """

    height = 8

    def levels(self, charset):
        """The level of no character and of each, 0..255."""
        steps = np.linspace(0, 255, len(charset) + 1).round()
        return np.concatenate([[255], steps[:-1]])

    def picture(self, text, charset="0O1ab", width=16):
        """`(8, width, 3)` uint8 RGB: a column for each character, white ones for spaces."""
        symbols = [charset.index(c) + 1 if c != " " else 0 for c in text.ljust(width)]
        columns = self.levels(charset)[symbols].astype(np.uint8)
        return columns[None, :, None].repeat(self.height, 0).repeat(3, 2)

    def model(self, path: Path, charset="0O1ab", *, width=16, batch="n", **changes):
        """Write a model; `changes` go to its metadata, `options` into its options."""
        from onnx import TensorProto, helper, numpy_helper

        from modelfile import ModelMetadata

        options = {"height": self.height, "width": width, **changes.pop("options", {})}
        values = {
            "kind": "text", "name": "stripes", "version": "0.1",
            "input_size": (width, self.height), "colour": "GRAY", "scale": 1 / 255,
            "mean": (0.0,), "std": (1.0,), "training_data": "None.", "code_revision": "0",
            "licence": "Apache-2.0", "charset": ("", *charset), "decoding": "ctc",
        }  # fmt: skip
        metadata = ModelMetadata(**{**values, "options": options, **changes})
        channels = metadata.channels + int(options.get("colours", 0))
        centres = (self.levels(metadata.charset[1:]) / 255).astype(np.float32)
        constants = {
            "weight": 600 * centres[None],
            "bias": -300 * centres**2,
            "last": np.array([-1]),
            "one": np.ones((), np.float32),
            "grey": np.array([0]),
            "near": np.array([channels - 1]),
        }
        node = helper.make_node
        # Where a colour is wanted, what is far from it becomes white.
        seen = (
            [
                node("Gather", ["image", "grey"], ["shown"], axis=1),
                node("Gather", ["image", "near"], ["nearness"], axis=1),
                node("Sub", ["one", "shown"], ["ink"]),
                node("Mul", ["ink", "nearness"], ["wanted"]),
                node("Sub", ["one", "wanted"], ["seen"]),
            ]
            if options.get("colours")
            else [node("Identity", ["image"], ["seen"])]
        )
        nodes = [
            *seen,
            node("ReduceMean", ["seen"], ["columns"], axes=[1, 2], keepdims=0),
            node("Unsqueeze", ["columns", "last"], ["level"]),
            node("MatMul", ["level", "weight"], ["product"]),
            node("Add", ["product", "bias"], ["logits"]),
        ]
        free = width if options.get("fit", "stretch") == "stretch" else "w"
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "stripes",
            [value("image", TensorProto.FLOAT, [batch, channels, self.height, free])],
            [value("logits", TensorProto.FLOAT, [batch, free, len(centres)])],
            initializer=[numpy_helper.from_array(v, name) for name, v in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, metadata.to_properties())
        path.write_bytes(model.SerializeToString())
        return path


@pytest.fixture(scope="session")
def stripes() -> Stripes:
    """Text models whose answers are known."""
    return Stripes()
