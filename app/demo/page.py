"""The Gradio page: its layout, and every event wired in one place."""

import json
import secrets
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from molar.app.demo import views
from molar.app.demo.engine_panel import REQUESTS, load
from molar.app.demo.programs import add_programs
from molar.app.demo.saved_visits import SavedVisits, visit_from_json, visit_to_json
from molar.app.demo.shop import Shop, chosen_filters
from molar.app.demo.streams import keep_open
from molar.app.demo.visit import Visit
from molar.app.demo.visits_view import visits_view
from molar.engine import RequestError
from molar.engine.ranker import Ranked

SHOP, COMPARE, MAP, ENGINE, VISITS = "shop", "compare", "map", "engine", "visits"  # the tabs
_FILTERS = 3
_ANY = "All"
_SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
_OWN = Path(__file__).with_name("own.html").read_text(encoding="utf-8")


def build_page(shop: Shop, saved: SavedVisits) -> gr.Blocks:
    """The Gradio page on one bundle; each visitor has a visit of their own.

    Args:
        shop: what the page shows.
        saved: where visits are kept.
    """
    recommender = shop.recommender
    name, facets = recommender.manifest.name, dict(list(recommender.catalog.facets.items())[:_FILTERS])

    def show(visit: Visit, mode: str) -> tuple[list[Any], Ranked | None]:
        """The right side of the page, and what is recommended there."""
        visit, shown = shop.person(visit, mode)
        heading = f'<h2 class="section">{shown.heading}</h2>{views.legend() if shown.ranked else ""}{shown.status}'
        strip = views.history_tools(visit) + shown.strip + views.starts(shop.visitors)
        return [visit, strip, heading, shown.grid], shown.ranked

    def show_with_tab(visit: Visit, mode: str, tab: str, owner: str) -> list[Any]:
        """The right side, and the tab that is looked at."""
        right, ranked = show(visit, mode)
        return [
            *right,
            shop.comparison(right[0]) if tab == COMPARE else gr.skip(),
            shop.on_map(right[0], ranked) if tab == MAP else gr.skip(),
            shop.engine(right[0]) if tab == ENGINE else gr.skip(),
            visits(right[0], owner) if tab == VISITS else gr.skip(),
        ]

    def visits(visit: Visit, owner: str) -> str:
        present = visit_to_json(visit, recommender) if visit.history else ""
        kept = saved.of(owner, name)
        return visits_view(kept, present, f"Visit {len(kept) + 1}")

    def clicked(visit: Visit, mode: str, event: gr.EventData) -> list[Any]:
        """A click on anything that has an action, while the shop is open."""
        action, item, place, to, *_ = _said(event)
        return show(shop.act(visit, action, item, place, to), mode)[0]

    def clicked_beside_tab(visit: Visit, mode: str, tab: str, owner: str, event: gr.EventData) -> list[Any]:
        """The same while another tab is, which may show what follows."""
        action, item, place, to, title, data = _said(event)
        if action in ("save", "reopen", "rename", "delete", "read"):
            visit = kept_visits(visit, owner, action, item, title, data)
        else:
            visit = shop.act(visit, action, item, place, to)
        return show_with_tab(visit, mode, tab, owner)

    def opened(event: gr.EventData) -> str:
        """The product page."""
        page = shop.product(_said(event)[1])
        # Two openings of one product differ, or the page would not notice the second.
        return f"{page}<!-- {secrets.token_hex(4)} -->" if page else ""

    def added(visit: Visit, mode: str, tab: str, owner: str, event: gr.EventData) -> list[Any]:
        """The visitor's own item, and a word on how it went."""
        *_, title, picture = _said(event)
        visit, text = shop.add_own(visit, title, picture)
        return [*show_with_tab(visit, mode, tab, owner), f'<p role="status">{escape(text)}</p>']

    def kept_visits(visit: Visit, owner: str, action: str, token: str, title: str, text: str) -> Visit:
        try:
            if action == "save" and visit.history:
                saved.save(owner, title, visit_to_json(visit, recommender))
            elif action == "rename":
                saved.rename(owner, token, title)
            elif action == "delete":
                saved.delete(owner, token)
            elif action == "reopen":
                return visit_from_json(saved.visit(token), visit, recommender, shop.own_items)
            elif action == "read":
                return visit_from_json(text, visit, recommender, shop.own_items)
        except RequestError as error:
            gr.Warning(escape(str(error)))
        return visit

    def arrive(visit: Visit, mode: str, owner: str, request: gr.Request) -> list[Any]:
        """Somebody opens the page, perhaps by the link of a visit."""
        keep_open(page, request.session_hash)
        owner = owner or secrets.token_urlsafe(16)
        token = str(request.query_params.get("visit", ""))
        if token and not visit.history:
            visit = kept_visits(visit, owner, "reopen", token, "", "")
        return [owner, *show(visit, mode)[0]]

    def browse(text: str, *chosen: str | None) -> str:
        """The first cards of the catalogue that match."""
        where = chosen_filters(list(facets), chosen, _ANY)
        query = urlencode({"text": text or "", "where": json.dumps(where)})
        grid = shop.catalogue(text or "", where, 0)
        if not grid:
            return '<p class="empty">Nothing matches. Try another word or filter.</p>'
        return f'<div class="grid" data-query="{escape(query)}">{grid}</div>'

    def measure() -> Iterator[str]:
        yield from load(recommender)

    def open_tab(tab: str) -> Callable[..., list[Any]]:
        return lambda visit, mode, owner: [tab, *show_with_tab(visit, mode, tab, owner)]

    with gr.Blocks(title=f"{name} · Molar", analytics_enabled=False, fill_width=True) as page:
        visit = gr.State(Visit(), delete_callback=lambda visit: shop.own_items.forget(visit.own))
        tab = gr.State(SHOP)
        owner = gr.BrowserState("", storage_key="molar-visitor", secret="molar")
        _html(views.header(name, len(recommender.catalog.item_ids), recommender.device), "header")
        product = _html("", "product")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=7, min_width=320), gr.Tabs(elem_id="tabs"):
                tabs = {}
                with gr.Tab("Shop", id=SHOP) as tabs[SHOP]:
                    with gr.Row(elem_id="finder"):
                        search, filters = _finder(facets)
                    catalogue = _html("", "catalogue")
                with gr.Tab("Compare", id=COMPARE) as tabs[COMPARE]:
                    compare = _html("", "compare")
                if len(shop.map):
                    with gr.Tab("Map", id=MAP) as tabs[MAP]:
                        color = gr.Radio(
                            list(facets), value=shop.map.telling(list(facets)), label="Colours", visible=bool(facets),
                            container=False, show_label=False, elem_id="color",
                        )  # fmt: skip
                        with gr.Group(elem_id="map"):
                            points = _html("", "points")
                            overlay = _html("", "overlay")
                with gr.Tab("Engine", id=ENGINE) as tabs[ENGINE]:
                    engine = _html("", "engine")
                    begin = gr.Button(f"Ask for {REQUESTS} recommendations at once", elem_id="begin-load")
                    loaded = _html("", "load")
                with gr.Tab("Visits", id=VISITS) as tabs[VISITS]:
                    kept = _html("", "visits")
            with gr.Column(scale=5, min_width=320, elem_id="person"):
                strip = _html("", "history")
                if shop.own_items.possible:
                    own = _html(_OWN, "own")
                word = _html("", "own-said")
                heading = _html("", "heading")
                modes = [(views.MODE_LABELS.get(mode, mode), mode) for mode in recommender.modes]
                mode = gr.Radio(
                    modes, value=recommender.modes[0], show_label=False, container=False, elem_id="mode",
                    visible=len(modes) > 1,
                )  # fmt: skip
                recommendations = _html("", "recommendations")
        if MAP not in tabs:
            overlay = _html("", "overlay", visible=False)

        right = [visit, strip, heading, recommendations]
        with_tab = [*right, compare, overlay, engine, kept]
        for part in [product, strip, catalogue, recommendations, compare, kept, *([points] if MAP in tabs else [])]:
            _quietly(part.click, clicked, [visit, mode], right)
            _quietly(part.input, clicked_beside_tab, [visit, mode, tab, owner], with_tab)
            _quietly(part.select, opened, None, [product])
        if shop.own_items.possible:
            _quietly(own.upload, added, [visit, mode, tab, owner], [*with_tab, word])
        _quietly(mode.change, show_with_tab, [visit, mode, tab, owner], with_tab)
        _quietly(page.load, arrive, [visit, mode, owner], [owner, *right])
        for key, one in tabs.items():
            _quietly(one.select, open_tab(key), [visit, mode, owner], [tab, *with_tab])
        if MAP in tabs:
            _quietly(tabs[MAP].select, shop.map.points, [color], [points])
            _quietly(color.change, shop.map.points, [color], [points])
        wanted: list[Any] = [search, *filters]
        for control in wanted:
            _quietly(control.change, browse, wanted, [catalogue], "always_last")
        _quietly(page.load, browse, wanted, [catalogue])
        begin.click(
            measure, None, loaded, show_progress="hidden", concurrency_id="load", concurrency_limit=1,
            api_visibility="private", trigger_mode="once",
        )  # fmt: skip
        add_programs(recommender)
    return page


