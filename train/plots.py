"""Pictures of what `molar bench accuracy` found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from molar.train.accuracy_table import MOLAR, is_variant
from molar.train.measured_runs import MeasuredRun

_MOLAR, _OTHERS = "#d1495b", "#4a6fa5"
_LINES = ("#4a6fa5", "#e09f3e", "#5b8e7d", "#7a5195", "#8c8c8c", "#2a9d8f", "#8d6e63", "#003f5c")  # none like Molar's


def draw_recall(rows: Sequence[Mapping[str, Any]], regime: str, out: Path) -> None:
    """Recall@10 of each model but the variants of Molar, best on top, seen items removed.

    Args:
        rows: of `benchmark_accuracy`.
        regime: "full" or "sparse".
        out: PNG to write.
    """
    found = [row for row in rows if row["regime"] == regime and row["seen_removed"] and not is_variant(row["model"])]
    found.sort(key=lambda row: row["recall@10"])
    figure = Figure(figsize=(7, 0.8 + 0.36 * len(found)), layout="constrained")
    axes = figure.subplots()
    colours = [_MOLAR if row["model"] == MOLAR else _OTHERS for row in found]
    bars = axes.barh([row["model"] for row in found], [row["recall@10"] for row in found], color=colours)
    axes.bar_label(bars, fmt="%.4f", padding=3)
    axes.margins(x=0.12)
    axes.set_xlabel("Recall@10, test, seen items removed")
    save(figure, out)


def draw_learning_curves(runs: Sequence[MeasuredRun], regime: str, out: Path) -> None:
    """Validation NDCG@10 after each epoch, one line a model but the variants of Molar: its first seed.

    Args:
        runs: of `benchmark_accuracy`.
        regime: "full" or "sparse".
        out: PNG to write.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=_LINES)
    for run in runs:
        if run.regime != regime or run.seed or is_variant(run.model) or len(run.validation) < 2:
            continue
        emphasis = {"color": _MOLAR, "linewidth": 2.2, "zorder": 3} if run.model == MOLAR else {"linewidth": 1.2}
        axes.plot(range(1, len(run.validation) + 1), run.validation, label=run.model, **emphasis)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("validation NDCG@10")
    if axes.lines:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save(figure, out)


def save(figure: Figure, out: Path) -> None:
    """Write a picture, without its upper and right line."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
