"""`ItemEncoder`: from what a backbone says of an item to the vector that ranks (the paper's MIRM is both together).

Dimensions: N items, F width of the backbone's vectors, D width of item vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from molar.train.transformer import Dropout

_BLOCK = 16_384  # items whose features are looked at together


@dataclass(frozen=True)
class ScaledFeatures:
    """What `ItemEncoder` makes of a catalogue's features before anything that is learned.

    Attributes:
        parts: (N, F_p) each, centred and scaled.
        there: (N, 1) bool each, False for items that lack the part.
    """

    parts: tuple[torch.Tensor, ...]
    there: tuple[torch.Tensor, ...]

    def of(self, rows: torch.Tensor, device: torch.device) -> "ScaledFeatures":
        """Those of (R,) items, in float32 on a device."""
        rows = rows.to(self.there[0].device)
        parts = tuple(part[rows].to(device, torch.float32) for part in self.parts)
        return ScaledFeatures(parts, tuple(there[rows].to(device) for there in self.there))


class ItemEncoder(nn.Module):
    """c_i = W · backbone(picture_i, text_i): one projection a part of the backbone's vector, then a two-layer network.

    A backbone's vectors share a large common part, so each feature is centred and scaled by the catalogue's own
    statistics first; without that the item vectors hardly differ and little is learned. A part of zeros (an item
    without a picture, where the picture has a part of its own) has a learned vector in its place.

    Args:
        parts: widths of the parts that the backbone's vectors consist of; their sum is F.
        dim: D.
        dropout: rate while training, on the hidden layer.
    """

    def __init__(self, parts: Sequence[int], dim: int, dropout: float) -> None:
        super().__init__()
        hidden = 4 * dim
        self.parts = list(parts)
        self.scales = nn.ModuleList(FeatureScale(part) for part in parts)
        self.projections = nn.ModuleList(nn.Linear(part, hidden, bias=False) for part in parts)
        self.missing = nn.Parameter(torch.zeros(len(self.parts), hidden))
        self.norm = nn.LayerNorm(hidden)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, dim)
        # Item vectors start about as small as SASRec's embeddings, so that the first scores are all alike.
        nn.init.normal_(self.output.weight, std=0.05 / hidden**0.5)
        nn.init.zeros_(self.output.bias)

    def fit_scale(self, features: torch.Tensor) -> None:
        """Take the statistics of a catalogue's (N, F) features; parts that are missing do not count."""
        for scale, part in zip(self.scales, torch.split(features, self.parts, dim=-1), strict=True):
            scale.fit(part)  # type: ignore[operator]

    def scaled(self, features: torch.Tensor) -> ScaledFeatures:
        """The first step of `forward`, which training needs once: it is the same in all steps.

        Args:
            features: (N, F).
        """
        parts = torch.split(features, self.parts, dim=-1)
        return ScaledFeatures(
            tuple(scale(part) for scale, part in zip(self.scales, parts, strict=True)),
            tuple(part.any(dim=-1, keepdim=True) for part in parts),
        )

    def scaled_for_rows(self, features: torch.Tensor, memory: torch.device) -> ScaledFeatures:
        """The same in float16 in some device's memory, from where a step takes the rows that it reads.

        Args:
            features: (N, F), anywhere.
            memory: where the result is to be.
        """
        parts = tuple(torch.empty(len(features), part, dtype=torch.float16, device=memory) for part in self.parts)
        there = tuple(torch.empty(len(features), 1, dtype=torch.bool, device=memory) for _ in self.parts)
        for start in range(0, len(features), _BLOCK):
            rows = slice(start, start + _BLOCK)
            block = self.scaled(features[rows].to(self.missing.device))
            for whole, part in zip((*parts, *there), (*block.parts, *block.there), strict=True):
                whole[rows] = part
        return ScaledFeatures(parts, there)

    def forward(self, features: torch.Tensor | ScaledFeatures) -> torch.Tensor:
        """(N, F) features, or what `scaled` made of them -> (N, D) vectors."""
        if isinstance(features, torch.Tensor):
            features = self.scaled(features)
        hidden = torch.zeros((), device=self.missing.device)
        for projection, missing, part, there in zip(
            self.projections, self.missing, features.parts, features.there, strict=True
        ):
            hidden = hidden + torch.where(there, projection(part), missing)
        return self.output(self.dropout(F.gelu(self.norm(hidden))))


class FeatureScale(nn.Module):
    """(x - mean) / deviation for each feature, by the statistics of a catalogue.

    Args:
        dim: number of features.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, features: torch.Tensor) -> None:
        """Take mean and deviation of (N, dim) features that are not all zero; they stay where there are fewer than two.

        A block at a time, which joins those before it (Chan et al., COMPSTAT 1982).
        """
        count, mean, squares = 0, torch.tensor(0.0), torch.tensor(0.0)
        for start in range(0, len(features), _BLOCK):
            block = features[start : start + _BLOCK]
            block = block[block.any(dim=-1)].double()
            if len(block):
                of_block = block.mean(dim=0)
                shift = of_block - mean
                together = count + len(block)
                squares = squares + (block - of_block).square().sum(dim=0)
                squares = squares + shift.square() * (count * len(block) / together)
                mean = mean + shift * (len(block) / together)
                count = together
        if count > 1:
            self.mean.copy_(mean)
            self.deviation.copy_((squares / (count - 1)).sqrt().clamp(min=1e-6))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, dim) -> (N, dim), clamped to 5 deviations."""
        return ((features - self.mean) / self.deviation).clamp(-5, 5)
