"""The character network: rows of weights, one a symbol, over the features of a trunk.

Only trainers import this module; serving runs the exported ONNX file. The trunk is handed over
because it is the Siamese network's: one training run serves both files.
"""

import math

from torch import Tensor, nn
from torch.nn import functional


class CharacterNetwork(nn.Module):  # type: ignore[misc]  # torch may be absent
    """Crops to logits of symbols.

    Only the direction of a crop's features counts: their length wanders while a trunk learns, and
    would make the same answer certain today and doubtful tomorrow.
    """

    def __init__(self, trunk: nn.Module, features: int, symbols: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.symbols = nn.Linear(features, symbols)
        self.length = math.sqrt(features)
        """Of the features that are named: as long as ones of unit variance."""

    def name(self, features: Tensor) -> Tensor:
        """`(N, features)` of the trunk to `(N, symbols)` logits."""
        logits: Tensor = self.symbols(functional.normalize(features, dim=1) * self.length)
        return logits

    def forward(self, crops: Tensor) -> Tensor:
        """`(N, 3, side, side)` float to `(N, symbols)` logits."""
        return self.name(self.trunk(crops))
