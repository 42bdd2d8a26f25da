"""Item search in Qdrant and Milvus, in the local forms of their clients."""

import itertools
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender, RequestError, UnavailableError
from molar.engine.index import open_index, push
from molar.engine.index.item_index import label


@pytest.fixture(scope="module")
def exact(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu", "fp32")


@pytest.fixture(scope="module", params=["qdrant", "milvus"])
def address(request: pytest.FixtureRequest, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index that holds the bundle."""
    folder = tmp_path_factory.mktemp(request.param)
    address = f"qdrant://{folder}" if request.param == "qdrant" else f"milvus://{folder / 'items.db'}"
    seen: list[tuple[int, int]] = []
    there = push(bundle, address, lambda *done: seen.append(done))
    assert seen[-1] == (there, there)
    return address


@pytest.fixture(scope="module")
def indexed(bundle: Path, address: str) -> Recommender:
    return Recommender.load(bundle, "cpu", index=address)


def histories(recommender: Recommender, count: int = 20) -> list[list[str]]:
    ids, random = recommender.catalog.item_ids, np.random.default_rng(0)
    return [[ids[row] for row in random.choice(len(ids), size=1 + n % 9, replace=False)] for n in range(count)]


def test_it_answers_as_the_graph_does(exact: Recommender, indexed: Recommender) -> None:
    for mode in exact.modes:
        expected = exact.recommend_batch(histories(exact), 5, mode=mode)
        found = indexed.recommend_batch(histories(exact), 5, mode=mode)
        for one, other in zip(expected, found, strict=True):
            assert [e.item_id for e in one] == [f.item_id for f in other]
            assert [e.score for e in one] == pytest.approx([f.score for f in other], abs=1e-5)


def test_filters_and_exclusions_go_into_the_search(exact: Recommender, indexed: Recommender) -> None:
    history = histories(exact, 1)[0]
    name, values = next(iter(exact.catalog.facets.items()))
    item = exact.catalog.items([20])[0].attributes
    for where in ({name: values[0]}, {name: values[:2]}, {"category": item["category"], "style": item["style"]}):
        expected = exact.recommend(history, 5, where, exclude=exact.catalog.item_ids[:6])
        assert expected
        found = indexed.recommend(history, 5, where, exclude=exact.catalog.item_ids[:6])
        assert [e.item_id for e in expected] == [f.item_id for f in found]


def test_changes_of_the_catalogue_are_followed(exact: Recommender, indexed: Recommender) -> None:
    history = histories(exact, 1)[0]
    before = [one.item_id for one in indexed.recommend(history, 4)]
    indexed.hide_items(before[:1])
    assert [one.item_id for one in indexed.recommend(history, 3)] == before[1:]
    indexed.show_items(before[:1])
    row = indexed.catalog.rows(before[:1])[0]
    twin = {mode: indexed.vectors(mode)[row] * np.float32(2.0) for mode in indexed.modes}
    indexed.add_vectors("twin", twin)
    assert "twin" in [one.item_id for one in indexed.recommend(history, 4)]
    assert "twin" not in [one.item_id for one in indexed.recommend(history, 4, exclude=["twin"])]
    assert indexed.recommend(["twin"], 1)
    indexed.remove_items(["twin"])
    assert [one.item_id for one in indexed.recommend(history, 4)] == before


def test_exchanged_tables_reach_the_index(exact: Recommender, indexed: Recommender) -> None:
    history, mode = histories(exact, 1)[0], exact.modes[0]
    table = np.array(exact.vectors(mode))
    try:
        for recommender in (exact, indexed):
            recommender.replace_tables({mode: np.ascontiguousarray(table[::-1])})
        expected = [one.item_id for one in exact.recommend(history, 5)]
        assert [one.item_id for one in indexed.recommend(history, 5)] == expected
    finally:
        for recommender in (exact, indexed):
            recommender.replace_tables({mode: table})


def test_an_index_must_hold_the_bundle(bundle: Path, tmp_path: Path) -> None:
    for address in (f"qdrant://{tmp_path}", f"milvus://{tmp_path / 'items.db'}"):
        with pytest.raises(UnavailableError, match="molar index push"):
            Recommender.load(bundle, "cpu", index=address)


@pytest.mark.parametrize("address", ["", "qdrant:", "localhost:6333", "redis://localhost", "qdrant+ftp://localhost"])
def test_addresses_that_are_not_understood(exact: Recommender, address: str) -> None:
    with pytest.raises(RequestError, match="write qdrant://HOST"):
        open_index(address, exact.manifest)


def test_a_server_that_does_not_answer(exact: Recommender) -> None:
    with pytest.raises(UnavailableError, match="Qdrant"):
        open_index("qdrant://127.0.0.1:9", exact.manifest)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client leaves its lock's file open
def test_a_local_folder_belongs_to_one_process_at_a_time(bundle: Path, exact: Recommender, tmp_path: Path) -> None:
    push(bundle, f"qdrant://{tmp_path}")
    index = open_index(f"qdrant://{tmp_path}", exact.manifest)
    with pytest.raises(UnavailableError, match="already accessed"):
        open_index(f"qdrant://{tmp_path}", exact.manifest)
    index.close()
    with closing(open_index(f"qdrant://{tmp_path}", exact.manifest)) as again:
        assert len(again) == exact.manifest.items


def test_labels_tell_attribute_and_value_apart() -> None:
    words = ("a", "b", "ab", "")
    assert len({label(*pair) for pair in itertools.product(words, words)}) == len(words) ** 2
    assert all(0 <= label(one, "x") < 2**63 for one in words)
