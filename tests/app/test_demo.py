"""The demo without a browser: histories and HTML."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molar.app import demo_views as views
from molar.app.demo import picture_ratio
from molar.app.demo_session import BrowsingHistory
from molar.engine import CatalogItem, Recommender

HOSTILE = CatalogItem(row=3, item_id="x", title='<script>alert(1)</script>" onload="x', attributes={"price": ["<b>1"]})


def test_a_history_keeps_its_order() -> None:
    history = BrowsingHistory().add(5).add(2).add(9)
    assert history.rows == (5, 2, 9)
    assert history.add(5).rows == (2, 9, 5)
    assert history.remove(1).rows == (5, 9)
    assert history.move(2, -1).rows == (5, 9, 2)
    assert history.move(0, 1).rows == (2, 5, 9)
    assert history.rows == (5, 2, 9)


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(-3, 9), st.integers(-3, 3))
def test_no_change_loses_or_doubles_an_item(rows: list[int], place: int, by: int) -> None:
    history = BrowsingHistory()
    for row in rows:
        history = history.add(row)
    assert len(set(history.rows)) == len(history.rows)
    assert sorted(history.move(place, by).rows) == sorted(history.rows)
    inside = 0 <= place < len(history.rows)
    assert len(history.remove(place).rows) == len(history.rows) - inside


@pytest.mark.parametrize("html", [views.cards([HOSTILE], ""), views.history_strip([HOSTILE]), views.header("<i>", 1)])
def test_texts_of_a_catalogue_are_never_markup(html: str) -> None:
    assert "<script" not in html
    assert 'onload="x' not in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_subtitles_take_what_the_catalogue_has() -> None:
    movie = CatalogItem(0, "1", "Heat", attributes={"genres": ["Action", "Crime", "Drama"], "year": ["1995"]})
    assert views.subtitle(movie) == "1995 · Action, Crime"
    assert views.subtitle(CatalogItem(0, "1", "Heat")) == ""


def test_the_cards_take_the_shape_of_the_pictures(bundle: Path) -> None:
    assert picture_ratio(Recommender.load(bundle, "cpu")) == 1.0
