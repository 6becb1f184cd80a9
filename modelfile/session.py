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
_INPUT_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
_FOLDER_OF_WEIGHTS = "session.model_external_initializers_file_folder_path"
_LFS_POINTER = b"version https://git-lfs"
_LONGEST_REASON = 300
"""Characters of the runtime's reason that are quoted."""


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
        self,
        model: str | PathLike[str] | bytes,
        *,
        threads: int = 1,
        source: str | None = None,
        folder: str | PathLike[str] | None = None,
    ) -> None:
        """Load a network.

        Args:
            model: Path of the file, or its bytes.
            threads: Threads that one run may use.
            source: What to call the model in messages; by default the path.
            folder: Where the weights of a model given as bytes lie, if it keeps them in a second
                file; a path needs none.

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
        if folder is not None:
            options.add_session_config_entry(_FOLDER_OF_WEIGHTS, str(folder))
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but this one.
            raise ModelCorruptError(_why_not_loaded(self._source, model, error)) from error
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
        """Run the network once; networks in half or double precision take and give float32 here.

        An input of bytes takes whole numbers of 0..255.

        Raises:
            ModelRunError: the arrays do not fit the inputs.
        """
        types = {spec.name: _INPUT_TYPES.get(spec.dtype) for spec in self._inputs}
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
            wanted = ", ".join(f"{spec.name} {spec.shape} {spec.dtype}" for spec in self._inputs)
            raise ModelRunError(
                f"{self._source} failed on {given}; its inputs are declared as {wanted} "
                f"({_reason(error)})."
            ) from error
        return [
            result.astype(np.float32) if result.dtype in (np.float16, np.float64) else result
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


def _why_not_loaded(source: str, model: str | bytes, error: Exception) -> str:
    """The sentence for a file that ONNX Runtime refuses."""
    if isinstance(model, bytes):
        start, size = model[:100], len(model)
    else:
        with Path(model).open("rb") as file:
            start, size = file.read(100), Path(model).stat().st_size
    if size == 0:
        return f"{source} is not an ONNX model but an empty file; download or export it again."
    if start.startswith(_LFS_POINTER):
        return (
            f"{source} is not an ONNX model but a Git LFS pointer to one; fetch the file with "
            "`git lfs pull`."
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return f"{source} is not an ONNX model but a web page; download the file itself."
    reason = _reason(error)
    if "external" in reason.lower() and "data" in reason.lower():
        return (
            f"{source} keeps its weights in a second file, which is missing or cannot be read "
            f"({reason}); put it beside the model under the name that it was exported with."
        )
    return (
        f"{source} is not an ONNX model that ONNX Runtime {onnxruntime.__version__} can load "
        f"({reason}); download or export it again."
    )


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, as a part of a sentence."""
    told = " ".join(str(error).split()).rpartition("[ONNXRuntimeError] : ")[2].rstrip(". ")
    if len(told) <= _LONGEST_REASON:
        return told
    # In the middle stand the signatures of C++ functions; what is wrong comes last.
    half = _LONGEST_REASON // 2
    return f"{told[:half]} ... {told[-half:]}"


def _spec(item: Any) -> TensorSpec:  # onnxruntime.NodeArg has no type stubs
    shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in item.shape)
    return TensorSpec(name=item.name, shape=shape, dtype=item.type)
