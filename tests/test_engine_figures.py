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
    [wide, wide_floor] = [
        row["p50_ms"]
        for row in rows
        if (row["items"], row["dim"], row.get("dtype")) == (1_000_000, 256, "fp32")
        and row["what"] in ("engine", "floor")
    ]
    assert f"({wide / wide_floor:.2f} with rows of 256 numbers)" in readme()
    [load] = [row for row in rows if (row["what"], row["items"], row["dim"]) == ("load", 1_000_000, 128)]
    assert f"That bundle opens in {load['load_ms'] / 1e3:.1f} s" in readme()
    assert f"{load['memory_mb'] / load['tables_mb']:.2f} of what its tables take on disk" in readme()


def test_latency_on_older_cores() -> None:
    rows = json.loads((BENCHMARKS / "engine-avx2.json").read_text())["rows"]
    wanted = (("engine", "int8"), ("floor", "fp32"), ("engine", "fp32"))
    quick, floor, exact = (p50(rows, *what, 1_000_000) for what in wanted)
    assert f"a million items took {quick:.2f} ms, {quick / floor:.2f} of the floor" in readme()
    assert f"from the float32 table {exact / floor:.2f} of it. On MovieLens-1M" in readme()


def test_latency_of_ten_million_items() -> None:
    rows = json.loads((BENCHMARKS / "engine-10m.json").read_text())["rows"]
    wanted = (("engine", "int8"), ("engine", "fp32"), ("torch", "fp32"), ("floor", "fp32"))
    quick, exact, by_torch, floor = (p50(rows, *what, 10_000_000) for what in wanted)
    assert f"take {quick:.1f} ms, {quick / floor:.2f} of the {floor:.1f} ms of the floor" in readme()
    assert f"float32 table {exact / floor:.2f} of it; torch {by_torch / quick:.1f} times as long" in readme()
    [load] = [row for row in rows if row["what"] == "load"]
    assert f"They open in {load['load_ms'] / 1e3:.0f} s" in readme()


def test_the_service() -> None:
    facts = json.loads((BENCHMARKS / "serve.json").read_text())
    assert (facts["refused"], facts["broken"], facts["seconds"]) == (0, 0, 300)
    assert f"answers {facts['requests_a_second']:.0f} a second to {facts['clients']} clients" in readme()
    assert f"wait {facts['p50_ms']:.0f} ms (p50; p95 {facts['p95_ms']:.0f})" in readme()


def test_what_is_lost_when_something_is_killed() -> None:
    facts = json.loads((BENCHMARKS / "killed.json").read_text())
    service, replica, training, worker = (facts[name] for name in ("service", "replica", "training", "worker"))
    assert (service["items_missing"], training["same_result"], worker["items_missing"]) == (0, True, 0)
    lost = f"the {service['broken_off']} requests it was answering; none of {service['items_added_before']} items"
    assert lost in readme()
    assert f"answers again after {service['longest_without_an_answer_s']:.1f} s" in readme()
    assert f"{replica['broken_off']} requests it was answering" in readme()
    assert f"two again after {replica['two_replicas_again_in_s']:.1f} s" in readme()
    assert f"{training['seconds_killed']:.0f} s in all instead of {training['seconds']:.0f}" in readme()
    rates = [worker[f"{name}_items_a_second"] for name in ("one_killed", "two_workers")]
    assert f"{rates[0]:.1f} items a second instead of {rates[1]:.1f}" in readme()


def test_the_demo() -> None:
    facts = json.loads((BENCHMARKS / "demo.json").read_text())
    assert (facts["errors"], facts["wrong_histories"], facts["visitors"], facts["seconds"]) == (0, 0, 50, 180)
    assert f"the first page comes {facts['first_page_s']:.1f} s after the command" in readme()
    in_page = f"after {facts['browser_in_page_p50_ms']:.0f} ms (p50; p95 {facts['browser_in_page_p95_ms']:.0f})"
    assert in_page in readme()
    assert f"wait {facts['p50_ms']:.0f} ms (p50) and {facts['p95_ms']:.0f} ms (p95)" in readme()
    assert f"None of {facts['clicks']:,} answers" in readme()


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
