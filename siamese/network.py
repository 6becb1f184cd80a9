"""The Siamese network: a small residual trunk for both sides and a head for pairs.

Only trainers import this module; serving runs the exported ONNX file.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE_PX = 64
WIDTHS = (32, 64, 128, 128, 256)
_REDUCED = 128
_PAIR_HIDDEN = 32


class Trunk(nn.Module):
    """Crops to features: `(N, 3, 64, 64)` to `(N, features)`.

    The stem halves the resolution at once and no block works above 16 x 16: on a CPU most of the
    time of a wider first stage goes into moving memory, not into recognising anything.
    """

    def __init__(self, features: int = 192) -> None:
        super().__init__()
        stem, *blocks = WIDTHS
        self.features = features
        self.stem = nn.Sequential(*_convolution(3, stem, stride=2), nn.ReLU(inplace=True))
        widths = [stem, *blocks]
        self.blocks = nn.Sequential(
            *(
                # The second block of equal width keeps the resolution: 16, 8, 8, 4 pixels.
                Block(before, after, stride=1 if before == after else 2)
                for before, after in pairwise(widths)
            )
        )
        self.reduce = nn.Sequential(
            *_convolution(widths[-1], _REDUCED, size=1), nn.ReLU(inplace=True)
        )
        # Where a stroke is matters, so that the last map is flattened and not averaged.
        self.features_of = nn.Linear(_REDUCED * (SIDE_PX // 16) ** 2, features)
        # Without it all crops share one large component at first, and every cosine is near 1.
        self.centred = nn.BatchNorm1d(features)

    def forward(self, crops: Tensor) -> Tensor:
        """Features that are not normalised yet.

        Args:
            crops: `(N, 3, 64, 64)` float, scaled as the model file says.
        """
        maps = self.reduce(self.blocks(self.stem(crops)))
        features: Tensor = self.centred(self.features_of(maps.flatten(1)))
        return features


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            *_convolution(before, after, stride=stride), nn.ReLU(inplace=True)
        )
        self.second = nn.Sequential(*_convolution(after, after))
        same = before == after and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity()
            if same
            else nn.Sequential(*_convolution(before, after, size=1, stride=stride))
        )

    def forward(self, maps: Tensor) -> Tensor:
        """`(N, before, h, w)` to `(N, after, h / stride, w / stride)`."""
        return functional.relu(self.second(self.first(maps)) + self.shortcut(maps))


class PairHead(nn.Module):
    """Two embeddings to the logit of "same item".

    `|f1 - f2|` goes through a small perceptron, and the cosine is added with a factor of its own:
    the cosine orders candidates well from the first steps on, the perceptron learns which
    differences matter.
    """

    def __init__(self, features: int = 192) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, _PAIR_HIDDEN)
        self.out = nn.Linear(_PAIR_HIDDEN, 1)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits `(...)` of embeddings `(..., features)` of length 1, which broadcast."""
        difference = (first - second).abs()
        # Differences of unit vectors are small; the factor brings them near 1.
        learned = self.out(functional.relu(self.hidden(10 * difference)))[..., 0]
        logits: Tensor = learned + self.scale * (first * second).sum(-1)
        return logits


class SiameseNetwork(nn.Module):
    """Trunk and head together."""

    def __init__(self, features: int = 192) -> None:
        super().__init__()
        self.trunk = Trunk(features)
        self.head = PairHead(features)

    def embed(self, crops: Tensor) -> Tensor:
        """`(N, features)` float32 of length 1."""
        return functional.normalize(self.trunk(crops).float(), dim=1)

    def forward(self, prompt: Tensor, scene: Tensor) -> tuple[Tensor, Tensor]:
        """The graph that is exported.

        Args:
            prompt: `(M, 3, 64, 64)` float.
            scene: `(N, 3, 64, 64)` float.

        Returns:
            `(M, N)` logits, and the `(M + N, features)` embeddings, prompt first.
        """
        embeddings = self.embed(torch.cat([prompt, scene]))
        first, second = embeddings[: prompt.shape[0]], embeddings[prompt.shape[0] :]
        return self.head(first[:, None], second[None]), embeddings


def _convolution(before: int, after: int, *, size: int = 3, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
    ]
