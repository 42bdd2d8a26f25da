"""ID-based sequence models: they know items by their row alone."""

import torch
from torch import nn

from molar.train.transformer import CausalTransformer


class SASRec(nn.Module):
    """Self-attentive sequential recommendation (Kang and McAuley, arXiv 1808.09781).

    h_t comes from learned item embeddings e_i and learned absolute positions; an item's score is h_t · e_i. With full
    cross-entropy it is the "SASRec+" of arXiv 2309.07602, the strong form of the baseline.

    Args:
        items: N, size of the catalogue.
        dim: D.
        layers: number of blocks.
        heads: attention heads.
        dropout: rate while training.
        max_history: longest history, in events.
    """

    def __init__(self, items: int, dim: int, layers: int, heads: int, dropout: float, max_history: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items, dim)
        self.positions = nn.Embedding(max_history, dim)
        self.transformer = CausalTransformer(dim, layers, heads, dropout, rotary=False)
        nn.init.normal_(self.items.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(
        self, vectors: torch.Tensor, positions: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, L, D) embeddings e_i, oldest first -> (B, L, D) vectors h_t; arguments as in `UserEncoder.forward`."""
        if positions is None:
            positions = torch.arange(vectors.shape[1], device=vectors.device)[None]
        return self.transformer(vectors + self.positions(positions), positions, mask)
