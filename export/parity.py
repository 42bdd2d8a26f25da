"""Does the bundle answer as torch does? Part of every export.

Dimensions: B histories, N items, K = 10.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from molar.engine.errors import ModelError
from molar.engine.recommender import Recommender
from molar.train.model import ItemVectors, Molar
from molar.train.ranking import hide_seen, mode_queries

_K = 10
_BATCH = 32


def check_parity(
    recommender: Recommender, model: Molar, vectors: ItemVectors, histories: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Compare the top-10 lists of a bundle with torch's scores, in every mode.

    Two lists may differ in the order of items whose torch scores are equal within the tolerance: a tie is what
    arithmetic in another order can turn round.

    Args:
        recommender: the exported bundle.
        model: what was exported, in evaluation mode.
        vectors: of all items.
        histories: real ones, B arrays of rows.

    Returns:
        What the manifest's `parity` holds.

    Raises:
        ModelError: a list differs beyond ties.
    """
    tables = vectors.tables()
    facts: dict[str, Any] = {"histories": len(histories), "device": recommender.device, "k": _K, "modes": {}}
    for mode, queries in mode_queries(model, vectors, histories).items():
        expected = (queries @ tables[mode].T).numpy()
        hide_seen(expected, histories)
        rows, scores = _bundle_lists(recommender, histories, mode)
        facts["modes"][mode] = compare_lists(expected, rows, scores, mode)
    return facts


def compare_lists(expected: np.ndarray, rows: np.ndarray, scores: np.ndarray, mode: str) -> dict[str, float]:
    """Compare lists with the scores that they should follow.

    Args:
        expected: (B, N) torch scores, -inf where an item may not be recommended.
        rows: (B, k) of the bundle.
        scores: (B, k) of the bundle.
        mode: named in the error.

    Raises:
        ModelError: a list holds an item in a place where its torch score is not that place's.
    """
    best = -np.sort(-expected, axis=1)[:, : rows.shape[1]]
    possible = np.isfinite(best)
    best = np.where(possible, best, 0.0)  # places for which nothing is left are not compared
    found = np.where(possible, np.take_along_axis(expected, rows, axis=1), 0.0)
    tolerance = 1e-4 * max(1.0, float(np.abs(best).max()))
    wrong = ~(np.abs(found - best) <= tolerance)
    if wrong.any():
        history, place = np.argwhere(wrong)[0]
        raise ModelError(
            f"parity: in mode {mode} ONNX Runtime and torch differ beyond ties in {int(wrong.any(1).sum())} of "
            f"{len(rows)} lists (history {history}, place {place + 1}: torch score {found[history, place]:.6f} "
            f"where {best[history, place]:.6f} belongs); nothing was exported"
        )
    top = np.argsort(-expected, axis=1, kind="stable")[:, : rows.shape[1]]
    return {
        "identical_lists": float(((top == rows) | ~possible).all(axis=1).mean()),
        "largest_score_difference": float(np.abs(np.where(possible, scores, 0.0) - best).max()),
        "tolerance": tolerance,
    }


def _bundle_lists(
    recommender: Recommender, histories: Sequence[np.ndarray], mode: str
) -> tuple[np.ndarray, np.ndarray]:
    allowed = np.ones(recommender.manifest.items, dtype=bool)
    parts = [
        recommender.run([history.tolist() for history in histories[start : start + _BATCH]], _K, allowed, mode)
        for start in range(0, len(histories), _BATCH)
    ]
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([scores for _, scores in parts])
