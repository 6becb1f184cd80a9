"""The character network: rows of weights, one a symbol, over the features of a trunk.

Only trainers import this module; serving runs the exported ONNX file. The trunk is handed over
because it is the Siamese network's: one training run serves both files.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class CharacterNetwork(nn.Module):  # type: ignore[misc]  # torch may be absent
    """Crops to logits of symbols.

    The row of a symbol is the sum of two parts: what the trunk sees of its glyph, set from time to
    time and not learned, and what was learned beside it.
    """

    def __init__(self, trunk: nn.Module, features: int, symbols: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.symbols = nn.Linear(features, symbols)
        self.glyphs: Tensor | None
        self.register_buffer("glyphs", torch.zeros(symbols, features))

    def name(self, features: Tensor) -> Tensor:
        """`(N, features)` of the trunk to `(N, symbols)` logits."""
        rows = self.symbols.weight if self.glyphs is None else self.symbols.weight + self.glyphs
        return functional.linear(features, rows, self.symbols.bias)

    def merge(self) -> None:
        """Make one of the two parts, for export: a file needs no more than their sum."""
        if self.glyphs is not None:
            with torch.no_grad():
                self.symbols.weight += self.glyphs
            self.glyphs = None

    def forward(self, crops: Tensor) -> Tensor:
        """`(N, 3, side, side)` float to `(N, symbols)` logits."""
        return self.name(self.trunk(crops))
