"""What the page does, without Gradio: a visit and what was clicked in, a visit and HTML out."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molar.app.demo import views
from molar.app.demo.catalog_map import CatalogMap
from molar.app.demo.comparison import comparison
from molar.app.demo.engine_panel import engine_panel
from molar.app.demo.own_items import OwnItems
from molar.app.demo.product import product_page
from molar.app.demo.visit import Visit
from molar.engine import MolarError, Recommender, RequestError
from molar.engine.ranker import Ranked

PAGE = 48  # cards of the catalogue that come at once
RECOMMENDED = 12
_SURPRISES = 4


@dataclass(frozen=True)
class Shown:
    """The right side of the page.

    Attributes:
        strip: the history.
        heading: above the recommendations.
        grid: the recommendations.
        status: how long they took.
        ranked: rows and scores behind them; None for an empty history.
    """

    strip: str
    heading: str
    grid: str
    status: str
    ranked: Ranked | None


class Shop:
    """A bundle as the page shows it.

    Args:
        recommender: of the bundle.
        own_items: what visitors add.
    """

    def __init__(self, recommender: Recommender, own_items: OwnItems) -> None:
        self.recommender = recommender
        self.own_items = own_items
        self.map = CatalogMap(recommender)
        self.visitors = list(recommender.catalog.visitors)
        self._catalog = recommender.catalog

    def act(self, visit: Visit, action: str, item_id: str, place: int, to: int) -> Visit:
        """A visit after something was clicked; unknown actions and items change nothing."""
        known = item_id in self._catalog
        if action == "look" and known:
            return visit.look_at(item_id)
        if action == "aside" and known:
            return visit.set_aside(item_id)
        if action in ("earlier", "later"):
            return visit.move(place, place + (1 if action == "later" else -1))
        if action == "start" and 0 <= place < len(self.visitors):
            rows = self._catalog.visitors[self.visitors[place]]
            return visit.start([self._catalog.item_id(row) for row in rows])
        changes = {
            "remove": lambda: visit.remove(place),
            "move": lambda: visit.move(place, to),
            "surprise": lambda: self.surprise(visit),
            "undo": visit.undo,
            "clear": lambda: visit.start([]),
            "replay": visit.replay,
            "step": lambda: visit.step(place),
            "end": visit.end_replay,
        }
        return changes[action]() if action in changes else visit

    def surprise(self, visit: Visit) -> Visit:
        """Begin anew as somebody who goes from an item at random to what is recommended then, and so on."""
        history = [random.choice(self._catalog.item_ids)]
        while len(history) < _SURPRISES:
            found = self.recommender.recommend(history, 5)
            if not found:
                break
            history.append(random.choice(found).item_id)
        return visit.start(history)

    def current(self, visit: Visit) -> Visit:
        """The visit without items that were removed meanwhile."""
        ids = {*visit.history, *visit.aside, *visit.own, *visit.replayed}
        return visit.without({item_id for item_id in ids if item_id not in self._catalog})

    def person(self, visit: Visit, mode: str) -> tuple[Visit, Shown]:
        """Everything that follows from a visit."""
        visit = self.current(visit)
        rows = self._catalog.rows(visit.history)
        items = self._catalog.items(rows)
        strip = views.history_strip(items, len(visit.replayed))
        if not rows:
            aside = set(visit.aside)
            popular = self._catalog.items(self._catalog.search(limit=RECOMMENDED + len(aside)))
            grid = [views.card(item) for item in popular if item.item_id not in aside][:RECOMMENDED]
            return visit, Shown(strip, "Popular with everybody", views.cards(grid, "Nothing is left."), "", None)
        started = time.perf_counter()
        [ranked] = self.recommender.rank([rows], RECOMMENDED, mode=mode, exclude=self._catalog.rows(visit.aside))
        took = (time.perf_counter() - started) * 1e3
        found = self._catalog.items(ranked.rows.tolist())
        reasons = self.recommender.explain_all(visit.history, [item.item_id for item in found], mode)
        seen = {item.item_id: item for item in items}
        grid = [views.recommended(item, why, seen) for item, why in zip(found, reasons, strict=True)]
        status = views.status(took, len(self._catalog.item_ids))
        cards = views.cards(grid, "You have seen everything there is.")
        return visit.timed(took), Shown(strip, "Recommended for you", cards, status, ranked)

    def warm_up(self) -> None:
        """Answer before the first visitor comes: whatever runs for the first time takes longer."""
        for place in range(len(self.visitors)):
            self.person(self.act(Visit(), "start", "", place, -1), self.recommender.modes[0])

    def catalogue(self, text: str, where: Mapping[str, str], offset: int) -> str:
        """The next cards of the catalogue that match, and whether there are more: an element with `data-next`."""
        rows = self._catalog.search(text, where, limit=PAGE + 1, offset=offset)
        shown = "".join(views.card(item) for item in self._catalog.items(rows[:PAGE]))
        if len(rows) > PAGE:
            shown += f'<span data-next="{offset + PAGE}"></span>'
        return shown

    def product(self, item_id: str) -> str:
        """The product page of an item; nothing for one that there is not."""
        try:
            [item] = self._catalog.items(self._catalog.rows([item_id]))
            return product_page(self.recommender, item)
        except (RequestError, ValueError):
            return ""

    def comparison(self, visit: Visit) -> str:
        """The visit's history through every way of ranking."""
        return comparison(self.recommender, visit.history, visit.aside)

    def on_map(self, visit: Visit, ranked: Ranked | None) -> str:
        """The visit on the map."""
        return self.map.visit(self._catalog.rows(visit.history), ranked)

    def engine(self, visit: Visit) -> str:
        """What answers, and how quickly it did in this visit."""
        return engine_panel(self.recommender, visit.calls)

    def add_own(self, visit: Visit, title: str, picture: str) -> tuple[Visit, str]:
        """Add the visitor's own item to the history, and say how it went."""
        try:
            item_id, took = self.own_items.add(title, picture)
        except MolarError as error:
            return visit, str(error)
        encoder: Mapping[str, Any] = self.recommender.manifest.item_encoder or {}
        said = f"Read in {took:.0f} ms by the {encoder.get('backbone', '')} item encoder; it is in your history now."
        return visit.owning(item_id).look_at(item_id), said


def chosen_filters(facets: Sequence[str], values: Sequence[str | None], every: str) -> dict[str, str]:
    """What the filters say, those that are set."""
    return {name: value for name, value in zip(facets, values, strict=True) if value and value != every}
