"""Full ranking: every user's target among all items, for each way of ranking.

Dimensions: V users, N items, D width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from molar.train.bert4rec import BERT4Rec
from molar.train.metrics import target_ranks
from molar.train.model import ItemVectors, Molar
from molar.train.transformer import right_padded

_USERS, _SCORES = 512, 2**25  # scores of so many users exist at one time, and so many scores at most
# Histories that are read at one time: what a block makes of them stays in a CPU's cache.
_READ = {"cpu": 64, "cuda": 512}


@dataclass(frozen=True)
class Ranks:
    """How one model ranks.

    Attributes:
        removed: (V,) ranks of the targets when items in the user's history may not be recommended.
        kept: (V,) ranks of the targets among all items.
        top: (V, 10) rows of the best items, history removed.
    """

    removed: np.ndarray
    kept: np.ndarray
    top: np.ndarray


@torch.inference_mode()
def last_vectors(
    encoder: nn.Module, table: torch.Tensor, histories: Sequence[np.ndarray], max_history: int
) -> torch.Tensor:
    """The vector after the last event of each history, (V, D) float32.

    Args:
        encoder: a `UserEncoder` or an ID model, in evaluation mode.
        table: (N, D), the item vectors that it reads.
        histories: rows, oldest first.
        max_history: only so many last events are read.
    """
    recent = [torch.from_numpy(history[-max_history:].astype(np.int64)) for history in histories]
    order = sorted(range(len(recent)), key=lambda i: len(recent[i]))
    last = torch.empty(len(recent), table.shape[1], device=table.device)
    together = _READ[table.device.type]
    for start in range(0, len(order), together):
        chosen = order[start : start + together]
        rows = torch.nn.utils.rnn.pad_sequence([recent[i] for i in chosen], batch_first=True).to(table.device)
        ends = torch.tensor([len(recent[i]) - 1 for i in chosen], device=table.device)
        if isinstance(encoder, BERT4Rec):
            last[chosen] = encoder.next_vectors(table[rows], ends + 1).float()
        else:
            positions = right_padded(ends + 1, rows.shape[1], max_history)
            last[chosen] = encoder(table[rows], positions, last=ends)[:, 0].float()
    return last


def side_vectors(
    model: Molar,
    vectors: ItemVectors,
    histories: Sequence[np.ndarray],
    known: Mapping[str, tuple[torch.Tensor, torch.Tensor]] | None = None,
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """What each side says of V people: name -> ((V, D) vectors of people, (N, D) vectors of items).

    "content" and "fused" are of the user encoder, without and with IDs among what it reads; "ids" of the ID model. A
    side of which this is `known` already is taken over as it is.
    """
    longest = model.config.max_history
    encoders = {"content": model.user_encoder, "fused": model.user_encoder, "ids": model.id_model}
    return {
        side: (known or {}).get(side) or (last_vectors(encoders[side], table, histories, longest), table)  # type: ignore[arg-type]
        for side, table in vectors.tensors().items()
    }


def mode_queries(model: Molar, vectors: ItemVectors, histories: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """(V, 2 D) queries of each mode, (V, D) for one side; their dot products with the mode's table are the scores."""
    people = {side: of for side, (of, _) in side_vectors(model, vectors, histories).items()}
    if len(model.modes) == 1:
        return {model.modes[0]: people[model.modes[0]]}
    h = people["ids"]
    by_content = {"aligned": people["fused"], "content": people["content"], "ids": torch.zeros_like(h)}
    return {mode: model.query(u, h) for mode, u in by_content.items()}


def users_at_a_time(users: int, items: int) -> Iterator[slice]:
    """Parts of the users, each so small that their scores of all items fit into memory."""
    together = min(_USERS, max(1, _SCORES // items))
    return (slice(start, start + together) for start in range(0, users, together))


def hide_seen(scores: Any, histories: Sequence[np.ndarray]) -> None:
    """Set the scores of each history's rows to -inf, in place: (V, N) scores, an array or a tensor; V histories."""
    lines = np.repeat(np.arange(len(scores)), [len(history) for history in histories])
    scores[lines, np.concatenate(histories)] = -np.inf


def rank_targets(
    queries: torch.Tensor, table: torch.Tensor, histories: Sequence[np.ndarray], target: np.ndarray
) -> Ranks:
    """Rank all N items for each user by queries · table.

    Args:
        queries: (V, D') float32.
        table: (N, D') float32, on the same device.
        histories: rows that count as seen, V arrays.
        target: (V,) rows.
    """
    return rank_scores(lambda users: queries[users] @ table.T, len(table), histories, target)


def rank_scores(
    scores_of: Callable[[slice], torch.Tensor], items: int, histories: Sequence[np.ndarray], target: np.ndarray
) -> Ranks:
    """Rank all N items for each user.

    Args:
        scores_of: a slice of users -> their scores of all items, float32, which are written over.
        items: N.
        histories: rows that count as seen, V arrays.
        target: (V,) rows.
    """
    removed = np.empty(len(target), dtype=np.int64)
    kept = np.empty(len(target), dtype=np.int64)
    top = np.empty((len(target), min(10, items)), dtype=np.int64)
    for users in users_at_a_time(len(target), items):
        scores = scores_of(users)
        kept[users] = target_ranks(scores, target[users]).cpu()
        hide_seen(scores, histories[users])
        removed[users] = target_ranks(scores, target[users]).cpu()
        top[users] = scores.topk(top.shape[1]).indices.cpu()
    return Ranks(removed, kept, top)
