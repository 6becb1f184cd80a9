"""What networks run on, and the execution providers of ONNX Runtime for it."""

from typing import Literal

from modelfile.errors import DeviceError

Device = Literal["auto", "cpu", "cuda"]
"""`auto` is a GPU where ONNX Runtime can use one, and the CPU elsewhere."""

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def execution_providers(device: Device) -> list[str]:
    """Names of the providers to open a network with, the preferred one first.

    Args:
        device: What the network should run on.

    Raises:
        DeviceError: `cuda` is asked for, and ONNX Runtime was built without it.
    """
    import onnxruntime  # only here: whoever needs the type alone need not wait for it

    if device == "cpu":
        return [CPU]
    available = onnxruntime.get_available_providers()
    if CUDA in available:
        return [CUDA, CPU]
    if device == "auto":
        return [CPU]
    raise DeviceError(
        f"The device cuda needs an ONNX Runtime with CUDA, and the one that is installed "
        f"({onnxruntime.__version__}) has only {', '.join(available)}; install the extra gpu as "
        "docs/operations.md says, or set the device to cpu or auto."
    )


def check_device(device: Device, providers: list[str]) -> None:
    """See that a network has what was asked for: ONNX Runtime takes the CPU where there is no GPU.

    Args:
        device: What the network should run on.
        providers: Those that it was opened with.

    Raises:
        DeviceError: `cuda` was asked for, and the network runs on the CPU.
    """
    if device == "cuda" and CUDA not in providers:
        raise DeviceError(
            "The device cuda was asked for, but ONNX Runtime finds no GPU here that it can use; "
            "check the driver, CUDA and cuDNN, or set the device to cpu or auto."
        )
