"""The names network: a trunk like the matcher's and a head for what a drawing means.

Only trainers import this module; serving runs the exported ONNX file.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from siamese.network import Trunk

_HIDDEN = 256


class MeaningTrunk(Trunk):
    """The matcher's trunk up to its last maps; what follows there is about shape alone."""

    def early(self, crops: Tensor, blocks: int) -> Tensor:
        """The maps after the stem and the first blocks, of crops `(N, 3, 64, 64)`."""
        maps: Tensor = self.blocks[:blocks](self.stem(crops))
        return maps

    def late(self, maps: Tensor, blocks: int) -> Tensor:
        """`(N, 128, 4, 4)` of what `early` gave for as many blocks."""
        reduced: Tensor = self.reduce(self.blocks[blocks:](maps))
        return reduced


class NamesNetwork(nn.Module):
    """Crops to embeddings that are near each other where the drawings mean the same.

    The trunk begins with the matcher's weights and is its own from then on, so that the matcher
    and what it knows of shapes stay as they are.
    """

    def __init__(self, features: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = features
        self.dropout = dropout
        self.trunk = MeaningTrunk()
        # The matcher's last layers are no part of this network.
        del self.trunk.features_of, self.trunk.centred
        self.hidden = nn.Linear(self._map_size(), _HIDDEN)
        self.centred = nn.BatchNorm1d(_HIDDEN)
        self.out = nn.Linear(_HIDDEN, features)

    def forward(self, crops: Tensor) -> Tensor:
        """`(N, features)` float32 of length 1 of crops `(N, 3, 64, 64)`."""
        return self.embed(self.trunk.early(crops, 0), 0)

    def embed(self, maps: Tensor, blocks: int) -> Tensor:
        """`(N, features)` float32 of length 1 of the trunk's maps after so many of its blocks."""
        late = self.trunk.late(maps, blocks).flatten(1)
        late = functional.dropout(late, self.dropout, self.training)
        hidden = functional.relu(self.centred(self.hidden(late)))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return functional.normalize(self.out(hidden).float(), dim=1)

    def _map_size(self) -> int:
        with torch.no_grad():
            self.trunk.eval()
            size = self.trunk.late(self.trunk.early(torch.zeros(1, 3, 64, 64), 0), 0).numel()
            self.trunk.train()
        return size


class Proxies(nn.Module):
    """Where the drawings of each thing lie: several places, the nearest of which counts.

    Training alone has them; what is served are clusters of embeddings.
    """

    def __init__(self, things: int, features: int, places: int = 3) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(things, places, features))
        # exp(3) is about 20: a softmax over a thousand things needs sharp cosines.
        self.log_scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, embeddings: Tensor) -> Tensor:
        """`(N, things)` cosines times the scale of embeddings `(N, features)`."""
        places = functional.normalize(self.places.float(), dim=2)
        cosines = torch.einsum("nf,tpf->ntp", embeddings, places).amax(dim=2)
        scale: Tensor = self.log_scale.exp().clamp(max=60.0)
        return scale * cosines
