"""`molar bench engine`, `latency` and `stress` on catalogues that are small."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from molar.app.cli import main
from molar.engine import Recommender
from molar.engine.catalog_item import Allowed
from molar.engine.ranker import Ranked, RankRequest
from molar.engine.stress import stress
from molar.export.memory_speed import MemoryReader, copy_speed
from molar.export.random_bundle import random_bundle, random_table

ITEMS = 66_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of random items, in 8 bits too, of which whole numbers are read for batches."""
    folder = tmp_path_factory.mktemp("bundles") / "large"
    random_bundle(folder, ITEMS, 64, 20, ("fp32", "int8"))
    return folder


def test_a_large_random_bundle_answers_in_int8_as_in_float32(large: Path) -> None:
    recommender, exact = (Recommender.load(large, "cpu", precision) for precision in ("int8", "fp32"))
    assert Recommender.load(large, "cpu").precision == "int8"
    rng = np.random.default_rng(0)
    histories = [rng.integers(0, ITEMS, rng.integers(1, 30)).tolist() for _ in range(100)]
    for k in (1, 10, 300):
        for history in histories[:20]:
            same_list(recommender.rank([history], k)[0], exact.rank([history], k)[0])
    assert recommender.repeated < 30  # of 60
    alone = [recommender.rank([history], 10)[0] for history in histories]
    for one, many in zip(alone, recommender.rank(histories, 10), strict=True):
        same_list(one, many)


PROCESSORS = ["none", "many", "all"]  # for whom products of whole numbers are quicker there


