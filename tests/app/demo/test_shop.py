"""What the page does, on a small bundle and without a browser."""

import re
from pathlib import Path

import pytest

from molar.app.demo.application import picture_ratio
from molar.app.demo.catalog_map import HEIGHT, WIDTH
from molar.app.demo.comparison import POPULARITY, SHOWN
from molar.app.demo.engine_panel import engine_panel, load
from molar.app.demo.own_items import OwnItems
from molar.app.demo.shop import PAGE, Shop, chosen_filters
from molar.app.demo.visit import Visit
from molar.engine import Recommender


def visit_to(store: Shop, *rows: int) -> Visit:
    visit = Visit()
    for row in rows:
        visit = store.act(visit, "look", store.recommender.catalog.item_ids[row], -1, -1)
    return visit


def items_in(html: str) -> list[str]:
    """Ids of the cards, in order."""
    return re.findall(r'class="pick" data-action="\w+" data-item="([^"]+)"', html)


def test_actions_change_the_visit_and_unknown_ones_do_not(store: Shop) -> None:
    ids = store.recommender.catalog.item_ids
    visit = visit_to(store, 3, 7, 9)
    assert visit.history == (ids[3], ids[7], ids[9])
    assert store.act(visit, "earlier", "", 2, -1).history == (ids[3], ids[9], ids[7])
    assert store.act(visit, "move", "", 0, 2).history == (ids[7], ids[9], ids[3])
    assert store.act(visit, "remove", "", 0, -1).history == (ids[7], ids[9])
    assert store.act(visit, "clear", "", -1, -1).history == ()
    assert store.act(visit, "undo", "", -1, -1).history == (ids[3], ids[7])
    assert store.act(visit, "aside", ids[1], -1, -1).aside == (ids[1],)
    for action, item_id, place in [
        ("look", "nothing", 0),
        ("aside", "nothing", 0),
        ("start", "", 99),
        ("format", "", 0),
    ]:
        assert store.act(visit, action, item_id, place, 0) == visit


def test_visitors_to_start_from(store: Shop) -> None:
    assert len(store.visitors) == 3
    histories = [store.act(Visit(), "start", "", place, -1).history for place in range(3)]
    assert all(histories)
    assert len(set(histories)) == 3
    surprised = store.act(Visit(), "surprise", "", -1, -1)
    assert len(set(surprised.history)) == 4


def test_nobody_is_recommended_what_they_know_or_do_not_want(store: Shop) -> None:
    visit, first = store.person(visit_to(store, 3, 7), "aligned")
    best = items_in(first.grid)
    assert len(best) == 12
    assert not set(best) & set(visit.history)
    assert len(visit.calls) == 1
    visit = store.act(visit, "aside", best[0], -1, -1)
    after = items_in(store.person(visit, "aligned")[1].grid)
    assert after[:11] == best[1:]
    assert items_in(store.person(visit, "content")[1].grid) != after


def test_without_a_history_what_is_popular_is_shown(store: Shop) -> None:
    visit, shown = store.person(Visit(), "aligned")
    catalog = store.recommender.catalog
    popular = [item.item_id for item in catalog.items(catalog.search(limit=12))]
    assert items_in(shown.grid) == popular
    assert shown.ranked is None
    assert visit.calls == ()
    without = store.person(Visit().set_aside(popular[0]), "aligned")[1]
    assert popular[0] not in items_in(without.grid)


