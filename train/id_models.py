"""ID-based sequence models: they know items by their row alone. Molar is aligned with one of them.

Dimensions: B histories, L events, N items, D width.
"""

from collections.abc import Callable

import torch
from torch import nn

from molar.train.bert4rec import BERT4Rec
from molar.train.config import TrainConfig
from molar.train.transformer import Dropout, Transformer, at, item_embedding, right_padded


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
        gated: gated blocks, as in `transformer.Block`.
    """

    def __init__(
        self, items: int, dim: int, layers: int, heads: int, dropout: float, max_history: int, gated: bool = False
    ) -> None:
        super().__init__()
        self.items = item_embedding(items, dim)
        self.longest = max_history
        self.positions = nn.Embedding(max_history, dim)
        self.transformer = Transformer(dim, layers, heads, dropout, rotary=False, gated=gated)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(
        self,
        vectors: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, L, D) embeddings e_i, oldest first -> (B, L, D) vectors h_t.

        Arguments as in `UserEncoder.forward`, but that positions matter: the last event of each history is at
        `max_history` - 1. Where None, no history is padded.
        """
        if positions is None:
            length = vectors.shape[1]
            positions = right_padded(torch.tensor([length], device=vectors.device), length, self.longest)
        return self.transformer(vectors + self.positions(positions), positions, mask, last)


class GRU4Rec(nn.Module):
    """A gated recurrent network over item embeddings (Hidasi et al., arXiv 1511.06939), scored by the same embeddings.

    Args:
        items: N.
        dim: D, also the width of the recurrent state.
        layers: recurrent layers.
        dropout: rate while training, on the embeddings that are read.
    """

    def __init__(self, items: int, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.items = item_embedding(items, dim)
        self.dropout = Dropout(dropout)
        self.recurrent = nn.GRU(dim, dim, layers, batch_first=True)
        self.output = nn.Linear(dim, dim)

    def forward(
        self,
        vectors: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `SASRec.forward`."""
        vectors = self.dropout(vectors)
        if mask is None:  # padded on the right, where no state comes back from
            states, _ = self.recurrent(vectors)
            return self.output(states if last is None else at(states, last))
        # Padded on the left, where a state would come from: histories are turned to begin at the left.
        length = vectors.shape[1]
        steps = torch.arange(length, device=vectors.device)[None]
        padding = length - mask[:, 0, -1].sum(dim=1, keepdim=True)  # (B, 1)
        states, _ = self.recurrent(_along(vectors, (steps + padding).clamp(max=length - 1)))
        states = _along(states, (steps - padding).clamp(min=0))
        return self.output(states if last is None else at(states, last))


class FPMC(nn.Module):
    """Factorised personalised Markov chains (Rendle et al., WWW 2010): what suits the person, and the last item.

    A score is <a(u), e_i> + <b(l), e_i>, l the last item. Rendle's person is a row of a table, which a stranger has not
    got; here it is the mean of what the person chose, so the model serves anybody.

    Args:
        items: N.
        dim: D, shared by the two products.
        dropout: rate while training, on the embeddings that are read.
    """

    def __init__(self, items: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.items = item_embedding(items, dim)
        self.dropout = Dropout(dropout)
        self.person = nn.Linear(dim, dim, bias=False)
        self.last = nn.Linear(dim, dim)

    def forward(
        self,
        vectors: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `SASRec.forward`."""
        vectors = self.dropout(vectors)
        if mask is None:
            steps = torch.arange(1, vectors.shape[1] + 1, device=vectors.device)[:, None]
            mean = vectors.cumsum(dim=1) / steps
        else:
            shares = mask[:, 0].to(vectors.dtype)  # (B, L, L)
            mean = shares @ vectors / shares.sum(dim=-1, keepdim=True)
        if last is not None:
            mean, vectors = at(mean, last), at(vectors, last)
        return self.person(mean) + self.last(vectors)


ID_MODELS: dict[str, Callable[[int, TrainConfig], nn.Module]] = {
    "sasrec": lambda items, c: SASRec(
        items, c.dim, c.layers, c.heads, c.dropout, c.max_history, c.id_blocks == "gated"
    ),
    "gru4rec": lambda items, c: GRU4Rec(items, c.dim, c.layers, c.dropout),
    "fpmc": lambda items, c: FPMC(items, c.dim, c.dropout),
    "bert4rec": lambda items, c: BERT4Rec(items, c.dim, c.layers, c.heads, c.dropout, c.max_history),
}
ID_MODEL_NAMES = {"sasrec": "SASRec", "gru4rec": "GRU4Rec", "fpmc": "FPMC", "bert4rec": "BERT4Rec"}
"""As tables call them."""


def _along(x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """(B, L, D) taken at (B, L) steps."""
    return x.gather(1, steps[:, :, None].expand(-1, -1, x.shape[2]))
