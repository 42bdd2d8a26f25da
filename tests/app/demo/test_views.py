"""Items as HTML: escaped, named for who cannot see, and honest about what causes what."""

import re

import pytest

from molar.app.demo import views
from molar.app.demo.visit import Visit
from molar.app.demo.visits_view import visits_view
from molar.engine import CatalogItem
from molar.engine.explain import Explanation

EVIL = '<script>alert(1)</script>" onload="x'
HOSTILE = CatalogItem(row=3, item_id=EVIL, title=EVIL, description=EVIL, attributes={"price": ["<b>1"]})
WHY = Explanation(1.0, [(EVIL, 1.0)], {"picture": 0.5, "text": 0.25, "people": 0.25})


@pytest.mark.parametrize(
    "html",
    [
        views.card(HOSTILE, note=EVIL),
        views.recommended(HOSTILE, WHY, {EVIL: HOSTILE}),
        views.history_strip([HOSTILE], 2),
        views.starts([EVIL]),
        views.header(EVIL, 1, "cpu"),
        visits_view([{"token": EVIL, "name": EVIL, "saved": EVIL}], EVIL, EVIL),
    ],
)
def test_texts_of_a_catalogue_are_never_markup(html: str) -> None:
    assert "<script" not in html
    assert 'onload="x' not in html
    assert "<b>1" not in html


def test_subtitles_take_what_the_catalogue_has() -> None:
    movie = CatalogItem(0, "1", "Heat", attributes={"genres": ["Action", "Crime", "Drama"], "year": ["1995"]})
    assert views.subtitle(movie) == "1995 · Action, Crime"
    assert views.subtitle(CatalogItem(0, "1", "Heat")) == ""


def test_bars_are_shares_of_what_speaks_for_an_item() -> None:
    html = views.bars({"picture": 3.0, "text": -1.0, "people": 1.0})
    assert 'aria-label="75% look, 0% words, 25% people"' in html
    assert re.findall(r"flex-grow:(\d+)", html) == ["75", "25"]
    assert "flex-grow" not in views.bars({"picture": -1.0})
    assert "flex-grow" not in views.bars({})


def test_the_two_strongest_causes_are_shown() -> None:
    history = {name: CatalogItem(row, name, f"Item {name}") for row, name in enumerate("abcd")}
    why = Explanation(2.0, [("a", 0.2), ("b", -0.5), ("c", 0.9), ("d", 0.4)], {})
    html = views.recommended(CatalogItem(9, "z", "Z"), why, history)
    assert re.findall(r"because of Item (\w)", html) == ["c", "d"]


def test_every_small_button_has_a_name() -> None:
    items = [CatalogItem(row, f"i{row}", f"Item {row}") for row in range(3)]
    html = views.history_strip(items) + views.recommended(items[0], WHY, {}) + views.history_strip(items[:2], 3)
    small = re.findall(r'<button type="button" class="small"[^>]*>', html)
    assert len(small) == 9 + 2 + 6 + 2
    assert all(re.search(r'aria-label="[^"]+"', one) for one in small)
    assert 'aria-label="Move Item 1 earlier"' in html
    assert "Step 2 of 3" in html


def test_an_own_item_shows_its_own_picture() -> None:
    assert "own/own-abc" in views.picture(CatalogItem(30, "own-abc", "Mine"))
    assert "thumbnails/4" in views.picture(CatalogItem(4, "mug-05", "Mug"))


def test_what_cannot_be_done_is_switched_off() -> None:
    assert views.history_tools(Visit()).count(" disabled") == 2
    assert " disabled" not in views.history_tools(Visit().look_at("a"))
    assert views.history_tools(Visit().look_at("a").start([])).count(" disabled") == 1
