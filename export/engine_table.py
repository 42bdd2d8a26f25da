"""What `molar bench engine` found, as tables."""

from typing import Any

# (what, dtype) -> how it is called.
LABELS = {
    ("engine", "int8"): "engine, 8-bit rows first",
    ("engine", "fp16"): "engine, float16",
    ("engine", "fp32"): "engine, float32",
    ("engine, rows", "fp16"): "engine, float16, rows to rows",
    ("engine, rows", "fp32"): "engine, float32, rows to rows",
    ("torch", "fp32"): "torch",
    ("torch", "fp16"): "torch, float16",
    ("torch.compile", "fp32"): "torch.compile",
    ("torch.compile", "fp16"): "torch.compile, float16",
    ("faiss", "fp32"): "torch and faiss",
    ("usearch", "fp32"): "torch and usearch",
    ("floor", "fp32"): "reading the table once",
    ("floor", "fp16"): "reading the float16 table once",
}


def markdown(result: dict[str, Any]) -> str:
    """Median milliseconds of a call, a table for each width, number of people and length of history.

    Args:
        result: of `benchmark_engine`.
    """
    asked = [row for row in result["rows"] if row["what"] != "load"]
    cases = list(dict.fromkeys((row["dim"], row["batch"], row["history"]) for row in asked))
    parts = [f"Median milliseconds of a call on {result['machine']}, ids to ids, ten of them for each person.\n"]
    for dim, batch, history in cases:
        people = "one person" if batch == 1 else f"{batch} people"
        parts.append(f"## {people}, {history} events each, rows of {dim} numbers\n")
        parts.append(
            _table([row for row in asked if (row["dim"], row["batch"], row["history"]) == (dim, batch, history)])
        )
    loads = [row for row in result["rows"] if row["what"] == "load"]
    parts.append("## Opening a bundle\n")
    lines = ["| items | numbers in a row | ms | memory, MB | tables, MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['items']:,} | {row['dim']} | {row['load_ms']:.0f} | {row['memory_mb']:.0f} | {row['tables_mb']:.0f} |"
        for row in loads
    ]
    return "\n".join([*parts, *lines]) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    """A line for each catalogue size, a column for each contestant that there is."""
    found = {(row["what"], row["dtype"], row["items"]): row["p50_ms"] for row in rows}
    columns = [column for column in LABELS if any((*column, row["items"]) in found for row in rows)]
    lines = [
        "| items | " + " | ".join(LABELS[column] for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for items in dict.fromkeys(row["items"] for row in rows):
        cells = [found.get((*column, items)) for column in columns]
        lines.append(f"| {items:,} | " + " | ".join("" if cell is None else f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"
