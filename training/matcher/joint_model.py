"""The network of both trainers: one trunk with a pairwise head and a symbol classifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from classifier.network import CharacterNetwork
from siamese.network import SiameseNetwork

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

SCALE, MEAN, STD = 1 / 255, 0.5, 0.25
_HARDEST = 8
_LABEL_SMOOTHING = 0.05
_UNNAMED = 0.1
"""Weight of the loss on crops without a symbol; it starts near the log of the charset's size."""

_EVALUATED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the losses.

    Attributes:
        pairs: Weight of the contrastive loss and of the pairwise head's losses.
        symbols: Weight of the symbol classifier's loss.
    """

    pairs: float = 1.0
    symbols: float = 1.0


class JointModel(nn.Module):
    """The Siamese network and, if there is a charset, the character network on the same trunk."""

    def __init__(self, charset: tuple[str, ...] = (), features: int = 192) -> None:
        super().__init__()
        self.charset = charset
        self.siamese = SiameseNetwork(features)
        self.characters = (
            CharacterNetwork(self.siamese.trunk, features, len(charset)) if charset else None
        )
        # exp(2.7) is about 15, where such losses settle within the first thousand steps.
        self.temperature = nn.Parameter(torch.tensor(2.7))

    def losses(
        self,
        prompt: Tensor,
        scene: Tensor,
        same: Tensor,
        labels: Tensor,
        weighting: LossWeights,
        negatives: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch.

        Args:
            prompt: `(N, 3, 64, 64)` float.
            scene: `(N, 3, 64, 64)` float, the same items in the same order.
            same: `(N, N)` bool, whether two pairs show the same item; true on the diagonal.
            labels: `(N,)` int64, -1 where the charset does not have the item.
            weighting: Weights of the parts.
            negatives: `(S, 3, 64, 64)` crops of scenes and `(P, 3, 64, 64)` of prompts that show no
                item; None for none of either.

        Returns:
            The loss, and its parts for the records.
        """
        beside = negatives or (prompt[:0], prompt[:0])
        features = self.siamese.trunk(torch.cat([prompt, scene, *beside]))
        return self.losses_of(features, len(beside[0]), same, labels, weighting)

    def losses_of(
        self, every: Tensor, strange: int, same: Tensor, labels: Tensor, weighting: LossWeights
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, from the features of its crops.

        Args:
            every: `(2 N + S + P, F)` features of prompt, scene and negatives, as in `losses`.
            strange: S, the number of crops of scenes that show no item.
            same: `(N, N)` bool, as in `losses`.
            labels: `(N,)` int64, as in `losses`.
            weighting: Weights of the parts.

        Returns:
            The loss, and its parts for the records.
        """
        count = len(labels)
        features, unpaired = every[: 2 * count], every[2 * count :]
        parts: dict[str, Tensor] = {}
        if weighting.pairs:
            embeddings = functional.normalize(features.float(), dim=1)
            first, second = embeddings[:count], embeddings[count:]
            others = same & ~torch.eye(count, dtype=torch.bool, device=same.device)
            aside = functional.normalize(unpaired.float(), dim=1)
            scale = self.temperature.exp().clamp(max=60)
            logits = (scale * first @ second.T).masked_fill(others, -1e4)
            target = torch.arange(count, device=logits.device)
            # The negatives join the candidates among which the partner is looked for.
            to_scene = torch.cat([logits, scale * first @ aside[:strange].T], dim=1)
            to_prompt = torch.cat([logits.T, scale * second @ aside[strange:].T], dim=1)
            parts["loss_match"] = (
                functional.cross_entropy(to_scene, target)
                + functional.cross_entropy(to_prompt, target)
            ) / 2
            # Detached: while nothing is learned yet, the hardest negatives are nearer than the
            # partner, and the head would teach the trunk just that.
            apart = aside.detach()
            parts["loss_pair"] = self._pair_loss(
                first.detach(), second.detach(), same, apart[:strange]
            )
            if len(apart) > strange:
                parts["loss_none"] = self._negatives_loss(apart[strange:], second.detach())
        labelled = labels >= 0
        if weighting.symbols and self.characters is not None and bool(labelled.any()):
            both = torch.cat([labelled, labelled])
            symbols = self.characters.name(features[both])
            parts["loss_symbol"] = functional.cross_entropy(
                symbols.float(), labels[labelled].repeat(2), label_smoothing=_LABEL_SMOOTHING
            )
            if len(unpaired):
                # A crop without a symbol is pushed towards the uniform distribution.
                named = functional.log_softmax(self.characters.name(unpaired).float(), dim=1)
                parts["loss_unnamed"] = -named.mean()
        weights = {
            "loss_none": weighting.pairs,
            "loss_unnamed": _UNNAMED * weighting.symbols,
            "loss_match": weighting.pairs,
            "loss_pair": weighting.pairs,
            "loss_symbol": weighting.symbols,
        }
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return total, {name: float(part.detach()) for name, part in parts.items()}

    def _negatives_loss(self, negatives: Tensor, scene: Tensor) -> Tensor:
        """Loss of the pairwise head on prompt crops without a partner, against similar items.

        Args:
            negatives: `(P, F)` embeddings.
            scene: `(N, F)` embeddings of items.
        """
        hardest = (negatives @ scene.T).topk(min(_HARDEST, len(scene)), dim=1).indices
        logits = self.siamese.head(negatives[:, None], scene[hardest]).float()
        return functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))

    def _pair_loss(self, first: Tensor, second: Tensor, same: Tensor, aside: Tensor) -> Tensor:
        """Loss of the pairwise head on each item's partner, and hard and random negatives.

        Args:
            first: `(N, F)` embeddings.
            second: `(N, F)` embeddings of the partners.
            same: `(N, N)` bool.
            aside: `(S, F)` embeddings of scene crops that show no item.
        """
        second = torch.cat([second, aside])
        same = functional.pad(same, (0, len(aside)))
        count = min(2 * _HARDEST, len(second) - 1)
        cosines = (first @ second.T).masked_fill(same, -2)
        # Half the hardest, half by chance: lifted, a random half is among the first as well.
        lifted = torch.rand_like(cosines) < _HARDEST / max(len(first), 1)
        hardest = cosines.argsort(dim=1, descending=True).argsort(dim=1) < _HARDEST
        rank = hardest.float() * 2 + lifted.float() + torch.rand_like(cosines) * 0.5
        negatives = rank.masked_fill(same, -1).topk(count, dim=1).indices
        partners = torch.arange(len(first), device=negatives.device)[:, None]
        candidates = torch.cat([partners, negatives], dim=1)
        logits = self.siamese.head(first[:, None], second[candidates]).float()
        # A batch with few others repeats an item; those are not negatives.
        known = same.gather(1, candidates)
        known[:, 0] = False
        choice = functional.cross_entropy(
            logits.masked_fill(known, -1e4), torch.zeros_like(partners[:, 0])
        )
        target = torch.zeros_like(logits)
        target[:, 0] = 1
        # A partner counts as much as all its negatives, so that 0 stays the fair threshold.
        weight = torch.where(target > 0, 1.0, 1.0 / count).masked_fill(known, 0)
        calibrated = functional.binary_cross_entropy_with_logits(logits, target, weight=weight)
        return choice + calibrated


def to_input(crops: U8, device: str) -> Tensor:
    """`(N, side, side, 3)` uint8 to `(N, 3, side, side)` float, scaled, channels last in memory."""
    values = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float()
    return ((values * SCALE - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def same_items(words: Sequence[str]) -> NDArray[np.bool_]:
    """`(N, N)`: whether two pairs show the same item."""
    _, numbers = np.unique(np.array(words), return_inverse=True)
    return np.equal(numbers[:, None], numbers[None])


@torch.inference_mode()
def features_of(model: JointModel, crops: U8, device: str) -> Tensor:
    """`(N, F)` float32 features of crops, computed in batches in full precision."""
    parts = [
        model.siamese.trunk(to_input(crops[at : at + _EVALUATED_AT_ONCE], device)).float()
        for at in range(0, len(crops), _EVALUATED_AT_ONCE)
    ]
    return torch.cat(parts)


def restore(model: JointModel, state: dict[str, Any]) -> tuple[str, ...]:
    """Load the weights that fit; if the charset changed, symbol by symbol.

    Args:
        model: What to fill.
        state: A checkpoint.

    Returns:
        The symbols of the model's charset that the checkpoint does not know.
    """
    weights = dict(state["model"])
    old = {symbol: at for at, symbol in enumerate(state.get("charset", ()))}
    new = model.state_dict()
    for key in ("characters.symbols.weight", "characters.symbols.bias"):
        if key not in new:
            weights.pop(key, None)
            continue
        own = new[key].clone()
        if key in weights:
            known = [(at, old[s]) for at, s in enumerate(model.charset) if s in old]
            if known:
                here, there = zip(*known, strict=True)
                own[list(here)] = weights[key][list(there)]
        weights[key] = own
    # The trunk is in the checkpoint under both names; a Siamese-only one lacks the second.
    for key in new:
        if key not in weights:
            twin = key.replace("characters.trunk.", "siamese.trunk.")
            weights[key] = weights.get(twin, new[key])
    model.load_state_dict({key: weights[key] for key in new})
    return tuple(symbol for symbol in model.charset if symbol not in old)
