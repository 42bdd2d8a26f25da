"""The transformer that the user encoder and SASRec share.

Dimensions: B histories, L events, D width, H heads.
"""

import torch
from torch import nn
from torch.nn import functional as F

from molar.train.attention import causal_attention


class Dropout(nn.Module):
    """Dropout whose mask takes one random byte a number, so `p` is rounded to 1/256.

    `nn.Dropout` draws a full random number for each, on one core (`molar bench training` times both).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.threshold = round(p * 256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.threshold == 0:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        keep = (words.view(torch.uint8)[: x.numel()] >= self.threshold).view(x.shape)
        return x * keep * (256 / (256 - self.threshold))


class Block(nn.Module):
    """Pre-norm block: causal self-attention, then a feed-forward layer of four times the width.

    A gated block multiplies what attention and feed-forward layer say by gates that the block's input opens, as LiGR
    does (arXiv 2502.03417), and its feed-forward layer is a SwiGLU (arXiv 2002.05202) of as many weights.

    Args:
        dim: D.
        heads: H; D / H must be even.
        dropout: on the output of both halves.
        rotary: turn queries and keys by their position (RoPE, arXiv 2104.09864).
        gated: see above.
    """

    def __init__(self, dim: int, heads: int, dropout: float, rotary: bool, gated: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.rotary = rotary
        self.gated = gated
        self.attention_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.feed_forward_norm = nn.LayerNorm(dim)
        hidden = 8 * dim // 3 if gated else 4 * dim
        self.feed_forward_in = nn.Linear(dim, 2 * hidden if gated else hidden)
        self.feed_forward_out = nn.Linear(hidden, dim)
        self.dropout = Dropout(dropout)
        if gated:
            self.attention_gate = nn.Linear(dim, dim)
            self.feed_forward_gate = nn.Linear(dim, dim)

    def forward(
        self,
        x: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, L, D) -> (B, L, D), or (B, 1, D) where only one event of each history is asked for.

        Args:
            x: events.
            positions: (B or 1, L) int64.
            mask: (B, 1, L or 1, L) bool, True where a query may look at a key; None for plain causal attention, which
                is right for histories padded on the right and needs no mask in memory.
            last: (B,) int64 places of the events that are asked for, or (1,) one for all; all of them where None.
        """
        read = self.attention_norm(x)
        parts = self.qkv(read).chunk(3, dim=-1) if last is None else self._asking_once(read, last)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, H, L, D / H)
        asking = positions
        if last is not None:
            x, read = at(x, last), at(read, last)
            asking = at(positions if len(last) == 1 else positions.expand(len(x), -1), last)
            steps = torch.arange(k.shape[2], device=x.device)
            mask = (steps <= last[:, None])[:, None, None] if mask is None else _of_query(mask, last)
        if self.rotary:
            q, k = rotate(q, asking), rotate(k, positions)
        attended = causal_attention(q, k, v) if mask is None else F.scaled_dot_product_attention(q, k, v, mask)
        attended = self.attention_out(attended.transpose(1, 2).flatten(2))
        if self.gated:
            attended = attended * self.attention_gate(read).sigmoid()
        x = x + self.dropout(attended)
        read = self.feed_forward_norm(x)
        hidden = self.feed_forward_in(read)
        if self.gated:
            opened, shown = hidden.chunk(2, dim=-1)
            said = self.feed_forward_out(F.silu(opened) * shown) * self.feed_forward_gate(read).sigmoid()
        else:
            said = self.feed_forward_out(F.gelu(hidden, approximate="tanh"))
        return x + self.dropout(said)

    def _asking_once(self, read: torch.Tensor, last: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries (B, 1, D) of the events asked for; keys and values (B, L, D) of all."""
        width = read.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        q = F.linear(at(read, last), weight[:width], bias[:width])
        return q, *F.linear(read, weight[width:], bias[width:]).chunk(2, dim=-1)


class Transformer(nn.Module):
    """A stack of blocks, causal where no mask says otherwise, with dropout on the input and a norm on the output."""

    def __init__(self, dim: int, layers: int, heads: int, dropout: float, rotary: bool, gated: bool = False) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout, rotary, gated) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        x: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        last: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, L, D) -> (B, L, D), or (B, 1, D) of the events asked for; arguments as in `Block.forward`."""
        x = self.dropout(x)
        *others, top = self.blocks
        for block in others:
            x = block(x, positions, mask)
        return self.norm(top(x, positions, mask, last))


def at(x: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """(B, L, ...) at the (B,) places, or at the (1,) place that is the same for all -> (B, 1, ...)."""
    return x.index_select(1, last) if len(last) == 1 else x[torch.arange(len(x), device=x.device), last][:, None]


def item_embedding(items: int, dim: int) -> nn.Embedding:
    """Embeddings of all items, small, so that the first scores are all alike."""
    embedding = nn.Embedding(items, dim)
    nn.init.normal_(embedding.weight, std=0.02)
    return embedding


def rotate(x: torch.Tensor, positions: torch.Tensor, base: float = 10_000.0) -> torch.Tensor:
    """Rotary position embedding: (B, H, L, E) turned pairwise by (B or 1, L) positions."""
    half = x.shape[-1] // 2
    rates = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions[:, None, :, None].float() * rates  # (B or 1, 1, L, E / 2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def _of_query(mask: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """(B, 1, L or 1, L) -> (B, 1, 1, L), what the queries at the (B,) places may look at."""
    return mask if mask.shape[2] == 1 else at(mask[:, 0], last)[:, None]


def left_padded(valid: torch.Tensor, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions and attention mask of histories that are padded on the left.

    Args:
        valid: (B, L) bool, True where there is an event.
        longest: events of the longest history that a model reads.

    Returns:
        positions: (1, L) int64, see `right_padded`.
        mask: (B, 1, L, L) bool. A padded query sees itself only, so that no softmax is over nothing.
    """
    order = torch.arange(valid.shape[1], device=valid.device)
    causal = order[:, None] >= order[None, :]
    itself = order[:, None] == order[None, :]
    positions = (order + longest - valid.shape[1]).clamp(min=0)
    return positions[None], ((causal & valid[:, None, :]) | itself)[:, None]


def right_padded(lengths: torch.Tensor, length: int, longest: int) -> torch.Tensor:
    """Positions of histories that are padded on the right, (B, L) int64; causal attention needs no mask for them.

    The last event of each is at `longest` - 1, as with SASRec's authors, who pad on the left. Counted from the first
    event, what comes after histories longer than any in training would be at positions that nothing was learned for.

    Args:
        lengths: (B,) int64, events of each.
        length: L.
        longest: events of the longest history that a model reads.
    """
    order = torch.arange(length, device=lengths.device)
    return (order + longest - lengths[:, None]).clamp(0, longest - 1)
