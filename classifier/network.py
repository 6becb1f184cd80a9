"""The character network: rows of weights, one a symbol, over the features of a trunk.

Only trainers import this module; serving runs the exported ONNX file. The trunk is handed over
because it is the Siamese network's: one training run serves both files.
"""

from torch import Tensor, nn


class CharacterNetwork(nn.Module):  # type: ignore[misc]  # torch may be absent
    """Crops to logits of symbols."""

    def __init__(self, trunk: nn.Module, features: int, symbols: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.symbols = nn.Linear(features, symbols)

    def forward(self, crops: Tensor) -> Tensor:
        """`(N, 3, side, side)` float to `(N, symbols)` logits."""
        logits: Tensor = self.symbols(self.trunk(crops))
        return logits
