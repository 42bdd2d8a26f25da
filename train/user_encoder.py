"""`UserEncoder`: a person's history over item vectors (the paper's DUEG)."""

import torch
from torch import nn

from molar.train.transformer import Transformer


class UserEncoder(nn.Module):
    """u_t = Transformer(v_1 ... v_t): a causal transformer over item vectors, with rotary positions.

    Rotary positions are relative, so a history may be padded on either side.

    Args:
        dim: D, width of item and user vectors.
        layers: number of blocks.
        heads: attention heads.
        dropout: rate while training.
        gated: gated blocks, as in `transformer.Block`.
    """

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, gated: bool = False) -> None:
        super().__init__()
        self.input = nn.Linear(dim, dim)
        self.transformer = Transformer(dim, layers, heads, dropout, rotary=True, gated=gated)

    def forward(
        self,
        vectors: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, L, D) item vectors, oldest first -> (B, L, D) user vectors after each event.

        Args:
            vectors: item vectors.
            positions: (B or 1, L) int64, in steps of one: relative, so not looked at where there is no mask.
            mask: as in `transformer.Block.forward`.
            last: (B,) int64, the events after which a vector is asked for, or (1,), the same for all: (B, 1, D) then.
                All of them where None.
        """
        if positions is None or mask is None:  # the same ones for all histories are quicker
            positions = torch.arange(vectors.shape[1], device=vectors.device)[None]
        return self.transformer(self.input(vectors), positions, mask, last)
