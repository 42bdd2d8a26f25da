"""Visits as files, by link, and in the user's data folder."""

import base64
import json
from pathlib import Path

import pytest

from molar.app.demo.saved_visits import MOST_KEPT, SavedVisits, data_folder, visit_from_json, visit_to_json
from molar.app.demo.shop import Shop
from molar.app.demo.visit import Visit
from molar.engine import RequestError


@pytest.fixture
def saved(tmp_path: Path) -> SavedVisits:
    return SavedVisits(tmp_path / "folder" / "visits.db")


def opened(store: Shop, text: str, visit: Visit | None = None) -> Visit:
    return visit_from_json(text, visit or Visit(), store.recommender, store.own_items)


def test_a_visit_comes_back_with_its_own_items(store: Shop) -> None:
    ids = store.recommender.catalog.item_ids
    picture = store.recommender.catalog.thumbnail(4)
    assert picture
    data_url = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
    visit, _ = store.add_own(Visit().look_at(ids[3]), "Blue mug", data_url)
    visit = visit.look_at(ids[7]).set_aside(ids[9])
    again = opened(store, visit_to_json(visit, store.recommender))
    assert (again.history[0], again.history[2], again.aside) == (ids[3], ids[7], (ids[9],))
    [own] = again.own
    assert own not in visit.own
    assert again.history[1] == own
    catalog = store.recommender.catalog
    [item] = catalog.items(catalog.rows([own]))
    assert item.title == "Blue mug"
    assert catalog.thumbnail(item.row)


def test_a_replayed_visit_is_written_whole(store: Shop) -> None:
    ids = store.recommender.catalog.item_ids
    visit = Visit().look_at(ids[3]).look_at(ids[7]).replay()
    assert opened(store, visit_to_json(visit, store.recommender)).history == (ids[3], ids[7])


def test_items_of_others_and_unknown_ones_are_left_out(store: Shop) -> None:
    ids = store.recommender.catalog.item_ids
    other, _ = store.add_own(Visit(), "Somebody's secret", "")
    text = {
        "molar_visit": 1,
        "catalogue": "x",
        "history": [ids[3], other.own[0], "nothing"],
        "aside": ["no"],
        "own": {},
    }
    visit = opened(store, json.dumps(text))
    assert (visit.history, visit.aside) == ((ids[3],), ())
    with pytest.raises(RequestError, match="none of its items is in Test shop"):
        opened(store, json.dumps({**text, "history": [other.own[0]]}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 100_000,
        '{"molar_visit": 2}',
        '{"molar_visit": 1, "history": [1], "aside": [], "own": {}}',
        '{"molar_visit": 1, "history": "mug-01", "aside": [], "own": []}',
        '{"molar_visit": 1, "history": ["../../etc/passwd"], "aside": [], "own": {}}',
        '{"molar_visit": 1, "history": ["a"], "aside": [], "own": {"a": {"title": "x", "picture": "?"}}}',
        '{"molar_visit": 1, "history": ["a"], "aside": [], "own": {"a": {"title": "x", "picture": "AAAA"}}}',
    ],
)
def test_files_that_are_no_visits(store: Shop, text: str) -> None:
    with pytest.raises(RequestError):
        opened(store, text)
    assert len(store.own_items) == 0


def test_visits_are_kept_listed_renamed_and_deleted(store: Shop, saved: SavedVisits) -> None:
    ids = store.recommender.catalog.item_ids
    texts = [visit_to_json(Visit().look_at(ids[row]), store.recommender) for row in (3, 7)]
    first = saved.save("me", "One", texts[0])
    second = saved.save("me", "  Two \n lines ", texts[1])
    assert [(one["token"], one["name"]) for one in saved.of("me", "Test shop")] == [
        (second, "Two lines"),
        (first, "One"),
    ]
    assert saved.visit(first) == texts[0]
    saved.rename("me", first, "First")
    assert saved.of("me", "Test shop")[1]["name"] == "First"
    saved.delete("me", second)
    assert [one["token"] for one in saved.of("me", "Test shop")] == [first]
    with pytest.raises(RequestError, match="no such visit"):
        saved.visit(second)


def test_nobody_lists_or_changes_what_others_keep(store: Shop, saved: SavedVisits) -> None:
    text = visit_to_json(Visit().look_at(store.recommender.catalog.item_ids[3]), store.recommender)
    token = saved.save("me", "Mine", text)
    assert saved.of("you", "Test shop") == saved.of("", "Test shop") == []
    saved.rename("you", token, "Yours")
    saved.delete("you", token)
    assert [one["name"] for one in saved.of("me", "Test shop")] == ["Mine"]
    assert saved.of("me", "Another shop") == []
    assert saved.of("' or 1=1 --", "Test shop") == []
    with pytest.raises(RequestError):
        saved.visit("' or 1=1 --")


def test_the_oldest_make_room(saved: SavedVisits) -> None:
    for number in range(MOST_KEPT + 3):
        saved.save("me", str(number), '{"catalogue": "x"}')
    kept = saved.of("me", "x")
    assert len(kept) == MOST_KEPT
    assert kept[-1]["name"] == "3"


def test_nothing_is_written_before_something_is_kept(saved: SavedVisits, tmp_path: Path) -> None:
    saved.of("me", "x")
    saved.delete("me", "x")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLAR_HOME", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("MOLAR_HOME")
    assert data_folder().name.lower().strip(".") == "molar"
