"""`molar compare`: is one run better than another, or was it luck? A paired bootstrap over users.

Dimensions: V users, S samples.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine.errors import ModelError

SAMPLES = 10_000
_CHUNK = 500  # samples that exist at one time


def compare_runs(groups: Sequence[Sequence[Path]], model: str, k: int = 10) -> list[dict[str, Any]]:
    """Recall@k and NDCG@k of each group of runs, and how far each group is from the first.

    Args:
        groups: run folders that `molar evaluate` has filled, the same users in each; those of a group differ in their
            seed only, and a user's metric is the mean over them.
        model: the rows' name: "content_only", "sasrec", "molar", "popularity".
        k: cutoff.

    Returns:
        A row a group: metrics, and for all but the first the difference with its 95% interval over users and two-sided
        p. The interval does not say how another choice of seeds would come out.

    Raises:
        ModelError: a run was not evaluated, has no such model, or has other users.
    """
    first: dict[str, np.ndarray] | None = None
    users: pl.Series | None = None
    rows: list[dict[str, Any]] = []
    for runs in groups:
        of_runs = []
        for run in runs:
            frame = read_ranks(run, model)
            if users is not None and not frame["user_id"].equals(users):
                raise ModelError(f"{run}: evaluated on other users than {groups[0][0]}; compare runs of one dataset")
            users = frame["user_id"]
            of_runs.append(per_user(frame["rank"].to_numpy(), k))
        means = {metric: np.mean([of_run[metric] for of_run in of_runs], axis=0) for metric in of_runs[0]}
        row: dict[str, Any] = {"run": str(runs[0]), "model": model, "users": len(means[f"recall@{k}"])}
        if len(runs) > 1:
            row["seeds"] = len(runs)
        for metric, values in means.items():
            row[metric] = round(float(values.mean()), 6)
            if len(runs) > 1:
                row[f"{metric}_of_seeds"] = [round(float(of_run[metric].mean()), 6) for of_run in of_runs]
            if first is not None:
                row |= {f"{metric}_{name}": value for name, value in bootstrap(values - first[metric]).items()}
        rows.append(row)
        first = first or means
    return rows


def per_user(ranks: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Recall@k and NDCG@k of each user, from (V,) ranks."""
    hit = ranks <= k
    return {f"recall@{k}": hit.astype(float), f"ndcg@{k}": hit / np.log2(ranks + 1.0)}


def bootstrap(differences: np.ndarray, samples: int = SAMPLES, seed: int = 0) -> dict[str, float]:
    """Mean of (V,) paired differences, its 95% interval by the percentiles of resampled means, and two-sided p.

    p is twice the share of resampled means on the other side of zero (Efron and Tibshirani, 1993), at least 1 / S.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, samples, _CHUNK):
        users = rng.integers(0, len(differences), (min(_CHUNK, samples - start), len(differences)))
        parts.append(differences[users].mean(axis=1))
    means = np.concatenate(parts)
    low, high = np.percentile(means, [2.5, 97.5])
    other_side = min((means <= 0).mean(), (means >= 0).mean())
    return {
        "difference": round(float(differences.mean()), 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "p": round(float(min(1.0, max(2 * other_side, 1 / samples))), 6),
    }


def read_ranks(run: Path, model: str) -> pl.DataFrame:
    """(user_id, rank, rank_kept) of a run's model, sorted by user: seen items removed and kept.

    Raises:
        ModelError: the run was not evaluated, or has no such model.
    """
    path = run / "ranks.parquet"
    if not path.exists():
        raise ModelError(f"{path}: no such file; run `molar evaluate {run}` first")
    frame = pl.read_parquet(path)
    column = f"{model}_removed"
    if column not in frame.columns:
        names = [name.removesuffix("_removed") for name in frame.columns if name.endswith("_removed")]
        raise ModelError(f"{path}: no model {model!r}; it has {', '.join(names)}")
    kept = pl.col(f"{model}_kept")
    return frame.select("user_id", rank=pl.col(column), rank_kept=kept).sort("user_id")