def test_the_catalogue_comes_in_pages(store: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE > 24
    assert "data-next" not in store.catalogue("", {}, 0)
    monkeypatch.setattr("molar.app.demo.shop.PAGE", 10)
    pages, offset = [], 0
    while True:
        html = store.catalogue("", {}, offset)
        pages.append(items_in(html))
        following = re.search(r'data-next="(\d+)"', html)
        if not following:
            break
        offset = int(following.group(1))
    assert [len(page) for page in pages] == [10, 10, 4]
    assert len({item_id for page in pages for item_id in page}) == 24
    assert store.catalogue("zzzz", {}, 0) == ""


def test_filters_that_are_set() -> None:
    assert chosen_filters(["a", "b", "c"], ["All", None, "x"], "All") == {"c": "x"}


def test_the_product_page_tells_what_is_alike_in_each_way(store: Shop) -> None:
    html = store.product(store.recommender.catalog.item_ids[5])
    for title in ("Similar in look", "Similar in words", "Chosen by the same people"):
        assert title in html
    assert len(items_in(html)) == 18
    assert store.product("nothing") == ""


def test_an_own_item_joins_the_history_and_is_seen_by_nobody_else(store: Shop) -> None:
    visit, said = store.add_own(visit_to(store, 3), "Blue stoneware mug", "")
    assert re.match(r"Read in \d+ ms by the tiny item encoder", said)
    [own] = visit.own
    assert visit.history[-1] == own
    visit, shown = store.person(visit, "aligned")
    assert "Blue stoneware mug" in shown.strip
    assert "because of Blue stoneware mug" in shown.grid
    for other in (visit_to(store, 3), visit_to(store, 9)):
        assert "Blue stoneware" not in store.person(other, "aligned")[1].grid
    assert own not in store.catalogue("blue stoneware mug", {}, 0)
    assert "Similar in words" in store.product(own)


@pytest.mark.parametrize(
    ("title", "picture", "says"),
    [
        ("", "", "give a picture, or say what it is"),
        ("  ", "", "give a picture, or say what it is"),
        ("Mug", "data:image/png;base64,AAAA", "cannot be read"),
        ("Mug", "data:text/html;base64,AAAA", "this is not a picture"),
        ("Mug", "data:image/png;base64,?", "this is not a picture"),
        ("Mug", "file:///etc/passwd", "this is not a picture"),
    ],
)
def test_what_cannot_be_added_is_said(store: Shop, title: str, picture: str, says: str) -> None:
    visit, said = store.add_own(Visit(), title, picture)
    assert visit == Visit()
    assert says in said
    assert len(store.own_items) == 0


def test_own_items_do_not_pile_up(bundle: Path) -> None:
    recommender = Recommender.load(bundle, "cpu")
    store = Shop(recommender, OwnItems(recommender, most=3))
    visit = Visit()
    for number in range(5):
        visit, _ = store.add_own(visit, f"Mug {number}", "")
    assert len(store.own_items) == 3
    assert len(recommender.catalog) == 24 + 3
    visit = store.current(visit)
    assert len(visit.history) == len(visit.own) == 3
    store.own_items.forget(visit.own)
    assert len(recommender.catalog) == 24
    assert store.person(visit, "aligned")[0].history == ()


def test_ways_of_ranking_side_by_side(store: Shop) -> None:
    visit = visit_to(store, 3, 7)
    html = store.comparison(visit)
    columns = html.split("<section>")[1:]
    assert len(columns) == 4
    lists = [items_in(column)[:SHOWN] for column in columns]
    for mode, found in zip(store.recommender.modes, lists, strict=False):
        assert found == [r.item_id for r in store.recommender.recommend(visit.history, SHOWN, mode=mode)]
    for column, found in zip(columns, lists, strict=True):
        others = {item_id for other in lists if other is not found for item_id in other}
        assert column.count('class="note"') == len(set(found) - others)
    assert POPULARITY not in html
    assert re.findall(
        r'class="bar" role="img" aria-label="([^:]+): [01]\.\d{3}, from [01]\.\d{3} to [01]\.\d{3}"', html
    ) == [
        "Molar",
        "Content only",
        "IDs only",
        "Popular with all",
    ]
    assert "Pick something first" in store.comparison(Visit())


def test_the_map_shows_all_items_the_path_and_what_is_recommended(store: Shop) -> None:
    assert len(store.map) == 24
    points = store.map.points("style")
    at = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', points)
    assert len(at) == 24
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in at)
    assert len(set(re.findall(r'fill="([^"]+)"', points))) == len(store.recommender.catalog.facets["style"])
    visit, _ = store.add_own(visit_to(store, 3, 7), "Blue stoneware mug", "")  # it stands where what is alike stands
    visit, shown = store.person(visit, "aligned")
    html = store.on_map(visit, shown.ranked)
    assert html.count('class="step"') == 3
    assert html.count('class="next"') == 12
    assert html.count('class="person"') == 1
    assert 'class="step"' not in store.on_map(Visit(), None)
    assert store.map.telling(list(store.recommender.catalog.facets)) in store.recommender.catalog.facets
    assert store.map.telling([]) is None


def test_the_engine_panel_says_what_it_runs_on(store: Shop) -> None:
    html = engine_panel(store.recommender, [1.0, 2.0, 3.0])
    assert "CPU, ONNX Runtime" in html
    assert "24 items" in html
    assert "<b>2.0 ms</b> p50" in html
    assert html.count("<polyline") == 1
    assert "No recommendation yet" in engine_panel(store.recommender, [])


def test_the_load_answers_everything_and_says_so(store: Shop) -> None:
    said = list(load(store.recommender, requests=40, at_once=8))
    assert "40 of 40 answered" in said[-1]
    assert re.search(r"p50 \d+\.\d ms, p95 \d+\.\d ms each, 8 at once", said[-1])


def test_the_cards_take_the_shape_of_the_pictures(store: Shop) -> None:
    assert picture_ratio(store.recommender) == 1.0