@pytest.mark.parametrize("quick_for", PROCESSORS)
def test_8_bits_leave_out_what_they_must(large: Path, quick_for: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden items, whole blocks of them too, and added ones; what bounds leave open is found again."""
    monkeypatch.setattr("molar.engine.ranker.whole_numbers", lambda: quick_for)
    recommender, exact = (Recommender.load(large, "cpu", precision) for precision in ("int8", "fp32"))
    rng = np.random.default_rng(1)
    histories = [rng.integers(0, ITEMS, 12).tolist() for _ in range(40)]
    best = {row for ranked in exact.rank(histories, 5) for row in ranked.rows.tolist()}
    for engine in (recommender, exact):
        engine.hide_items([f"sku-{row}" for row in best])
        engine.hide_items([f"sku-{row}" for row in range(320)])
        engine.add_vectors("mine", {"aligned": exact.rank(histories[:1], 1)[0].query})
    for k in (10, 120):
        for found, truth in zip(recommender.rank(histories, k), exact.rank(histories, k), strict=True):
            assert not best & set(found.rows.tolist())
            same_list(found, truth)
    assert ITEMS in recommender.rank(histories, 1)[0].rows.tolist()  # the added item, made for the first of them
    mostly = np.arange(ITEMS) % 50 != 0
    for engine in (recommender, exact):
        engine.hide_items([f"sku-{row}" for row in np.flatnonzero(mostly)])
    for people in (histories, histories[:1]):
        for found, truth in zip(recommender.rank(people, 10), exact.rank(people, 10), strict=True):
            same_list(found, truth)
    before = recommender.repeated
    # Hardly more rows than are asked for.
    monkeypatch.setattr("molar.engine.ranker._candidate_blocks", lambda k: k // 4 + 1)
    for people in ([histories[0]], histories[:8]):
        for found, truth in zip(recommender.rank(people, 10), exact.rank(people, 10), strict=True):
            same_list(found, truth)
    if quick_for != "none":
        recommender.rank(histories, 10)
    assert recommender.repeated > before + (7 if quick_for == "none" else 40)


@pytest.mark.parametrize("quick_for", PROCESSORS)
def test_the_form_is_the_processors(large: Path, quick_for: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molar.engine.ranker.whole_numbers", lambda: quick_for)
    ranker = Recommender.load(large, "cpu", "int8")._ranker
    chosen = [
        ranker._form_in_8_bits([RankRequest([0], 10, "aligned", allowed=allowed) for allowed in filters])
        for filters in ([None] * 8, [None] * 9, [Allowed(np.ones(ITEMS, bool), frozenset()), None])
    ]
    of_few_and_many = {"none": ["int8", "fp32"], "many": ["int8", "whole"], "all": ["whole", "whole"]}
    assert chosen == [*of_few_and_many[quick_for], "fp32"]


def same_list(found: Ranked, truth: Ranked) -> None:
    """The same rows, but that neighbours may have changed places whose scores are equal up to rounding."""
    np.testing.assert_allclose(found.scores, truth.scores, atol=1e-4)
    places = dict(zip(truth.rows.tolist(), truth.scores.tolist(), strict=True))
    for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
        assert places.get(row, truth.scores[-1]) == pytest.approx(score, abs=1e-4)


def test_numpy_finds_the_same(large: Path) -> None:
    recommender = Recommender.load(large, "cpu", "int8")
    table = random_table(ITEMS, 64)
    assert np.array_equal(recommender.vectors(), table)
    [ranked] = recommender.rank([[5, 17, 4000]], 50)
    scores = table @ ranked.query
    np.testing.assert_allclose(ranked.scores, scores[ranked.rows], atol=1e-4)
    scores[[5, 17, 4000]] = -np.inf
    np.testing.assert_allclose(ranked.scores, np.sort(scores)[::-1][:50], atol=1e-4)


def test_memory_is_faster_than_a_disk() -> None:
    reader = MemoryReader(1, 2**24)
    assert reader.speed > 1e8
    assert 0 < reader.milliseconds(2**20) < 10
    assert copy_speed(torch.device("cpu"), 2**24) > 1e8


def test_the_engine_beside_others(tmp_path: Path) -> None:
    out, plot = tmp_path / "engine.json", tmp_path / "engine.png"
    sizes = ["--items", "200", "--items", "3000", "--dim", "64", "--history", "5", "--calls", "5", "--batch", "1"]
    options = [*sizes, "--batch", "3", "--device", "cpu", "--out", str(out), "--plot", str(plot)]
    result = CliRunner().invoke(main, ["bench", "engine", *options])
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())["rows"]
    assert {row["what"] for row in rows} == {"engine", "torch", "faiss", "usearch", "floor", "load"}
    asked = [row for row in rows if row["what"] != "load"]
    assert {(row["items"], row["batch"]) for row in asked} == {(200, 1), (200, 3), (3000, 1), (3000, 3)}
    assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in asked)
    assert {row["dtype"] for row in rows if row["what"] == "engine"} == {"fp32", "int8"}
    loads = [row for row in rows if row["what"] == "load"]
    assert all(row["load_ms"] > 0 and row["tables_mb"] > 0 for row in loads)
    assert plot.read_bytes()[1:4] == b"PNG"
    table = out.with_suffix(".md").read_text()
    [quick] = [
        row for row in asked if (row["what"], row["dtype"], row["items"], row["batch"]) == ("engine", "int8", 200, 1)
    ]
    assert f"| 200 | {quick['p50_ms']:.2f} |" in table
    assert "## 3 people, 5 events each, rows of 64 numbers" in table


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_many_threads_while_the_catalogue_changes(large: Path, precision: str) -> None:
    result = stress(Recommender.load(large, "cpu", precision), threads=8, seconds=3)
    assert result["errors"] == {}
    assert result["first_wrong"] == []
    assert result["calls"] > 50
    assert result["changes"] > 20


def test_stress_finds_a_recommender_that_is_wrong(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender = Recommender.load(large, "cpu", "fp32")
    right = recommender.recommend
    monkeypatch.setattr(
        recommender, "recommend", lambda history, k: [*right(history, k + 1)[:-2], *right(history, k + 1)[-1:]]
    )
    result = stress(recommender, threads=2, seconds=1)
    assert result["wrong"] > 0
    assert "lacks" in result["first_wrong"][0]


def test_the_commands_on_a_bundle(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "latency.json"
    arguments = ["--bundle", str(bundle), "--device", "cpu", "--out", str(out)]
    result = CliRunner().invoke(main, ["bench", "latency", "--calls", "5", "--history", "3", *arguments])
    assert result.exit_code == 0, result.output
    facts = json.loads(out.read_text())
    assert facts["precision"] == "int8"
    assert 0 < facts["p50_ms"] <= facts["p99_ms"]
    assert facts["load_ms"] > 0
