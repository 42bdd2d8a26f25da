"""The rows of `molar bench accuracy`, out of measured runs.

Dimensions: V users.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from molar.train.comparison import bootstrap, per_user
from molar.train.measured_runs import MeasuredRun
from molar.train.metrics import ranking_metrics
from molar.train.slices import RARE_EVENTS

RECALL = "recall@10"
MOLAR = "Molar"
SHORTER = "Molar, fewer epochs"  # where variants have fewer epochs than Molar: what they are compared with

_SLICES = (
    "Recall@10 by what is asked for. Popular are the most chosen items that hold half of all training events, rare "
    f"those with less than {RARE_EVENTS}."
)
_PUBLISHED = "What others report, beside our row that is closest. Data are the same if events, split and ranking are."


def table_of(
    made: Mapping[str, Sequence[MeasuredRun]], ids_only: Sequence[str], slices: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Two rows a model of one regime: seen items removed, and kept.

    Every row holds its difference from another with a 95% interval and p (paired bootstrap over users): variants of
    Molar from `SHORTER`, or from Molar where that was not made; all others, and `SHORTER`, from the best model that
    knows IDs alone, which validation chooses.

    Args:
        made: row -> its runs, which differ in their seed; a user's metrics are their means.
        ids_only: rows that know items by their IDs alone.
        slices: name -> (V,) bool, of users sorted by id.
    """
    best = best_on_validation({name: made[name] for name in ids_only if name in made})
    whole = SHORTER if SHORTER in made else MOLAR
    rows = []
    for name, runs in made.items():
        for seen_removed in (True, False):
            found = _mean_per_user(runs, seen_removed)
            row: dict[str, Any] = {"model": name, "regime": runs[0].regime, "seen_removed": seen_removed}
            row |= {"seeds": len(runs), **_metrics([_ranks(run, seen_removed) for run in runs])}
            beside = whole if is_variant(name) and name != whole and whole in made else best
            if beside and name != beside:
                other = _mean_per_user(made[beside], seen_removed)
                row["beside"] = beside
                row["gain"] = round(float(found[RECALL].mean() / max(other[RECALL].mean(), 1e-9) - 1), 4)
                for metric in found:
                    compared = bootstrap(found[metric] - other[metric])
                    row |= {f"{metric}_{part}": value for part, value in compared.items()}
            if seen_removed:
                row["slices"] = {
                    part: {"users": int(mask.sum()), RECALL: round(float(found[RECALL][mask].mean()), 6)}
                    for part, mask in slices.items()
                    if mask.any()
                }
                row["coverage@10"] = round(float(np.mean([run.coverage for run in runs])), 6)
                row["popularity_bias@10"] = round(float(np.mean([run.popularity_bias for run in runs])), 6)
                row["validation_ndcg@10"] = round(_validation(runs), 6)
            row["training_seconds"] = round(float(np.mean([run.training_seconds for run in runs])))
            row["machines"] = sorted({run.machine for run in runs})
            rows.append(row)
    return rows


def is_variant(name: str) -> bool:
    """Whether a row is Molar with something changed."""
    return name.startswith(f"{MOLAR}, ")


def best_on_validation(made: Mapping[str, Sequence[MeasuredRun]]) -> str | None:
    """The row with the highest validation NDCG@10 of the best epoch, in the mean over its seeds."""
    return max(made, key=lambda name: _validation(made[name])) if made else None


def _validation(runs: Sequence[MeasuredRun]) -> float:
    return float(np.mean([run.validation.max() for run in runs]))


def _ranks(run: MeasuredRun, seen_removed: bool) -> np.ndarray:
    return run.removed if seen_removed else run.kept


def _metrics(of_runs: Sequence[np.ndarray]) -> dict[str, Any]:
    found = [ranking_metrics(ranks) for ranks in of_runs]
    row: dict[str, Any] = {name: round(float(np.mean([one[name] for one in found])), 6) for name in found[0]}
    if len(found) > 1:
        row[f"{RECALL}_of_seeds"] = [round(one[RECALL], 6) for one in found]
    return row


def _mean_per_user(runs: Sequence[MeasuredRun], seen_removed: bool) -> dict[str, np.ndarray]:
    found = [per_user(_ranks(run, seen_removed), 10) for run in runs]
    return {metric: np.mean([one[metric] for one in found], axis=0) for metric in found[0]}


def markdown(table: Mapping[str, Any], regime: str) -> str:
    """One regime of a table as up to three: all rows, Recall@10 of the main ones by kind of person, and what others
    report beside them.

    Args:
        table: `rows` as `table_of` gives them, and `published`: regime -> figures as `accuracy_config.Published` has
            them.
        regime: "full" or "sparse".
    """
    rows = table["rows"]
    removed = [row for row in rows if row["regime"] == regime and row["seen_removed"]]
    if not removed:
        return ""
    kept = {row["model"]: row for row in rows if row["regime"] == regime and not row["seen_removed"]}
    lines = [
        f"## {regime.capitalize()} histories",
        "",
        "| model | seeds | Recall@10 | NDCG@10 | seen kept | coverage | popularity bias | Recall@10 beside | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in removed:
        cells = [row["model"], str(row["seeds"]), *(f"{row[name]:.4f}" for name in (RECALL, "ndcg@10"))]
        cells += [f"{kept[row['model']][RECALL]:.4f}", f"{row['coverage@10']:.4f}", f"{row['popularity_bias@10']:.2f}"]
        cells += _beside(row)
        lines.append(f"| {' | '.join(cells)} |")
    references = {row.get("beside") for row in removed}
    named = [row for row in removed if "," not in row["model"] or row["model"] in references] or removed
    lines += ["", _SLICES, ""]
    lines += [f"| | people | {' | '.join(row['model'] for row in named)} |", "|---" * (len(named) + 2) + "|"]
    for name, part in named[0]["slices"].items():
        cells = [f"{row['slices'][name][RECALL]:.4f}" for row in named]
        lines.append(f"| {name} | {part['users']} | {' | '.join(cells)} |")
    return "\n".join([*lines, *_published_lines(table["published"][regime], removed)]) + "\n"


def _published_lines(published: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What others report beside our rows, where we have the row."""
    ours = {row["model"]: row for row in rows}
    lines = []
    for entry in published:
        if row := ours.get(entry["row"]):
            ndcg = "" if entry["ndcg"] is None else f"{entry['ndcg']:.4f}"
            cells = [entry["method"], entry["source"], "same" if entry["same_data"] else "close"]
            cells += [f"{entry['recall']:.4f}", ndcg, entry["row"], f"{row[RECALL]:.4f}", f"{row['ndcg@10']:.4f}"]
            lines.append(f"| {' | '.join(cells)} |")
    if not lines:
        return []
    head = "| published as | in | data | Recall@10 | NDCG@10 | ours | Recall@10 | NDCG@10 |"
    return ["", _PUBLISHED, "", head, "|---" * 8 + "|", *lines]


def _beside(row: Mapping[str, Any]) -> tuple[str, str]:
    """Of which row, and by how much with its 95% interval and p."""
    if "beside" not in row:
        return "", ""
    difference, low, high, p = (row[f"{RECALL}_{part}"] for part in ("difference", "low", "high", "p"))
    return row["beside"], f"{difference:+.4f} [{low:+.4f}, {high:+.4f}], p {p:.4f}"
