"""Latency by catalogue size, as a picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from molar.train.plots import save

# (what, dtype) -> how it is called, colour, and whether it is a line that others are measured by.
_LINES = {
    ("torch", "fp32"): ("torch", "#8c8c8c", False),
    ("usearch", "fp32"): ("torch and usearch", "#5b8e7d", False),
    ("faiss", "fp32"): ("torch and faiss", "#e09f3e", False),
    ("floor", "fp32"): ("reading the table once", "#222222", True),
    ("engine", "fp32"): ("engine, float32", "#4a6fa5", False),
    ("engine", "fp16"): ("engine, float16", "#7a5195", False),
    ("engine", "int8"): ("engine, 8-bit rows first", "#d1495b", False),
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
    for (what, dtype), (label, colour, is_floor) in _LINES.items():
        found = sorted((row["items"], row["p50_ms"]) for row in rows if (row["what"], row["dtype"]) == (what, dtype))
        if found:
            sizes, times = zip(*found, strict=True)
            axes.plot(sizes, times, "--" if is_floor else "o-", label=label, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("items in the catalogue")
    axes.set_ylabel("milliseconds for one person (median)")
    axes.grid(which="major", alpha=0.25)
    axes.legend(frameon=False)
    save(figure, out)
