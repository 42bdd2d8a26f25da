"""Items that are added while the engine runs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molar.engine import BundleError, NewItem, Recommender, RequestError
from molar.engine.bundle import file_facts, open_bundle


@pytest.fixture
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


def stored(shop: Path, recommender: Recommender, row: int) -> dict:
    """What `add_item` must be given to add an item of the catalogue anew."""
    from molar.export.pack_encoder import new_item
    from molar.train.dataset import load_dataset

    dataset = load_dataset(shop)
    item = new_item(dataset, dataset.items.row(row, named=True))
    return vars(item)


def test_an_item_added_live_is_the_item_that_was_exported(shop: Path, recommender: Recommender) -> None:
    """The same picture and text: the same place in the content list, next to itself."""
    added = recommender.add_item("again", **stored(shop, recommender, 7))
    assert added.row == 24
    stored_vector = recommender.vectors("content")[7]
    vector = recommender._ranker.tables.vector("content", 24)
    np.testing.assert_allclose(vector, stored_vector, atol=0.05 * np.abs(stored_vector).max())
    original = recommender.catalog.item_ids[7]
    history = [recommender.catalog.item_ids[row] for row in (2, 5, 9)]
    scores = {r.item_id: r.score for r in recommender.recommend(history, k=30, mode="content")}
    assert scores["again"] == pytest.approx(scores[original], abs=0.05 * (max(scores.values()) - min(scores.values())))


def test_the_next_call_recommends_it_and_takes_it_in_a_history(recommender: Recommender) -> None:
    known = recommender.catalog.item_ids[3]
    before = recommender.recommend([known], k=100)
    item = recommender.add_item("mine", "Blue stoneware mug", "Holds tea.", {"category": "mug"})
    assert item.title == "Blue stoneware mug"
    after = recommender.recommend([known], k=100)
    assert len(after) == len(before) + 1
    assert "mine" in {r.item_id for r in after}
    assert [r for r in after if r.item_id != "mine"] == before
    from_it = recommender.recommend(["mine"], k=100)
    assert len(from_it) == 24
    assert "mine" not in {r.item_id for r in from_it}
    assert [r.item_id for r in from_it] != [r.item_id for r in after if r.item_id != "mine"]


def test_an_unlisted_item_is_known_to_those_who_have_its_id(recommender: Recommender) -> None:
    everything = len(recommender.catalog)
    before = recommender.catalog.search("stoneware")
    recommender.add_item("secret", "Blue stoneware mug", attributes={"category": "Secret"}, listed=False)
    assert recommender.catalog.search("stoneware") == before
    assert len(recommender.catalog.search(limit=100)) == everything
    ids = recommender.catalog.item_ids
    assert "secret" not in [r.item_id for r in recommender.recommend([ids[0]], 100, exclude_seen=False)]
    assert recommender.recommend(["secret"], 3) != recommender.recommend([ids[0]], 3)
    assert [item_id for item_id, _ in recommender.explain([ids[0], "secret"], ids[4]).history] == [ids[0], "secret"]
    recommender.remove_items(["secret"])
    assert "secret" not in recommender.catalog


def test_who_chose_it_is_not_known(recommender: Recommender) -> None:
    recommender.add_item("mine", "Blue stoneware mug")
    history = [recommender.catalog.item_ids[3], "mine"]
    assert "mine" not in {r.item_id for r in recommender.recommend(history, 100, mode="ids", exclude_seen=False)}
    assert "mine" in {r.item_id for r in recommender.recommend(history, 100, exclude_seen=False)}


def test_it_is_found_filtered_and_shown(shop: Path, recommender: Recommender) -> None:
    picture = sorted((shop / "images").iterdir())[0]
    recommender.add_item("mine", "Bläue Mug", "A zebra on it.", {"category": "mug", "mood": ["calm", "odd"]}, picture)
    catalog = recommender.catalog
    assert catalog.search("zeb blau") == [24]
    assert catalog.search("zebra", {"mood": "odd"}) == [24]
    assert catalog.search("zebra", {"style": catalog.facets["style"][0]}) == []
    everything = catalog.search(limit=100)
    assert everything[-1] == 24
    assert len(everything) == 25
    pages = [catalog.search(limit=10, offset=start) for start in (0, 10, 20)]
    assert [row for page in pages for row in page] == everything
    assert catalog.thumbnail(24)[8:12] == b"WEBP"
    [shown, other] = catalog.items([24, 2])
    assert (shown.item_id, other.row) == ("mine", 2)
    with pytest.raises(RequestError, match="no item has mood 'clam'; did you mean 'calm'"):
        catalog.search("", {"mood": "clam"})
    only = recommender.recommend([catalog.item_ids[0]], where={"mood": "calm"})
    assert [r.item_id for r in only] == ["mine"]


def test_what_cannot_be_added(recommender: Recommender) -> None:
    taken = recommender.catalog.item_ids[0]
    with pytest.raises(RequestError, match="is in the catalogue already; choose another item_id"):
        recommender.add_item(taken, "Mug")
    with pytest.raises(RequestError, match="the item has no item_id"):
        recommender.add_item("", "Mug")
    with pytest.raises(RequestError, match="is empty"):
        recommender.add_item("mine")
    assert len(recommender.catalog) == 24


def test_many_are_added_while_others_ask(recommender: Recommender) -> None:
    history = [recommender.catalog.item_ids[row] for row in (2, 5)]
    before = [r.item_id for r in recommender.recommend(history, 100)]

    def add(number: int) -> str:
        return recommender.add_item(f"new-{number}", f"Mug number {number}").item_id

    def ask(_: int) -> list[str]:
        return [r.item_id for r in recommender.recommend(history, 200)]

    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(ask, range(200))
        added = list(pool.map(add, range(100)))  # more than there is room for at first
        for found in asked:
            assert [item for item in found if not item.startswith("new-")] == before
            assert len(set(found)) == len(found)
    assert set(ask(0)) == {*before, *added}
    rows = recommender.catalog.rows(added)
    alone = recommender.embed([NewItem("Mug number 99")])[0]
    vector = recommender._ranker.tables.vector("content", rows[99])
    np.testing.assert_allclose(vector[: len(alone)], alone, atol=1e-5)


def test_a_bundle_without_an_item_encoder_says_so(run: Path, tmp_path: Path) -> None:
    from molar.export.config import ExportConfig
    from molar.export.pack import export_run

    export_run(run, tmp_path / "bundle", ExportConfig(item_encoder=False))
    recommender = Recommender.load(tmp_path / "bundle", "cpu")
    assert recommender.manifest.item_encoder is None
    with pytest.raises(RequestError, match="this bundle has no item encoder; export it again with --item-encoder"):
        recommender.add_item("mine", "Mug")


def test_an_item_encoder_that_is_damaged(broken_bundle: Path) -> None:
    (broken_bundle / "item_encoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"item_encoder\.onnx: missing"):
        Recommender.load(broken_bundle)


def test_a_tokenizer_that_is_none(broken_bundle: Path) -> None:
    manifest = open_bundle(broken_bundle)
    (broken_bundle / "tokenizer.json").write_text("{}")
    files = {**manifest.files, "tokenizer.json": file_facts(broken_bundle / "tokenizer.json")}
    (broken_bundle / "manifest.json").write_text(replace(manifest, files=files).to_json())
    with pytest.raises(BundleError, match=r"tokenizer\.json: cannot be used"):
        Recommender.load(broken_bundle).embed([NewItem("Mug")])