def _finder(facets: dict[str, list[str]]) -> tuple[gr.Textbox, list[gr.Dropdown]]:
    search = gr.Textbox(
        placeholder="Search",
        show_label=False,
        label="Search",
        container=False,
        min_width=180,
        elem_id="search",
    )
    filters = [
        gr.Dropdown(
            [(f"{name.capitalize()}: {_ANY.lower()}", _ANY), *((value, value) for value in sorted(values))],
            value=_ANY,
            label=name.capitalize(),
            show_label=False,
            container=False,
            filterable=False,
            min_width=120,
            elem_id=f"filter-{index}",
        )
        for index, (name, values) in enumerate(facets.items())
    ]
    return search, filters


def _html(value: str, elem_id: str, **more: Any) -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, js_on_load=_SCRIPT, **more)


def _said(event: gr.EventData) -> tuple[str, str, int, int, str, str]:
    """action, item, place, to, title and data of a click, each of its type whatever the browser sent."""
    data = event._data if isinstance(event._data, dict) else {}
    texts = {
        name: value if isinstance(value := data.get(name), str) else "" for name in ("action", "item", "title", "data")
    }
    places = {name: value if isinstance(value := data.get(name), int) else -1 for name in ("place", "to")}
    return texts["action"], texts["item"], places["place"], places["to"], texts["title"], texts["data"]


def _quietly(
    event: Callable[..., Any], function: Callable[..., Any], inputs: Any, outputs: Any, trigger_mode: str = "multiple"
) -> None:
    """Wire an event without a spinner. One queue for all keeps two quick clicks in order; each takes milliseconds."""
    event(
        function, inputs, outputs, show_progress="hidden", concurrency_id="page", concurrency_limit=1,
        api_visibility="private", trigger_mode=trigger_mode,
    )  # fmt: skip
