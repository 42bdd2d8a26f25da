"""Runs of a few fixed sizes: on a CPU nothing is recorded, but all else is as on a GPU."""

from pathlib import Path

import numpy as np
import pytest

from molar.engine import BundleError, Recommender
from molar.engine import bundle as bundles
from molar.engine.ranker import RankRequest
from molar.engine.recorded import RecordedRuns
from molar.engine.runtime import nvidia_device_visible
from molar.export.random_bundle import random_bundle

ITEMS = 500


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("halves") / "bundle"
    random_bundle(folder, ITEMS, 16, 80, ("fp32", "fp16"))
    return folder


def test_answers_are_those_of_runs_of_any_size(halves: Path) -> None:
    usual = Recommender.load(halves, "cpu", "fp16")
    padded = Recommender.load(halves, "cpu", "fp16")
    padded._ranker._recorded = RecordedRuns(halves / bundles.GRAPHS["fp16"], 80, "cpu")
    rng = np.random.default_rng(0)
    for people, events, k in ((1, 1, 1), (1, 50, 10), (3, 80, 16), (9, 70, 100), (2, 5, 400)):
        asked = [RankRequest(h.tolist(), k, "aligned", h.tolist()) for h in rng.integers(0, ITEMS, (people, events))]
        for one, other in zip(usual._ranker(asked), padded._ranker(asked), strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
            np.testing.assert_allclose(one.query, other.query, atol=1e-5)
    made = padded._ranker._recorded._recordings
    assert [size for _, size, _ in made] == [(1, 64, 64, 16), (8, 80, 256, 16), (64, 80, 256, 128)]


def test_recordings_that_were_not_used_for_long_go(halves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molar.engine.recorded._MOST_SCORES", 9 * bundles.padded_rows(ITEMS))
    engine = Recommender.load(halves, "cpu", "fp16")
    engine._ranker._recorded = RecordedRuns(halves / bundles.GRAPHS["fp16"], 80, "cpu")
    one, few = [["sku-1"]], [["sku-1"], ["sku-2"], ["sku-3"]]
    for histories in (one, few, [["sku-1"] * 70], few):
        engine.recommend_batch(histories, 10)
    kept = [size for _, size, _ in engine._ranker._recorded._recordings]
    assert kept == [(1, 80, 256, 16), (8, 64, 64, 16)]


def test_what_was_hidden_since_is_not_found(halves: Path) -> None:
    engine = Recommender.load(halves, "cpu", "fp16")
    engine._ranker._recorded = RecordedRuns(halves / bundles.GRAPHS["fp16"], 80, "cpu")
    first = engine.recommend(["sku-1", "sku-2"], k=10)
    engine.hide_items([first[0].item_id])
    assert [r.item_id for r in engine.recommend(["sku-1", "sku-2"], k=9)] == [r.item_id for r in first[1:]]


def test_what_cannot_be_recorded_goes_the_usual_way(halves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Recommender.load(halves, "cpu", "fp16")
    usual = engine.recommend(["sku-1", "sku-2"], k=10)

    def fail(*_: object, **__: object) -> None:
        raise BundleError("this graph cannot be recorded")

    engine._ranker._recorded = RecordedRuns(halves / bundles.GRAPHS["fp16"], 80, "cpu")
    monkeypatch.setattr("molar.engine.recorded.open_session", fail)
    with pytest.warns(UserWarning, match="cannot be recorded"):
        assert engine.recommend(["sku-1", "sku-2"], k=10) == usual
    assert engine._ranker._recorded is None


@pytest.mark.skipif(not nvidia_device_visible(), reason="needs an NVIDIA GPU")
def test_a_gpu_answers_as_a_cpu(halves: Path) -> None:
    exact, gpu = Recommender.load(halves, "cpu", "fp32"), Recommender.load(halves, "cuda")
    rng = np.random.default_rng(0)
    histories = [[f"sku-{row}" for row in rng.integers(0, ITEMS, 50)] for _ in range(100)]
    for _ in range(3):  # the first records, the others replay
        pairs = zip(exact.recommend_batch(histories), gpu.recommend_batch(histories), strict=True)
        overlap = [len({r.item_id for r in one} & {r.item_id for r in other}) / len(one) for one, other in pairs]
        assert np.mean(overlap) >= 0.995
    assert gpu._ranker._recorded is not None
