"""The web demo: the layout, and every event wired in one place."""

import io
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import uvicorn
from fastapi import FastAPI, Response
from PIL import Image

from molar.app import demo_views as views
from molar.app.demo_session import BrowsingHistory
from molar.app.listening import listen
from molar.engine import Recommender

_PAGE = 48  # items that the catalogue shows at first, and adds on demand
_RECOMMENDED = 12
_FILTERS = 3
_ANY = "All"

# A click on any element with a data-action becomes a Gradio event that carries what was clicked.
_CLICKS = """
element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-action]');
  if (target && !target.disabled) {
    trigger('click', {action: target.dataset.action, row: +target.dataset.row, place: +target.dataset.place});
  }
});
"""

# The newest item stands at the strip's right end.
_SHOW_NEWEST = """
watch('value', () => {
  const strip = element.querySelector('.strip');
  if (strip) strip.scrollLeft = strip.scrollWidth;
});
"""

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]


def build_page(recommender: Recommender) -> gr.Blocks:
    """The Gradio page on one bundle; each visitor has a history of its own."""
    catalog = recommender.catalog
    facets = dict(list(catalog.facets.items())[:_FILTERS])

    def show(history: BrowsingHistory, mode: str) -> tuple[BrowsingHistory, str, str, str, str]:
        """Everything that follows from a history: itself, its strip, the heading, the recommendations, the status."""
        strip = views.history_strip(catalog.items(history.rows))
        if not history.rows:
            popular = catalog.items(catalog.search(limit=_RECOMMENDED))
            heading, took = "Popular with everybody", None
            grid = views.cards(popular, "The catalogue is empty.")
        else:
            started = time.perf_counter()
            found = recommender.recommend([catalog.item_id(row) for row in history.rows], _RECOMMENDED, mode=mode)
            took = (time.perf_counter() - started) * 1e3
            heading = "Recommended for you"
            grid = views.cards(catalog.items([r.row for r in found]), "You have seen everything there is.")
        status = views.status_line(recommender.device, len(catalog), took)
        return history, strip, f'<h2 class="section">{heading}</h2>', grid, status

    def change(history: BrowsingHistory, mode: str, event: gr.EventData) -> tuple[BrowsingHistory, str, str, str, str]:
        """A click on a card or on a button of the strip."""
        action, row, place = event._data["action"], int(event._data["row"]), int(event._data["place"])
        if action == "add" and 0 <= row < catalog.next_row and catalog.item_id(row):
            history = history.add(row)
        elif action == "remove":
            history = history.remove(place)
        elif action in ("earlier", "later"):
            history = history.move(place, -1 if action == "earlier" else 1)
        return show(history, mode)

    def browse(shown: int, text: str, *chosen: str) -> tuple[int, str, Any]:
        """The first `shown` items of the catalogue that match, and whether there are more."""
        where = {name: value for name, value in zip(facets, chosen, strict=True) if value and value != _ANY}
        rows = catalog.search(text or "", where, limit=shown + 1)
        grid = views.cards(catalog.items(rows[:shown]), "Nothing matches. Try another word or filter.")
        return shown, grid, gr.update(visible=len(rows) > shown)

    def browse_anew(*wanted: str) -> tuple[int, str, Any]:
        return browse(_PAGE, *wanted)

    def browse_more(shown: int, *wanted: str) -> tuple[int, str, Any]:
        return browse(shown + _PAGE, *wanted)

    modes = [(views.MODE_LABELS.get(mode, mode), mode) for mode in recommender.modes]
    with gr.Blocks(title=f"Molar: {recommender.manifest.name}", analytics_enabled=False, fill_width=True) as page:
        history = gr.State(BrowsingHistory())
        shown = gr.State(_PAGE)
        gr.HTML(views.header(recommender.manifest.name, len(catalog)), elem_id="header", js_on_load=None)
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=7, min_width=320):
                with gr.Row(elem_id="finder"):
                    search = gr.Textbox(
                        placeholder="Search titles and descriptions",
                        show_label=False,
                        container=False,
                        scale=2,
                        min_width=220,
                        elem_id="search",
                    )
                    filters = [
                        gr.Dropdown(
                            [(f"{name.capitalize()}: {_ANY.lower()}", _ANY), *((value, value) for value in values)],
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
                catalogue = gr.HTML(elem_id="catalogue", js_on_load=_CLICKS)
                more = gr.Button("Show more", visible=False, elem_id="more")
            with gr.Column(scale=5, min_width=320, elem_id="person"):
                with gr.Row(elem_classes="heading"):
                    gr.HTML('<h2 class="section">Your browsing history</h2>', js_on_load=None)
                    clear = gr.Button("Clear", size="sm", scale=0, min_width=72, elem_id="clear")
                strip = gr.HTML(elem_id="history", js_on_load=_CLICKS + _SHOW_NEWEST)
                with gr.Row(elem_classes="heading"):
                    heading = gr.HTML(elem_id="heading", js_on_load=None)
                    status = gr.HTML(elem_id="status", js_on_load=None)
                mode = gr.Radio(modes, value=recommender.modes[0], show_label=False, container=False, elem_id="mode")
                recommendations = gr.HTML(elem_id="recommendations", js_on_load=_CLICKS)

        outputs = [history, strip, heading, recommendations, status]
        for clicked in (strip, recommendations, catalogue):
            _quietly(clicked.click, change, [history, mode], outputs)
        _quietly(clear.click, lambda mode: show(BrowsingHistory(), mode), [mode], outputs)
        _quietly(mode.change, show, [history, mode], outputs)
        _quietly(page.load, show, [history, mode], outputs)

        wanted: list[Any] = [search, *filters]
        listing = [shown, catalogue, more]
        for control in wanted:
            _quietly(control.change, browse_anew, wanted, listing, "always_last")
        _quietly(more.click, browse_more, [shown, *wanted], listing)
        _quietly(page.load, browse_anew, wanted, listing)
    return page


def _quietly(
    event: Callable[..., Any], function: Callable[..., Any], inputs: Any, outputs: Any, trigger_mode: str = "multiple"
) -> None:
    """Wire an event without a spinner. One queue for all keeps two quick clicks in order; each takes milliseconds."""
    event(
        function,
        inputs,
        outputs,
        show_progress="hidden",
        concurrency_id="page",
        concurrency_limit=1,
        api_visibility="private",
        trigger_mode=trigger_mode,
    )


def build_app(recommender: Recommender) -> FastAPI:
    """The page, the pictures under /thumbnails/ROW, and /health."""
    app = FastAPI(title="Molar", docs_url=None, redoc_url=None)

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "device": recommender.device, "items": len(recommender.catalog)}

    @app.get("/thumbnails/{row}")
    def thumbnail(row: int) -> Response:
        webp = recommender.catalog.thumbnail(row)
        if webp is None:
            return Response(status_code=404)
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})

    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=_FONTS, font_mono=["ui-monospace", "monospace"]
    )
    css = f":root {{ --picture-ratio: {picture_ratio(recommender)}; }}\n"
    css += Path(__file__).with_name("demo.css").read_text(encoding="utf-8")
    return gr.mount_gradio_app(
        app,
        build_page(recommender),
        path="/",
        theme=theme,
        css=css,
        footer_links=[],
        run_history=False,
        show_error=True,
    )


def picture_ratio(recommender: Recommender) -> float:
    """Width over height that suits the catalogue: posters are upright, products square."""
    ratios = []
    for row in range(0, len(recommender.catalog.item_ids), max(1, len(recommender.catalog.item_ids) // 40)):
        if (webp := recommender.catalog.thumbnail(row)) is not None:
            width, height = Image.open(io.BytesIO(webp)).size
            ratios.append(width / height)
    return round(min(max(median(ratios or [1.0]), 0.6), 1.6), 3)


def serve(bundle: Path, host: str, port: int, device: str) -> None:
    """Open the bundle and serve the page until Ctrl-C.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the port is taken, or the device cannot be had.
    """
    with listen(host, port) as listening:
        recommender = Recommender.load(bundle, device)
        server = uvicorn.Server(uvicorn.Config(build_app(recommender), log_level="warning"))
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        print(f"{recommender.manifest.name} on {recommender.device}: {url}  (Ctrl-C ends it)", flush=True)
        if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32")):
            webbrowser.open(url)
        server.run(sockets=[listening])
