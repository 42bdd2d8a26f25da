"""`ItemEncoder`: an item's picture and text as one vector (the paper's MIRM)."""

import torch
from torch import nn
from torch.nn import functional as F

from molar.train.transformer import Dropout


class ItemEncoder(nn.Module):
    """c_i from the frozen features of `backbones.compact`: one projection a tower, summed, then a two-layer network.

    Frozen features share a large common part (every picture's are positive), so both are centred and scaled by the
    catalogue's own statistics first; without that the item vectors hardly differ and little is learned. An item
    without a picture has a learned vector in its place.

    Args:
        text_dim: width of the text features.
        image_dim: width of the picture features.
        dim: D, width of item vectors.
        dropout: rate while training, on the hidden layer.
    """

    def __init__(self, text_dim: int, image_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        hidden = 4 * dim
        self.text_scale = FeatureScale(text_dim)
        self.image_scale = FeatureScale(image_dim)
        self.text = nn.Linear(text_dim, hidden)
        self.image = nn.Linear(image_dim, hidden, bias=False)
        self.no_image = nn.Parameter(torch.zeros(hidden))
        self.norm = nn.LayerNorm(hidden)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, dim)
        # Item vectors start about as small as SASRec's embeddings, so that the first scores are all alike.
        nn.init.normal_(self.output.weight, std=0.05 / hidden**0.5)
        nn.init.zeros_(self.output.bias)

    def fit_scale(self, text: torch.Tensor, image: torch.Tensor) -> None:
        """Take the statistics of a catalogue's features; pictures that are missing do not count."""
        self.text_scale.fit(text)
        self.image_scale.fit(image[image.any(dim=-1)])

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """(N, text_dim) and (N, image_dim) features -> (N, D) vectors; a row of zeros in `image` means no picture."""
        shown = image.any(dim=-1, keepdim=True)
        of_image = torch.where(shown, self.image(self.image_scale(image)), self.no_image)
        hidden = self.text(self.text_scale(text)) + of_image
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
        """Take mean and deviation of (N, dim) features; they stay as they are where there are fewer than two."""
        if len(features) < 2:
            return
        self.mean.copy_(features.mean(dim=0))
        self.deviation.copy_(features.std(dim=0).clamp(min=1e-6))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, dim) -> (N, dim), clamped to 5 deviations."""
        return ((features - self.mean) / self.deviation).clamp(-5, 5)
