"""Inference sessions: what the models ask of one, and the one over ONNX Runtime."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelfile.device import Device, check_device, execution_providers
from modelfile.errors import ModelCorruptError, ModelMissingError, ModelRunError
from modelfile.surgery import external_files

# Errors are raised, so none is printed; and some exporters (ddddocr's among them) declare output
# shapes that ONNX Runtime contradicts with a warning on every single run.
_LOG_FATAL_ONLY = 4
_FLOAT_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_STOP_SPINNING = "session.force_spinning_stop"
_LFS_HEAD = b"version https://git-lfs"
_REASON = re.compile(r"^\s*\[ONNXRuntimeError\] : \d+ : \w+ : ")
# "/src/model.cc:181 ns::Model(const A&, B) " before what it means to say.
_PLACE = re.compile(r"\S+\.(?:cc|h):\d+ .*?\)\s+(?=[A-Z])")
_MOST_REASON = 300
# What ONNX Runtime says, and what helps against it.
_ADVICE = (
    ("IR version", "export it with an older IR version, or install a newer onnxruntime"),
    ("opset", "export it with an older opset, or install a newer onnxruntime"),
    ("not a registered function/op", "export it without operators of another library"),
    ("No Op registered", "export it without operators of another library"),
    ("external", "copy the files of its weights beside it"),
)


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
    """A network in ONNX Runtime.

    `run` may be called from several threads at once.
    """

    def __init__(
        self,
        model: str | PathLike[str] | bytes,
        *,
        threads: int = 1,
        device: Device = "cpu",
        source: str | None = None,
        folder: Path | None = None,
    ) -> None:
        """Load a network.

        Args:
            model: Path of the file, or its bytes.
            threads: Threads that one run may use on the CPU.
            device: What it runs on.
            source: What to call the model in messages; by default the path.
            folder: Where the files of weights lie that bytes name; a path has its own.

        Raises:
            DeviceError: it cannot run on the device.
            ModelMissingError: there is no such file.
            ModelCorruptError: it is no ONNX model that this ONNX Runtime can run.
        """
        providers = execution_providers(device)
        self._source = source or (
            "The model given as bytes" if isinstance(model, bytes) else str(Path(model))
        )
        if not isinstance(model, bytes):
            file = existing_file(model)
            model = str(file)
            with file.open("rb") as stream:
                head = stream.read(len(_LFS_HEAD))
            if head == _LFS_HEAD:
                raise ModelCorruptError(
                    f"{self._source} is the pointer of Git LFS and not the model itself; fetch it "
                    "with git lfs pull."
                )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_FATAL_ONLY
        # An arena of its own would keep what the largest batch ever took, for each model: 390 MiB
        # instead of 256 after some close looks, at the same speed.
        options.enable_cpu_mem_arena = False
        # Threads spin between the operators of a run, but not on into another model's.
        options.add_session_config_entry(_STOP_SPINNING, "1")
        if isinstance(model, bytes):
            content, place = model, folder
            if folder is not None:
                options.add_session_config_entry(_EXTERNAL_FOLDER, str(folder))
        else:
            content, place = b"", Path(model).parent
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common base but this one.
            if (lost := _lost_weights(content or Path(str(model)).read_bytes(), place)) is not None:
                raise ModelMissingError(
                    f"{self._source} keeps weights in {lost}, which is not beside it; copy both."
                ) from error
            reason = _reason(error)
            advice = next(
                (advice for words, advice in _ADVICE if words in reason),
                "download or export it again",
            )
            raise ModelCorruptError(
                f"{self._source} is not an ONNX model that ONNX Runtime {onnxruntime.__version__} "
                f"can load ({reason}); {advice}."
            ) from error
        check_device(device, self._session.get_providers())
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


def _lost_weights(model: bytes, folder: Path | None) -> str | None:
    """A file of weights that a model names and that is not there; None where all are."""
    try:
        names = external_files(model)
    except ModelCorruptError:
        return None
    return next((name for name in names if folder is None or not (folder / name).is_file()), None)


def _reason(error: Exception) -> str:
    """What the runtime says, on one line, without its codes."""
    text = " ".join(_PLACE.sub("", _REASON.sub("", str(error)), count=1).split()).rstrip(".")
    return text if len(text) <= _MOST_REASON else f"{text[:_MOST_REASON]}..."


def _spec(item: Any) -> TensorSpec:  # onnxruntime.NodeArg has no type stubs
    shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in item.shape)
    return TensorSpec(name=item.name, shape=shape, dtype=item.type)
