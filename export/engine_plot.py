"""Latency by catalogue size, as a picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from molar.export.engine_table import LABELS
from molar.train.plots import save

# (what, dtype) -> colour, in the order of the legend.
_COLOURS = {
    ("torch", "fp32"): "#8c8c8c",
    ("torch", "fp16"): "#a3a380",
    ("torch.compile", "fp32"): "#bdbdbd",
    ("torch.compile", "fp16"): "#d7ce93",
    ("usearch", "fp32"): "#5b8e7d",
    ("faiss", "fp32"): "#e09f3e",
    ("floor", "fp32"): "#222222",
    ("floor", "fp16"): "#777777",
    ("engine", "fp32"): "#4a6fa5",
    ("engine", "fp16"): "#7a5195",
    ("engine", "int8"): "#d1495b",
}


def draw_latency(result: dict[str, Any], out: Path) -> None:
    """Median latency of one person by catalogue size, both on logarithmic axes.

    Args:
        result: of `benchmark_engine`.
        out: PNG to write.
    """
    rows = [row for row in result["rows"] if row.get("batch") == 1]
    rows = [row for row in rows if row["dim"] == rows[0]["dim"] and row["history"] == rows[0]["history"]]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for (what, dtype), colour in _COLOURS.items():
        found = sorted((row["items"], row["p50_ms"]) for row in rows if (row["what"], row["dtype"]) == (what, dtype))
        if found:
            sizes, times = zip(*found, strict=True)
            axes.plot(sizes, times, "--" if what == "floor" else "o-", label=LABELS[what, dtype], color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("items in the catalogue")
    axes.set_ylabel("milliseconds for one person (median)")
    axes.grid(which="major", alpha=0.25)
    axes.legend(frameon=False)
    save(figure, out)
