"""Inference sessions: what the models ask of one, and the one over ONNX Runtime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelfile.errors import ModelCorruptError, ModelMissingError, ModelRunError

# Errors are raised, so none is printed; and some exporters (ddddocr's among them) declare output
# shapes that ONNX Runtime contradicts with a warning on every single run.
_LOG_FATAL_ONLY = 4
_FLOAT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output as the file declares it.

    Attributes:
        name: As in the graph.
        shape: None stands for an axis whose length is not fixed.
        dtype: ONNX Runtime's word for it: `"tensor(float)"`.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class ModelSession(Protocol):
    """A loaded network."""

    @property
    def source(self) -> str:
        """What to call the file in messages."""
        ...

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the graph's order."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the graph's order."""
        ...

    @property
    def properties(self) -> Mapping[str, str]:
        """The file's metadata table."""
        ...

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> list[NDArray[Any]]:
        """Run the network once.

        Args:
            feeds: An array per input name.
            outputs: Names of the outputs wanted; None for all of them.
        """
        ...


class OnnxSession:
    """A network in ONNX Runtime on the CPU.

    `run` may be called from several threads at once.
    """

    def __init__(
        self, model: str | PathLike[str] | bytes, *, threads: int = 1, source: str | None = None
    ) -> None:
        """Load a network.

        Args:
            model: Path of the file, or its bytes.
            threads: Threads that one run may use.
            source: What to call the model in messages; by default the path.

        Raises:
            ModelMissingError: there is no such file.
            ModelCorruptError: it is no ONNX model that this ONNX Runtime can run.
        """
        self._source = source or (
            "The model given as bytes" if isinstance(model, bytes) else str(Path(model))
        )
        if not isinstance(model, bytes):
            model = str(existing_file(model))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_FATAL_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but this one.
            raise ModelCorruptError(
                f"{self._source} is not an ONNX model that ONNX Runtime {onnxruntime.__version__} "
                "can load; download or export it again."
            ) from error
        self._inputs = tuple(_spec(item) for item in self._session.get_inputs())
        self._outputs = tuple(_spec(item) for item in self._session.get_outputs())
        self._properties = dict(self._session.get_modelmeta().custom_metadata_map)
        self._run_options = onnxruntime.RunOptions()
        self._run_options.log_severity_level = _LOG_FATAL_ONLY

    @property
    def source(self) -> str:
        """What to call the file in messages."""
        return self._source

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs, in the graph's order."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs, in the graph's order."""
        return self._outputs

    @property
    def properties(self) -> Mapping[str, str]:
        """The file's metadata table."""
        return self._properties

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> list[NDArray[Any]]:
        """Run the network once; half-precision networks take and give float32 here.

        Raises:
            ModelRunError: the arrays do not fit the inputs.
        """
        types = {spec.name: _FLOAT_TYPES.get(spec.dtype) for spec in self._inputs}
        cast = {
            name: array.astype(types[name], copy=False) if types.get(name) else array
            for name, array in feeds.items()
        }
        try:
            results = self._session.run(
                None if outputs is None else list(outputs), cast, self._run_options
            )
        except Exception as error:  # as above
            given = ", ".join(f"{name} {array.shape}" for name, array in cast.items())
            wanted = ", ".join(f"{spec.name} {spec.shape}" for spec in self._inputs)
            raise ModelRunError(
                f"{self._source} failed on {given}; its inputs are declared as {wanted}."
            ) from error
        return [
            result.astype(np.float32) if result.dtype == np.float16 else result
            for result in results
        ]


def existing_file(path: str | PathLike[str]) -> Path:
    """The path, once it is sure that a file lies there.

    Raises:
        ModelMissingError: there is no file.
    """
    file = Path(path)
    if not file.is_file():
        fault = "is a folder" if file.is_dir() else "does not exist"
        raise ModelMissingError(f"The model file {file} {fault}; check the path in the settings.")
    return file


def _spec(item: Any) -> TensorSpec:  # onnxruntime.NodeArg has no type stubs
    shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in item.shape)
    return TensorSpec(name=item.name, shape=shape, dtype=item.type)
