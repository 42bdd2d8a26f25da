"""What the README says of the engine's speed is what the benchmarks found."""

import json
from pathlib import Path
from typing import Any

from molar.export.engine_table import markdown

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "assets" / "benchmarks"


def readme() -> str:
    return " ".join((ROOT / "README.md").read_text().split())


def p50(rows: list[dict[str, Any]], what: str, dtype: str, items: int, batch: int = 1) -> float:
    wanted = {"what": what, "dtype": dtype, "items": items, "batch": batch, "dim": 128, "history": 50}
    [row] = [row for row in rows if wanted.items() <= row.items()]
    return float(row["p50_ms"])


def test_latency_by_catalogue_size() -> None:
    result = json.loads((BENCHMARKS / "engine.json").read_text())
    table = markdown(result)
    assert (BENCHMARKS / "engine.md").read_text() == table
    first = table.split("## ")[1]
    lines = [line for line in first.splitlines() if line.startswith("| ")]
    text = (ROOT / "README.md").read_text()
    assert [line for line in lines if line not in text] == []
    rows = result["rows"]
    million = {what: p50(rows, *what, 1_000_000) for what in (("engine", "int8"), ("floor", "fp32"), ("faiss", "fp32"))}
    quick, floor, faiss = million.values()
    assert f"{quick:.2f} ms, {quick / floor:.2f} of the {floor:.1f} ms" in readme()
    assert f"torch and faiss {faiss / quick:.1f} times as long" in readme()
    exact = p50(rows, "engine", "fp32", 1_000_000)
    assert f"from the float32 table itself {exact / floor:.2f} of it" in readme()
    many, many_by_faiss = (p50(rows, *what, 1_000_000, 64) for what in (("engine", "int8"), ("faiss", "fp32")))
    assert f"64 people at once are {64 / many * 1e3:.0f} a second" in readme()
    assert f"{64 * quick / many:.1f} times as many as one after the other" in readme()
    assert f"by torch and faiss {64 / many_by_faiss * 1e3:.0f}." in readme()
    [load] = [row for row in rows if (row["what"], row["items"], row["dim"]) == ("load", 1_000_000, 128)]
    assert f"That bundle opens in {load['load_ms'] / 1e3:.1f} s" in readme()
    assert f"{load['memory_mb'] / load['tables_mb']:.2f} of what its tables take on disk" in readme()


def test_the_service() -> None:
    facts = json.loads((BENCHMARKS / "serve.json").read_text())
    assert (facts["refused"], facts["broken"], facts["seconds"]) == (0, 0, 300)
    assert f"answers {facts['requests_a_second']:.0f} a second to {facts['clients']} clients" in readme()
    assert f"wait {facts['p50_ms']:.0f} ms (p50; p95 {facts['p95_ms']:.0f})" in readme()


def test_latency_on_movielens() -> None:
    facts = json.loads((BENCHMARKS / "engine-latency.json").read_text())
    assert f"in {facts['p50_ms']:.2f} ms (p50; p95 {facts['p95_ms']:.2f} ms)" in readme()
    assert f"takes {facts['import_ms'] / 1e3:.2f} s" in readme()


def test_stress() -> None:
    facts = json.loads((BENCHMARKS / "engine-stress.json").read_text())
    assert (facts["errors"], facts["wrong"], facts["threads"]) == ({}, 0, 64)
    assert facts["seconds"] >= 300
    first, last = facts["memory_mb"]
    said = f"{facts['calls']:,} calls of 64 threads beside {facts['changes']:,} changes of the catalogue"
    assert said in readme()
    assert f"{first:.0f} MB after half a minute, {last:.0f} MB after five" in readme()
    large = json.loads((BENCHMARKS / "engine-stress-100k.json").read_text())
    assert (large["errors"], large["wrong"], large["threads"], large["precision"]) == ({}, 0, 64, "int8")
    assert f"there was none in {large['calls']:,} calls beside {large['changes']:,} changes" in readme()


def test_parity_on_movielens() -> None:
    facts = json.loads((BENCHMARKS / "engine-parity.json").read_text())
    assert facts["parity"]["histories"] == 6040
    modes = facts["parity"]["modes"].values()
    assert sum(round(6040 * (1 - mode["identical_lists"])) for mode in modes) <= 1  # a tie; the export refuses others
    assert all(mode["largest_score_difference"] < mode["tolerance"] for mode in modes)
    overlap = {precision: costs["overlap@10"] for precision, costs in facts["precisions"].items()}
    assert overlap["fp32"] == overlap["int8"] == 1.0
    assert "For all its 6,040 people the ten of each list are torch's, up to ties" in readme()
    assert f"those from float16 tables share {int(overlap['fp16'] * 10000) / 100}%" in readme()
