"""BERT4Rec, the baseline that reads a history in both directions.

Dimensions: B histories, L events, M masked places, D width.
"""

import torch
from torch import nn

from molar.train.batches import Batch
from molar.train.transformer import Transformer, item_embedding

_MASKED = 0.2  # share of a window's events; the authors' choice on MovieLens-1M
_LAST_ONLY = 0.1  # share of windows


class BERT4Rec(nn.Module):
    """A transformer that fills gaps in histories; a gap at the end asks for what comes next (arXiv 1904.06690).

    It has no vector after each event, so Molar cannot be aligned with it.

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
        self.items = item_embedding(items, dim)
        self.gap = nn.Parameter(torch.zeros(dim))
        self.positions = nn.Embedding(max_history + 1, dim)  # counted from the end, where the asked gap is
        self.transformer = Transformer(dim, layers, heads, dropout, rotary=False)
        nn.init.normal_(self.gap, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def gaps(self, batch: Batch, draws: torch.Generator) -> torch.Tensor:
        """Where windows of B histories and their last target have gaps: (B, L + 1) bool.

        A fifth of a window's events, at least one; in a tenth of the windows the last event alone, which is what
        serving asks.

        Args:
            batch: B windows.
            draws: a CPU generator.
        """
        device = batch.history.device
        ends = batch.lengths[:, None]  # (B, 1), the place of the last target
        steps = torch.arange(batch.history.shape[1] + 1, device=device)[None]
        chance = torch.rand(len(ends), steps.shape[1], generator=draws).to(device)
        last_only = torch.rand(len(ends), 1, generator=draws).to(device) < _LAST_ONLY
        last = steps == ends
        chosen = torch.where(last_only, last, (chance < _MASKED) & (steps <= ends))
        return chosen | (last & ~chosen.any(dim=1, keepdim=True))

    def window(self, batch: Batch) -> torch.Tensor:
        """(B, L + 1) int64: the rows of B histories and their last target; 0 where padded."""
        ends = batch.lengths[:, None]
        window = torch.cat([batch.history, torch.zeros_like(ends)], dim=1)
        return window.scatter(1, ends, batch.target.gather(1, ends - 1))

    def fill(self, batch: Batch, table: torch.Tensor, gaps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(M, D) vectors at the gaps, and the (M,) rows that were there.

        Args:
            batch: B windows.
            table: (N, D) embeddings.
            gaps: (B, L + 1) bool.
        """
        ends = batch.lengths[:, None]
        window = self.window(batch)
        vectors = torch.where(gaps[:, :, None], self.gap, table[window])
        return self._read(vectors, *_places(vectors, ends))[gaps], window[gaps]

    def next_vectors(self, vectors: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The vector of the gap behind each history, (B, D).

        Args:
            vectors: (B, L, D) embeddings, oldest first, padded on the right.
            lengths: (B,) int64 events in each history.
        """
        ends = lengths[:, None]
        padded = torch.cat([vectors, torch.zeros_like(vectors[:, :1])], dim=1)
        steps = torch.arange(padded.shape[1], device=vectors.device)
        padded = torch.where((steps[None] == ends)[:, :, None], self.gap, padded)
        return self._read(padded, *_places(padded, ends))[torch.arange(len(lengths), device=vectors.device), lengths]

    def forward(
        self, vectors: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, last: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The same for histories padded on the left, (B, 1, D): after the last event, which is all that it can say.

        Arguments as in `UserEncoder.forward`.
        """
        padded = torch.cat([vectors, torch.zeros_like(vectors[:, :1]) + self.gap], dim=1)
        before_end = torch.arange(vectors.shape[1], -1, -1, device=vectors.device)[None]
        there = torch.cat([mask[:, :, -1:], mask[:, :, -1:, -1:]], dim=3)  # the last event is always there
        return self._read(padded, before_end, there)[:, -1:]

    def _read(self, vectors: torch.Tensor, before_end: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """(B, L, D) by (B or 1, L) events to the end and (B, 1, 1, L) bool, False for padding."""
        read: torch.Tensor = self.transformer(vectors + self.positions(before_end), before_end, there)
        return read


def _places(vectors: torch.Tensor, ends: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, L, D) padded on the right behind (B, 1) ends -> the other arguments of `_read`."""
    steps = torch.arange(vectors.shape[1], device=vectors.device)[None]
    return (ends - steps).clamp(min=0), (steps <= ends)[:, None, None]
