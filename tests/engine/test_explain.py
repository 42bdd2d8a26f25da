"""Why an item is recommended: sums that add up, and contributions that follow what changes."""

from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender, RequestError
from molar.engine.bundle import map_tensors, table_tensors
from molar.engine.explain import shapley


@pytest.fixture(scope="module")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


def history_of(recommender: Recommender, *rows: int) -> list[str]:
    return [recommender.catalog.item_ids[row] for row in rows]


@pytest.mark.parametrize("mode", ["aligned", "content", "ids"])
def test_the_score_counts_from_the_mean_of_all_items(recommender: Recommender, mode: str) -> None:
    history = history_of(recommender, 2, 5, 9)
    every = recommender.recommend(history, 24, mode=mode, exclude_seen=False)
    mean = np.mean([r.score for r in every])
    for r in every[:3]:
        explained = recommender.explain(history, r.item_id, mode)
        assert explained.score == pytest.approx(r.score - mean, abs=1e-4)
        assert sum(explained.sources.values()) == pytest.approx(explained.score, abs=2e-3)
    sources = {"aligned": {"picture", "text", "people"}, "content": {"picture", "text"}, "ids": {"people"}}
    assert set(explained.sources) == sources[mode]


def test_each_event_counts_what_the_score_loses_without_it(recommender: Recommender) -> None:
    history = history_of(recommender, 2, 5, 9, 5)
    item = recommender.catalog.item_ids[12]
    explained = recommender.explain(history, item)
    assert [name for name, _ in explained.history] == history
    for place, (_, contribution) in enumerate(explained.history):
        without = recommender.explain(history[:place] + history[place + 1 :], item)
        assert contribution == pytest.approx(explained.score - without.score, abs=1e-4)


def test_a_single_event_is_all_there_is(recommender: Recommender) -> None:
    explained = recommender.explain(history_of(recommender, 3), recommender.catalog.item_ids[8])
    assert explained.history == [(recommender.catalog.item_ids[3], explained.score)]


def test_only_events_that_are_read_are_told(recommender: Recommender) -> None:
    history = history_of(recommender, *range(15))
    explained = recommender.explain(history, recommender.catalog.item_ids[20])
    assert [name for name, _ in explained.history] == history[-12:]


def test_added_items_are_explained_as_exported_ones(recommender: Recommender, shop: Path) -> None:
    from molar.export.pack_encoder import new_item
    from molar.train.dataset import load_dataset

    dataset = load_dataset(shop)
    history = history_of(recommender, 2, 5, 9)
    recommender.add_item("again", **vars(new_item(dataset, dataset.items.row(7, named=True))))
    recommender.add_item("said", "Mug")
    recommender.add_item("seen", image=sorted((shop / "images").iterdir())[0])
    original = recommender.explain(history, recommender.catalog.item_ids[7], "content")
    added = recommender.explain(history, "again", "content")
    largest = max(map(abs, original.sources.values()))
    for source, value in original.sources.items():
        assert added.sources[source] == pytest.approx(value, abs=0.1 * largest)
    for name in ("said", "seen"):
        explained = recommender.explain(history, name)
        assert sum(explained.sources.values()) == pytest.approx(explained.score, abs=2e-3)
    assert recommender.explain(["said", "seen"], "again").history[0][0] == "said"


def test_after_vectors_were_replaced_nobody_knows_what_the_picture_brings(bundle: Path) -> None:
    recommender = Recommender.load(bundle, "cpu")
    tables = map_tensors(bundle / "items.safetensors", table_tensors(recommender.manifest))
    recommender.replace_tables({mode: np.array(table[:24]) * 2 for mode, table in tables.items()})
    history = history_of(recommender, 2, 5, 9)
    every = recommender.recommend(history, 24, exclude_seen=False)
    explained = recommender.explain(history, every[0].item_id)
    assert explained.score == pytest.approx(every[0].score - np.mean([r.score for r in every]), abs=1e-4)
    assert explained.sources == {}


def test_mistakes(recommender: Recommender) -> None:
    history = history_of(recommender, 2)
    with pytest.raises(RequestError, match="not in the catalogue: 'nope'"):
        recommender.explain(history, "nope")
    with pytest.raises(RequestError, match="the history is empty"):
        recommender.explain([], history[0])
    with pytest.raises(RequestError, match="no mode 'magic'"):
        recommender.explain(history, history[0], "magic")


def test_shapley_values_by_hand() -> None:
    nothing, picture, text, both = (np.array([float(x)]) for x in (1, 3, 2, 6))
    # Picture first: 2, text then 3; text first: 1, picture then 4.
    assert [float(part[0]) for part in shapley(nothing, picture, text, both)] == [3.0, 2.0]


def test_several_items_are_explained_as_each_alone(recommender: Recommender) -> None:
    history = history_of(recommender, 2, 5, 9)
    items = history_of(recommender, 12, 20)
    for together, item in zip(recommender.explain_all(history, items), items, strict=True):
        alone = recommender.explain(history, item)
        assert together.score == pytest.approx(alone.score, abs=1e-5)
        assert together.sources == pytest.approx(alone.sources, abs=1e-5)
