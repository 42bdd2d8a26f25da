"""Export: the graph for any batch, length and k; the parity check that can fail; the catalogue."""

import json
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import torch

from molar.engine import ModelError, Recommender
from molar.engine.catalog_item import Allowed
from molar.export.config import ExportConfig
from molar.export.pack import export_run, value_splitter
from molar.export.parity import check_parity, compare_lists, list_quality
from molar.train.ranking import hide_seen, mode_queries
from molar.train.run import load_run


@pytest.fixture(scope="module")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


@pytest.mark.parametrize("batch", [1, 2, 7, 32])
@pytest.mark.parametrize("length", [1, 5, 12])
@pytest.mark.parametrize("k", [1, 10, 24])
def test_the_graph_answers_as_torch_for_any_batch_length_and_k(
    recommender: Recommender, run: Path, batch: int, length: int, k: int
) -> None:
    model, vectors = load_run(run)
    rng = np.random.default_rng(batch * 100 + length)
    histories = [rng.integers(0, 24, rng.integers(1, length + 1)) for _ in range(batch)]
    allowed = np.arange(24) % 5 != 0
    expected = (mode_queries(model, vectors, histories)["aligned"] @ vectors.tables()["aligned"].T).detach().numpy()
    hide_seen(expected, histories)
    expected[:, ~allowed] = -np.inf
    for (rows, scores, *_), line in zip(recommender.rank(histories, k, Allowed(allowed)), expected, strict=True):
        assert len(rows) == min(k, np.isfinite(line).sum())
        assert np.array_equal(rows, np.argsort(-line)[: len(rows)])
        assert scores == pytest.approx(line[rows], abs=1e-4)


def test_no_path_of_the_machine_is_in_the_graph(bundle: Path) -> None:
    proto = onnx.load(bundle / "recommender.onnx")
    assert not [node.name for node in proto.graph.node if node.metadata_props or node.doc_string]
    assert str(Path.cwd()).encode() not in (bundle / "recommender.onnx").read_bytes()


def test_the_manifest_holds_parity_and_evaluation(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["name"] == "Test shop"
    assert manifest["parity"]["histories"] == 60
    assert set(manifest["parity"]["modes"]) == {"aligned", "content", "ids"}
    assert all(mode["largest_score_difference"] < 1e-4 for mode in manifest["parity"]["modes"].values())
    assert {row["model"] for row in manifest["evaluation"]} == {"popularity", "SASRec", "content only", "Molar"}
    for row in manifest["evaluation"]:
        assert 0 <= row["recall@10_low"] <= row["recall@10"] <= row["recall@10_high"] <= 1
        assert row["recall@10_low"] < row["recall@10_high"]


def test_parity_fails_when_the_model_is_another(bundle: Path, run: Path) -> None:
    model, vectors = load_run(run)
    with torch.no_grad():
        model.user_encoder.transformer.norm.weight.mul_(-1)
    with pytest.raises(ModelError, match="ONNX Runtime and torch differ beyond ties"):
        recommenders = {"fp32": Recommender.load(bundle, "cpu", "fp32")}
        check_parity(recommenders, model, vectors, [np.array([1, 2, 3])], np.array([4]))


def test_ties_may_turn_round_and_nothing_else() -> None:
    expected = np.array([[0.9, 0.5, 0.5, 0.1]])
    scores = np.array([[0.9, 0.5]])
    assert compare_lists(expected, np.array([[0, 2]]), scores, "aligned")["identical_lists"] == 0.0
    assert compare_lists(expected, np.array([[0, 1]]), scores, "aligned")["identical_lists"] == 1.0
    excluded = np.array([[0.9, -np.inf, -np.inf, -np.inf]])  # the order of what may not be recommended does not count
    assert compare_lists(excluded, np.array([[0, 3]]), np.array([[0.9, -1e9]]), "ids")["identical_lists"] == 1.0
    with pytest.raises(ModelError, match=r"place 2: torch score 0\.100000 where 0\.500000 belongs"):
        compare_lists(expected, np.array([[0, 3]]), scores, "aligned")


def test_what_lists_share() -> None:
    truth = np.array([[1, 2, 3, -1], [4, 5, 6, 7]])
    found = np.array([[3, 9, 1, -1], [4, 5, 6, 7]])
    quality = list_quality(truth, found, np.array([9, 2]))
    assert quality == {"overlap@10": round((2 / 3 + 1) / 2, 6), "recall@10": 0.5}
    assert list_quality(truth, found, np.array([-1, 8]))["recall@10"] == 0.0


def test_a_failed_export_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> dict:
        raise ModelError("parity: not today")

    monkeypatch.setattr("molar.export.pack.check_parity", fail)
    with pytest.raises(ModelError, match="not today"):
        export_run(run, tmp_path / "bundle", ExportConfig())
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_exists_is_not_overwritten(run: Path, bundle: Path) -> None:
    with pytest.raises(ModelError, match="exists already; choose another --out or delete it"):
        export_run(run, bundle, ExportConfig())


@pytest.mark.parametrize(
    ("cells", "cell", "expected"),
    [
        (["Comedy, Drama", "Drama", "Comedy", "Drama, War", "War, Comedy"], "Comedy, Drama", ["Comedy", "Drama"]),
        (["a|b", "b|c", "a|c", "a|b|c"], "a|c", ["a", "c"]),
        (["Smith, Inc.", "Jones, Ltd.", "Acme"], "Smith, Inc.", ["Smith, Inc."]),
    ],
)
def test_cells_with_several_values(cells: list[str], cell: str, expected: list[str]) -> None:
    assert value_splitter(pl.Series(cells))(cell) == expected
