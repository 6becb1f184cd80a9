"""The matcher over one ONNX graph that embeds both sides in one pass.

The graph takes `prompt` `(M, C, S, S)` and `scene` `(N, C, S, S)`, concatenates them, embeds all
crops at once, splits the embeddings and answers `similarity` `(M, N)`, logits of "same item". It
may answer `embedding` `(M+N, D)` besides, prompt crops first.
"""

from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from modelfile import (
    ModelMetadata,
    ModelMetadataError,
    ModelSession,
    ModelShapeError,
    OnnxSession,
)
from modelfile.device import Device
from siamese.preprocess import cut, to_batch

F32 = NDArray[np.float32]

_INPUTS = ("prompt", "scene")
_SIMILARITY = "similarity"
_EMBEDDING = "embedding"

_MOST_SCENE_CROPS = 48
"""Most crops of one run, which embeds the prompt's crops again: more take more memory, and hardly
less time."""


class SiameseMatcher:
    """A Siamese network; implements `Matcher`."""

    def __init__(self, session: ModelSession, *, margin: float | None = None) -> None:
        """Check the network's metadata and shapes, and run it once.

        Args:
            session: The network.
            margin: Share of a box's longer side to add to a crop on every side; by default what
                the file's calibration calls `crop_margin`, or 0.08.

        Raises:
            ModelMetadataError: the metadata lacks something or contradicts itself.
            ModelShapeError: the inputs or outputs are not those of a matcher.
        """
        metadata = ModelMetadata.from_properties(
            session.properties, source=session.source, kind="siamese"
        )
        if metadata.input_size[0] != metadata.input_size[1]:
            raise ModelMetadataError(
                f"{session.source} has an input size of {metadata.input_size}, but a siamese "
                "model takes squares; export it again."
            )
        self._session = session
        self._metadata = metadata
        if margin is None:
            margin = metadata.calibration.get("crop_margin", 0.08)
        self._margin = margin
        self._check_shapes()
        # Different counts on the two sides: a graph with the batch baked in shows itself here.
        blank = np.zeros((1, 1, 3), np.uint8)
        self.compare([blank], [blank, blank])

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        threads: int = 1,
        device: Device = "cpu",
        margin: float | None = None,
    ) -> "SiameseMatcher":
        """Load an ONNX file.

        Args:
            path: The file.
            threads: Threads that one run may use.
            device: What the network runs on.
            margin: Share of a box's longer side to add to a crop on every side; by default what
                the file's calibration calls `crop_margin`, or 0.08.

        Raises:
            ModelFileError: the file cannot be used.
        """
        return cls(OnnxSession(path, threads=threads, device=device), margin=margin)

    @property
    def name(self) -> str:
        """Name and version, as reported to callers."""
        return self._metadata.title

    @property
    def metadata(self) -> ModelMetadata:
        """What the file says of itself."""
        return self._metadata

    def crop(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        """Cut the boxes out with this model's margin.

        Args:
            image: `(H, W, 3)` uint8 RGB.
            boxes: `(N, 4)` float32, `x1, y1, x2, y2` in pixels of `image`, `x2`/`y2` exclusive.
        """
        return cut(image, boxes, margin=self._margin)

    def compare(
        self, prompt: Sequence[NDArray[np.uint8]], scene: Sequence[NDArray[np.uint8]]
    ) -> F32:
        """Logit of "same item" for every pair; no crop is embedded for each pair anew.

        Args:
            prompt: M crops, `(h, w, 3)` uint8 RGB.
            scene: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `(M, N)` float32 logits; the sigmoid is the probability of "same".

        Raises:
            CropShapeError: a crop is no picture.
        """
        if not prompt or not scene:
            return np.zeros((len(prompt), len(scene)), np.float32)
        items = self._batch(prompt)
        portions = [
            self._similarity(items, self._batch(scene[at : at + _MOST_SCENE_CROPS]))
            for at in range(0, len(scene), _MOST_SCENE_CROPS)
        ]
        return np.concatenate(portions, axis=1)

    def embed(self, crops: Sequence[NDArray[np.uint8]]) -> F32:
        """What the network makes of each crop before it compares: near each other where alike.

        All crops go through the network in one pass; give a large folder in portions.

        Args:
            crops: N crops, `(h, w, 3)` uint8 RGB.

        Returns:
            `(N, D)` float32, of length 1 in our own files, whose cosine says how alike two are.

        Raises:
            CropShapeError: a crop is no picture.
            ModelShapeError: the file keeps its embeddings to itself.
        """
        declared = {spec.name: spec.shape for spec in self._session.outputs}.get(_EMBEDDING)
        if declared is None:
            raise ModelShapeError(
                f"{self._session.source} compares crops, but has no output {_EMBEDDING}; export it "
                "again with train-siamese."
            )
        if not crops:
            return np.zeros((0, declared[-1] or 0), np.float32)
        batch = self._batch(crops)
        # The graph wants both sides, and the pairwise head is cheapest with one crop on one of
        # them; a lone crop stands on both.
        feeds = {"prompt": batch[:1], "scene": batch[1:] if len(crops) > 1 else batch}
        embeddings: F32 = self._session.run(feeds, [_EMBEDDING])[0]
        if embeddings.ndim != 2 or len(embeddings) != max(len(crops), 2):
            raise ModelShapeError(
                f"{self._session.source} answers {len(crops)} crops with embeddings of "
                f"{embeddings.shape}; export it again with train-siamese."
            )
        return embeddings[: len(crops)]

    def _similarity(self, prompt: F32, scene: F32) -> F32:
        """`(M, N)` logits of two batches."""
        similarity: F32 = self._session.run({"prompt": prompt, "scene": scene}, [_SIMILARITY])[0]
        if similarity.shape != (len(prompt), len(scene)):
            raise ModelShapeError(
                f"{self._session.source} compares {len(prompt)} with {len(scene)} crops and "
                f"answers {similarity.shape}; export it with free batch axes."
            )
        return similarity

    def _batch(self, crops: Sequence[NDArray[np.uint8]]) -> F32:
        meta = self._metadata
        return to_batch(
            crops,
            meta.input_size[0],
            colour=meta.colour,
            scale=meta.scale,
            mean=meta.mean,
            std=meta.std,
        )

    def _check_shapes(self) -> None:
        session, side = self._session, self._metadata.input_size[0]
        wanted = (self._metadata.channels, side, side)
        names = tuple(sorted(spec.name for spec in session.inputs))
        if names != _INPUTS:
            raise ModelShapeError(
                f"{session.source} has the inputs {', '.join(names)}, but a siamese model has "
                f"{' and '.join(_INPUTS)}; export it again."
            )
        outputs = [spec.name for spec in session.outputs]
        if _SIMILARITY not in outputs:
            raise ModelShapeError(
                f"{session.source} has the outputs {', '.join(outputs)}, but a siamese model has "
                f"{_SIMILARITY}; export it again."
            )
        for spec in session.inputs:
            fits = len(spec.shape) == 4 and all(
                declared in (None, side)
                for declared, side in zip(spec.shape[1:], wanted, strict=True)
            )
            if not fits or spec.shape[0] is not None:
                raise ModelShapeError(
                    f"{session.source} declares the input {spec.name} as {spec.shape}, but its "
                    f"metadata asks for (any number, {wanted[0]}, {side}, {side}); export it again."
                )
