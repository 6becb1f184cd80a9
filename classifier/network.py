"""The character network: rows of weights, one a symbol, over the features of a trunk.

Only trainers import this module; serving runs the exported ONNX file. The trunk is handed over
because it is the Siamese network's: one training run serves both files.
"""

import math
from typing import Generic, TypeVar

from torch import Tensor, nn
from torch.nn import functional

T = TypeVar("T", bound=nn.Module)


class CharacterNetwork(nn.Module, Generic[T]):
    """Crops to logits of symbols.

    Only the direction of a crop's features counts: their length wanders while a trunk learns, and
    would make the same answer certain today and doubtful tomorrow.
    """

    def __init__(self, trunk: T, features: int, symbols: int) -> None:
        super().__init__()
        self.trunk: T = trunk
        self.symbols = nn.Linear(features, symbols)
        self.length = math.sqrt(features)
        """Norm of the features that are named: as long as ones of unit variance."""

    def name(self, features: Tensor) -> Tensor:
        """`(N, features)` of the trunk to `(N, symbols)` logits."""
        logits: Tensor = self.symbols(functional.normalize(features, dim=1) * self.length)
        return logits

    def forward(self, crops: Tensor) -> Tensor:
        """`(N, 3, side, side)` float to `(N, symbols)` logits."""
        return self.name(self.trunk(crops))
