"""The catalogue while the engine runs: hidden, shown, removed, and vectors that are replaced."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender, RequestError
from molar.engine.bundle import map_tensors, table_tensors


@pytest.fixture(params=["fp32", "int8"])
def recommender(bundle: Path, request: pytest.FixtureRequest) -> Recommender:
    return Recommender.load(bundle, "cpu", request.param)


def found(recommender: Recommender, history: list[str], mode: str | None = None) -> list[str]:
    return [r.item_id for r in recommender.recommend(history, 100, mode=mode)]


def test_hidden_items_are_not_recommended_and_may_be_in_a_history(recommender: Recommender) -> None:
    history = [recommender.catalog.item_ids[3]]
    before = found(recommender, history)
    from_hidden = found(recommender, before[:1])
    recommender.hide_items(before[:2])
    assert found(recommender, history) == before[2:]
    assert found(recommender, before[:1]) == [item for item in from_hidden if item != before[1]]
    recommender.show_items(before[1:2])
    assert found(recommender, history) == before[1:]
    recommender.add_item("mine", "Blue stoneware mug")
    recommender.hide_items(["mine"])
    assert found(recommender, history) == before[1:]
    recommender.add_item("mine too", "Blue stoneware mug")  # does not bring the hidden one back
    assert set(found(recommender, history)) == {*before[1:], "mine too"}
    recommender.show_items(["mine", before[0]])
    assert set(found(recommender, history)) == {*before, "mine", "mine too"}


def test_removed_items_are_nowhere(recommender: Recommender) -> None:
    catalog = recommender.catalog
    history = [catalog.item_ids[3]]
    before = found(recommender, history)
    gone = before[0]
    row = catalog.rows([gone])[0]
    recommender.add_item("mine", "Blue stoneware mug")
    recommender.remove_items([gone, "mine"])
    assert found(recommender, history) == before[1:]
    assert row not in catalog.search(limit=100)
    assert len(catalog.search(limit=100)) == 23
    for call in (recommender.recommend, recommender.hide_items, recommender.remove_items):
        with pytest.raises(RequestError, match=f"not in the catalogue: '{gone}'"):
            call([gone])
    again = recommender.add_item("mine", "Red mug")  # the name is free, its row is not
    assert again.row == 25
    assert set(found(recommender, history)) == {*before[1:], "mine"}


def test_room_of_removed_items_is_used_again(recommender: Recommender) -> None:
    """Of 1,000 items that were added and removed nothing is left; those that stayed are where they were."""
    rng = np.random.default_rng(0)
    history = [recommender.catalog.item_ids[3]]
    kept = {}
    for number in range(1000):
        vectors = {mode: rng.standard_normal(recommender.manifest.dim, np.float32) for mode in recommender.modes}
        item = recommender.add_vectors(f"new {number}", vectors)
        assert item.row == 24 + number
        if number % 100:
            recommender.remove_items([f"new {number}"])
        else:
            kept[item.item_id] = vectors["aligned"]
    state = recommender._ranker.tables.state
    assert len(state.slots) == len(kept) == 10
    assert state.added["aligned"].shape[0] == 64
    assert len(recommender.catalog) == 34
    [ranked] = recommender.rank([recommender.catalog.rows(history)], 100)
    scores = {r.item_id: r.score for r in recommender.recommend(history, 100)}
    for item_id, vector in kept.items():
        assert scores[item_id] == pytest.approx(float(ranked.query @ vector), abs=1e-4)
    assert recommender.catalog.items(recommender.catalog.rows(["new 900"]))[0].title == "new 900"


def test_vectors_that_do_not_fit(recommender: Recommender) -> None:
    vector = np.zeros(recommender.manifest.dim, np.float32)
    for vectors in ({}, {"aligned": vector}, dict.fromkeys(recommender.modes, vector[:3])):
        with pytest.raises(RequestError, match=r"an item needs a vector of \d+ numbers in each of"):
            recommender.add_vectors("mine", vectors)
    assert len(recommender.catalog) == 24


def test_a_history_whose_items_are_gone(recommender: Recommender) -> None:
    """Who holds rows of a removed item still gets an answer."""
    row = recommender.add_item("mine", "Mug").row
    known = recommender.catalog.rows([recommender.catalog.item_ids[3]])
    [before] = recommender.rank([known], 30)
    recommender.remove_items(["mine"])
    assert [item.row for item in recommender.catalog.items([*known, row])] == known
    assert recommender.catalog.thumbnail(row) is None
    with pytest.raises(RequestError, match="the item was removed from the catalogue"):
        recommender._ranker.tables.vector("aligned", row)
    gone, with_others = recommender.rank([[row], [*known, row]], 30)
    assert len(gone.rows) == 24
    assert with_others.rows.tolist() == [r for r in before.rows.tolist() if r != row]


def test_vectors_can_be_replaced(recommender: Recommender, bundle: Path) -> None:
    """After the tables of two modes changed places, each mode answers as the other did."""
    tables = map_tensors(bundle / "items.safetensors", table_tensors(recommender.manifest))
    stored = {mode: np.array(table[:24]) for mode, table in tables.items()}
    history = recommender.catalog.item_ids[3:6]
    before = {mode: found(recommender, history, mode) for mode in ("content", "ids")}
    recommender.replace_tables({"content": stored["ids"], "ids": stored["content"]})
    assert found(recommender, history, "content") == before["ids"]
    assert found(recommender, history, "ids") == before["content"]
    with pytest.raises(RequestError, match=r"table ids: float32 \(23, \d+\); it must be float32 \(24, "):
        recommender.replace_tables({"ids": stored["ids"][:23]})
    with pytest.raises(RequestError, match="table ids: float64"):
        recommender.replace_tables({"ids": stored["ids"].astype(np.float64)})
    with pytest.raises(RequestError, match="no mode 'magic'; this bundle has aligned, content, ids"):
        recommender.replace_tables({"magic": stored["ids"]})


def test_each_call_sees_the_catalogue_before_or_after_a_change(recommender: Recommender) -> None:
    """Threads ask while items are hidden, shown, added and removed: every list is one that NumPy could have made."""
    history = [recommender.catalog.item_ids[3]]
    everything = {r.item_id: r.score for r in recommender.recommend(history, 100)}
    stable = set(list(everything)[:12])
    wrong: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers = recommender.recommend(history, 100)
            scores = [r.score for r in answers]
            names = [r.item_id for r in answers]
            if scores != sorted(scores, reverse=True) or len(set(names)) != len(names) or not stable <= set(names):
                wrong.append(f"{names}")
            wrong.extend(str(r) for r in answers if abs(r.score - everything.get(r.item_id, r.score)) > 1e-4)

    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(ask) for _ in range(5)]
        others = list(everything)[12:]
        until = time.monotonic() + 2
        number = 0
        while time.monotonic() < until:
            recommender.hide_items(others[:5])
            recommender.show_items(others[:5])
            recommender.add_item(f"new {number}", f"Mug {number}")
            recommender.remove_items([f"new {number}"])
            number += 1
        stop.set()
        for future in asking:
            future.result()
    assert wrong == []
    assert number > 10
    assert found(recommender, history) == list(everything)
