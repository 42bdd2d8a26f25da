"""The engine on a real bundle: what it answers, and what it says when it cannot."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender, RequestError
from molar.engine.histories import pad_left, pad_right


@pytest.fixture(scope="module")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


def ids(recommender: Recommender, *rows: int) -> list[str]:
    return [recommender.catalog.item_ids[row] for row in rows]


def test_it_says_where_it_runs(recommender: Recommender) -> None:
    assert recommender.device == "cpu"
    assert recommender.modes == ("aligned", "content", "ids")


def test_best_first_without_the_history(recommender: Recommender) -> None:
    history = ids(recommender, 2, 5, 9)
    found = recommender.recommend(history, k=100)
    assert len(found) == 24 - 3
    assert not {r.item_id for r in found} & set(history)
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)
    everything = recommender.recommend(history, k=100, exclude_seen=False)
    assert len(everything) == 24
    assert [r for r in everything if r.item_id not in history] == found


def test_scores_are_the_dot_products_of_torch(recommender: Recommender, run: Path) -> None:
    from molar.train.ranking import mode_queries
    from molar.train.run import load_run

    model, vectors = load_run(run)
    history = np.array([3, 7, 1, 20])
    for mode, query in mode_queries(model, vectors, [history]).items():
        expected = (query @ vectors.tables()[mode].T)[0].detach().numpy()
        for found in recommender.recommend(ids(recommender, *history), k=24, mode=mode, exclude_seen=False):
            assert found.score == pytest.approx(float(expected[found.row]), abs=1e-4)


def test_a_batch_gives_what_single_calls_give(recommender: Recommender) -> None:
    rng = np.random.default_rng(0)
    histories = [ids(recommender, *rng.integers(0, 24, length)) for length in (1, 2, 7, 12, 40)]
    for one, many in zip(map(recommender.recommend, histories), recommender.recommend_batch(histories), strict=True):
        assert [r.item_id for r in one] == [r.item_id for r in many]
        assert [r.score for r in one] == pytest.approx([r.score for r in many], abs=1e-5)
    assert recommender.recommend_batch([]) == []


def test_only_the_last_events_are_read_but_older_ones_stay_excluded(recommender: Recommender) -> None:
    assert recommender.manifest.max_history == 12
    old, recent = ids(recommender, 0), ids(recommender, *range(1, 13))
    found = recommender.recommend(old + recent, k=24)
    assert old[0] not in {r.item_id for r in found}
    without = [r for r in recommender.recommend(recent, k=24) if r.item_id != old[0]]
    assert [r.item_id for r in found] == [r.item_id for r in without]


def test_threads_get_their_own_answers(recommender: Recommender) -> None:
    histories = [ids(recommender, row, (row * 7 + 3) % 24) for row in range(24)] * 4
    expected = [recommender.recommend(history) for history in histories]
    with ThreadPoolExecutor(8) as pool:
        for found, truth in zip(pool.map(recommender.recommend, histories), expected, strict=True):
            assert [r.item_id for r in found] == [r.item_id for r in truth]
            # Requests that share a run are added up in another order.
            assert [r.score for r in found] == pytest.approx([r.score for r in truth], abs=1e-5)


def test_filters(recommender: Recommender) -> None:
    history = ids(recommender, 0)
    mugs = recommender.recommend(history, k=24, where={"category": "Chair"})
    items = recommender.catalog.items([r.row for r in mugs])
    assert items
    assert all(item.attributes["category"] == ["Chair"] for item in items)
    either = recommender.recommend(history, k=24, where={"category": ["Chair", "Vase"], "style": "Boho"})
    for item in recommender.catalog.items([r.row for r in either]):
        assert item.attributes["category"][0] in ("Chair", "Vase")
        assert item.attributes["style"] == ["Boho"]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_calls_with_different_filters_share_a_run(bundle: Path, precision: str) -> None:
    recommender = Recommender.load(bundle, "cpu", precision, wait_ms=20)
    history = ids(recommender, 0, 3)
    filters = [None, {"category": "Chair"}, {"category": ["Chair", "Vase"]}, {"style": "Boho"}, {"category": "Mug"}]
    alone = [recommender.recommend(history, 24, where) for where in filters]
    with ThreadPoolExecutor(5) as pool:
        together = list(pool.map(lambda where: recommender.recommend(history, 24, where), filters * 4))
    for found, expected in zip(together, alone * 4, strict=True):
        assert [r.item_id for r in found] == [r.item_id for r in expected]
    assert recommender.catalog.allowed({"category": "Chair"}) is recommender.catalog.allowed({"category": ["Chair"]})


MISTAKES = {
    "unknown ids": (lambda r: r.recommend(["nope", *ids(r, 0), "neither"]), "not in the catalogue: 'nope', 'neither'"),
    "empty history": (lambda r: r.recommend([]), "the history is empty; give at least one item id"),
    "text for a list": (lambda r: r.recommend("mug-01"), "give a list of item ids"),
    "k too small": (lambda r: r.recommend(ids(r, 0), k=0), "k is 0; it must be 1 to 1000"),
    "k too large": (lambda r: r.recommend(ids(r, 0), k=1001), "k is 1001"),
    "unknown mode": (lambda r: r.recommend(ids(r, 0), mode="magic"), "no mode 'magic'; this bundle has aligned,"),
    "unknown attribute": (lambda r: r.recommend(ids(r, 0), where={"size": "L"}), "no attribute 'size'; the catalogue"),
    "unknown value": (
        lambda r: r.recommend(ids(r, 0), where={"category": "Chiar"}),
        "no item has category 'Chiar'; did you mean 'Chair'?",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_says_what_it_is(mistake: str, recommender: Recommender) -> None:
    call, message = MISTAKES[mistake]
    with pytest.raises(RequestError) as raised:
        call(recommender)
    assert message in str(raised.value)


def test_a_gpu_that_is_not_there_is_an_error_and_not_a_slow_cpu(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molar.engine.runtime.nvidia_device_visible", lambda: False)
    with pytest.raises(RequestError, match="device cuda: no NVIDIA GPU is visible"):
        Recommender.load(bundle, "cuda")


def test_two_runtimes_in_one_environment_are_named_with_the_cure(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molar.engine.runtime._installed", lambda package: True)
    with pytest.warns(UserWarning, match="pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"):
        Recommender.load(bundle, "cpu")


def test_items_can_be_left_out(recommender: Recommender) -> None:
    history = ids(recommender, 2, 5)
    first, second, third = recommender.recommend(history, 3)
    assert recommender.recommend(history, 1, exclude=[first.item_id]) == [second]
    assert recommender.recommend(history, 1, exclude=[first.item_id, second.item_id, history[0]]) == [third]
    kept = recommender.recommend(history, 24, exclude_seen=False, exclude=[first.item_id])
    assert {one.item_id for one in kept} == set(recommender.catalog.item_ids) - {first.item_id}


def test_search(recommender: Recommender) -> None:
    catalog = recommender.catalog
    every = catalog.search(limit=100)
    assert sorted(every) == list(range(24))
    popularity = [item.popularity for item in catalog.items(every)]
    assert popularity == sorted(popularity, reverse=True)
    found = catalog.items(catalog.search("vas", limit=100))
    assert found
    assert all("vas" in (item.title + item.description + item.labels).lower() for item in found)
    assert catalog.search("vase", {"category": "Mug"}) == []
    style = catalog.facets["style"][0]
    assert set(catalog.search("", {"style": style}, limit=100)) <= set(catalog.search(style, limit=100))
    assert catalog.search("", limit=5, offset=5) == every[5:10]


@pytest.mark.parametrize(
    ("typed", "meant"), [("mirorr", "mirror"), ("cusion", "cushion"), ("clcok", "clock"), ("tabel", "table")]
)
def test_search_forgives_typing_errors(recommender: Recommender, typed: str, meant: str) -> None:
    assert recommender.catalog.search(meant)
    assert recommender.catalog.search(typed) == recommender.catalog.search(meant)


@pytest.mark.parametrize("text", ['"', "' or 1=1 --", "title:*", "NEAR(", "((", "-", "%", "\x00", "AND OR NOT", "😀"])
def test_search_takes_any_text_literally(recommender: Recommender, text: str) -> None:
    assert recommender.catalog.search(text) == []


def test_thumbnails(recommender: Recommender) -> None:
    assert recommender.catalog.thumbnail(0) is None  # it has no picture
    webp = recommender.catalog.thumbnail(1)
    assert webp is not None
    assert webp[:4] == b"RIFF"
    assert webp[8:12] == b"WEBP"


def test_padding() -> None:
    assert pad_left([[1, 2, 3], [4]], max_history=2).tolist() == [[2, 3], [-1, 4]]
    assert pad_right([[1, 2], [3], []]).tolist() == [[1, 2], [3, -1], [-1, -1]]
    assert pad_right([[]]).tolist() == [[-1]]


def test_importing_the_engine_brings_neither_torch_nor_transformers() -> None:
    heavy = ("torch", "transformers", "polars", "gradio", "pandas")
    code = f"import sys, molar.engine; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
