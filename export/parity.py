"""Does the bundle answer as torch does, and what does each precision of its tables cost? Part of every export.

Dimensions: B histories, N items, K = 10.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from molar.engine.errors import ModelError
from molar.engine.ranker import FEW
from molar.engine.recommender import Recommender
from molar.train.model import ItemVectors, Molar
from molar.train.ranking import hide_seen, mode_queries

_K = 10
_BATCH = 64
_LEAST_OVERLAP = {"fp16": 0.98, "int8": 0.98}  # of the lists: below, something is broken


def check_parity(
    recommenders: Mapping[str, Recommender],
    model: Molar,
    vectors: ItemVectors,
    histories: Sequence[np.ndarray],
    targets: np.ndarray,
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Compare the top-10 lists of a bundle with torch's scores: in every mode in float32, else in the default mode.

    Two lists may differ in the order of items whose torch scores are equal within the tolerance: a tie is what
    arithmetic in another order can turn round.

    Args:
        recommenders: the exported bundle by precision, "fp32" among them.
        model: what was exported, in evaluation mode.
        vectors: of all items.
        histories: real ones, B arrays of rows.
        targets: (B,) rows that were chosen next, -1 where nobody knows.

    Returns:
        What the manifest's `parity` holds, and its `precisions`: the share of torch's ten that are found
        (`overlap@10`), and of the targets (`recall@10`).

    Raises:
        ModelError: a list in float32 differs beyond ties, or one in another precision by more than that explains.
    """
    tables = vectors.tables()
    facts: dict[str, Any] = {"histories": len(histories), "device": recommenders["fp32"].device, "k": _K, "modes": {}}
    found: dict[str, list[np.ndarray]] = {precision: [] for precision in recommenders}
    truth: list[np.ndarray] = []
    for mode, queries in mode_queries(model, vectors, histories).items():
        compared = []
        for start in range(0, len(histories), _BATCH):
            chosen = histories[start : start + _BATCH]
            expected = (queries[start : start + _BATCH] @ tables[mode].T).numpy()
            hide_seen(expected, chosen)
            rows, scores = _bundle_lists(recommenders["fp32"], chosen, mode)
            compared.append(compare_lists(expected, rows, scores, mode))
            if mode == recommenders["fp32"].modes[0]:
                best = np.argsort(-expected, axis=1, kind="stable")[:, :_K]
                truth.append(np.where(np.take_along_axis(np.isfinite(expected), best, axis=1), best, -1))
                for precision, recommender in recommenders.items():
                    lists = (rows, scores) if precision == "fp32" else _bundle_lists(recommender, chosen, mode)
                    found[precision].append(np.where(np.isfinite(lists[1]), lists[0], -1))
        sizes = [min(_BATCH, len(histories) - start) for start in range(0, len(histories), _BATCH)]
        facts["modes"][mode] = {
            "identical_lists": float(np.average([part["identical_lists"] for part in compared], weights=sizes)),
            "largest_score_difference": max(part["largest_score_difference"] for part in compared),
            "tolerance": max(part["tolerance"] for part in compared),
        }
    costs = {
        precision: list_quality(np.concatenate(truth), np.concatenate(lists), targets)
        for precision, lists in found.items()
    }
    for precision, least in _LEAST_OVERLAP.items():
        if precision in costs and costs[precision]["overlap@10"] < least:
            raise ModelError(
                f"parity: lists from tables in {precision} share {costs[precision]['overlap@10']:.3f} of torch's, at "
                f"least {least} expected; export with --precisions fp32"
            )
    return facts, costs


def list_quality(truth: np.ndarray, found: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Mean share of (B, K) true rows that are among (B, K) found ones, and of the (B,) targets; -1 is no row."""
    real = truth >= 0
    shared = ((truth[:, :, None] == found[:, None, :]).any(axis=2) & real).sum(axis=1)
    known = targets >= 0
    hit = (found == targets[:, None]).any(axis=1)
    return {
        "overlap@10": round(float((shared[real.any(axis=1)] / real.sum(axis=1)[real.any(axis=1)]).mean()), 6),
        "recall@10": round(float(hit[known].mean()), 6) if known.any() else 0.0,
    }


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
    """(B, K) rows and scores; row 0 with minus infinity where there is nothing more to recommend."""
    size = min(_K, recommender.manifest.items)
    rows = np.zeros((len(histories), size), np.int64)
    scores = np.full((len(histories), size), -np.inf, np.float32)
    step = FEW if recommender.precision == "int8" else len(histories)  # more of them may be answered in float32
    asked = [[history.tolist() for history in histories[i : i + step]] for i in range(0, len(histories), step)]
    answers = [ranked for part in asked for ranked in recommender.rank(part, _K, mode=mode)]
    for line, (found, found_scores, *_) in enumerate(answers):
        rows[line, : len(found)], scores[line, : len(found)] = found, found_scores
    return rows, scores
