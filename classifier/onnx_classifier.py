"""Our own classifiers: ONNX files whose charset lies in their metadata."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from classifier.charset import Charset
from classifier.charset_classifier import CharsetClassifier
from classifier.inputs import batch_axis
from classifier.preprocess import own_frame
from classifier.readings import CtcReadings, SoftmaxReadings
from modelfile import (
    ModelMetadata,
    ModelSession,
    ModelShapeError,
    OnnxSession,
)
from modelfile.device import Device
from modelfile.tensors import normalised

_MOST_CROPS = 32
"""Most crops of one run: more of them take more memory, and no less time for each."""


class OnnxClassifier(CharsetClassifier):
    """A network with output `(N, C)` (one symbol) or `(N, T, C)` (CTC); implements `Classifier`."""

    def __init__(self, session: ModelSession, *, margin: float | None = None) -> None:
        """Check the network's metadata and shapes.

        Args:
            session: The network.
            margin: Share of a box's sides to add to a crop on every side; by default what the
                file's calibration calls `crop_margin`, or 0.1.

        Raises:
            ModelMetadataError: the metadata lacks something or contradicts itself.
            ModelShapeError: the input or output is not that of a classifier.
            CharsetError: the charset cannot be used.
        """
        metadata = ModelMetadata.from_properties(
            session.properties, source=session.source, kind="classifier"
        )
        if margin is None:
            margin = metadata.calibration.get("crop_margin", 0.1)
        width, height = metadata.input_size
        batch = batch_axis(session, (metadata.channels, height, width), "a classifier")
        rank = len(session.outputs[0].shape)
        if rank not in (2, 3):
            raise ModelShapeError(
                f"{session.source} has an output of {session.outputs[0].shape}, but a classifier "
                "has (N, C) or (N, T, C); export it again."
            )
        if (metadata.charset[0] == "") != (rank == 3):
            raise ModelShapeError(
                f"{session.source} has an output of rank {rank}, but a charset that starts with "
                f"{metadata.charset[0]!r}: a sequence model (N, T, C) starts with the blank '', a "
                "single-symbol model (N, C) does not; export it again."
            )
        charset = Charset(metadata.charset, blank=rank == 3, source=session.source)
        super().__init__(session, charset, name=metadata.title, margin=margin)
        self._metadata = metadata
        self._one_by_one = batch == 1
        # A declared output shape may be symbolic or wrong; one run tells, and warms up as well.
        self._infer([np.zeros((height, width, 3), np.uint8)])

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        threads: int = 1,
        device: Device = "cpu",
        margin: float | None = None,
    ) -> "OnnxClassifier":
        """Load an ONNX file; the arguments are those of the class.

        Raises:
            ModelFileError: the file cannot be used.
        """
        return cls(OnnxSession(path, threads=threads, device=device), margin=margin)

    def _read(self, crops: Sequence[NDArray[np.uint8]]) -> CtcReadings | SoftmaxReadings:
        if self._charset.blank:
            return CtcReadings(list(self._infer(crops)) if crops else [], self._charset)
        logits = self._infer(crops) if crops else np.zeros((0, len(self._charset)), np.float32)
        return SoftmaxReadings(logits, self._charset)

    def _infer(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """`(N, C)` or `(N, T, C)` float32 logits of at least one crop."""
        meta = self._metadata
        frames = np.stack([own_frame(crop, meta.input_size) for crop in crops])
        name = self._session.inputs[0].name
        most = 1 if self._one_by_one else _MOST_CROPS
        portions = [
            normalised(
                frames[at : at + most],
                colour=meta.colour,
                scale=meta.scale,
                mean=meta.mean,
                std=meta.std,
            )
            for at in range(0, len(frames), most)
        ]
        logits: NDArray[np.float32] = np.concatenate(
            [self._session.run({name: portion})[0] for portion in portions]
        )
        wanted_rank = 3 if self._charset.blank else 2
        if (logits.ndim, logits.shape[0], logits.shape[-1]) != (
            wanted_rank,
            len(crops),
            len(self._charset),
        ):
            raise ModelShapeError(
                f"{self._session.source} answers {len(crops)} crops with {logits.shape}, but has "
                f"a charset of {len(self._charset)} symbols; export it again."
            )
        return logits
