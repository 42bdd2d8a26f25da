"""The page with what stands around it: pictures, further cards, health, a password, a tunnel."""

import asyncio
import io
import json
import os
import secrets
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import gradio as gr
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from PIL import Image

from molar.app.demo.own_items import PREFIX, OwnItems
from molar.app.demo.page import build_page
from molar.app.demo.saved_visits import SavedVisits, data_folder
from molar.app.demo.sessions import KEPT, MOST_SESSIONS, keep_forgetting
from molar.app.demo.shop import Shop
from molar.app.demo.streams import keep_streams
from molar.app.garbage import pass_over_what_is_there
from molar.app.guards import PasswordRequired, SmallRequests
from molar.app.listening import listen
from molar.engine import Recommender, RequestError

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]


def build_app(
    recommender: Recommender, saved: SavedVisits | None = None, mcp: bool = False, kept: float = KEPT
) -> FastAPI:
    """The page, and beside it /thumbnails/ROW, /own (opens the item encoder), /own/ID, /cards and /health.

    Args:
        recommender: of the bundle that is shown.
        saved: where visits are kept; in the user's data folder if None.
        mcp: serve the functions for programs over MCP too, at /gradio_api/mcp.
        kept: minutes that a visit stays in memory after its last click, once its page is closed.
    """
    catalog = recommender.catalog
    own_items = OwnItems(recommender)
    shop = Shop(recommender, own_items)
    shop.warm_up()
    page = build_page(shop, saved or SavedVisits(data_folder() / "visits.db"))
    page.state_session_capacity = MOST_SESSIONS
    keep_streams(page)

    @asynccontextmanager
    async def forgetting(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(keep_forgetting(page, kept))
        yield
        task.cancel()

    app = FastAPI(title="Molar", docs_url=None, redoc_url=None, lifespan=forgetting)

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "device": recommender.device, "items": len(catalog.item_ids)}

    @app.get("/thumbnails/{row}")
    def thumbnail(row: int) -> Response:
        return _webp(catalog.thumbnail(row) if 0 <= row < len(catalog.item_ids) else None)

    @app.get("/own/{item_id}")
    def own(item_id: str) -> Response:
        known = item_id.startswith(PREFIX) and item_id in catalog
        return _webp(catalog.thumbnail(catalog.rows([item_id])[0]) if known else None)

    @app.post("/own", status_code=204)
    def prepare() -> None:
        own_items.prepare()

    @app.get("/cards")
    def cards(text: str = "", where: str = "{}", offset: int = 0) -> HTMLResponse:
        try:
            wanted = json.loads(where)
            return HTMLResponse(shop.catalogue(text, wanted, min(max(0, offset), 2**31)))
        except (ValueError, TypeError, AttributeError, RequestError):
            return HTMLResponse("", 422)

    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=_FONTS, font_mono=["ui-monospace", "monospace"]
    )
    css = f":root {{ --picture-ratio: {picture_ratio(recommender)}; }}\n"
    css += Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    app.add_middleware(SmallRequests)
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        css=css,
        footer_links=[],
        run_history=False,
        show_error=True,
        mcp_server=mcp,
    )


def picture_ratio(recommender: Recommender) -> float:
    """Width over height that suits the catalogue: posters are upright, products square."""
    ratios = []
    for row in range(0, len(recommender.catalog.item_ids), max(1, len(recommender.catalog.item_ids) // 40)):
        if (webp := recommender.catalog.thumbnail(row)) is not None:
            width, height = Image.open(io.BytesIO(webp)).size
            ratios.append(width / height)
    return round(min(max(median(ratios or [1.0]), 0.6), 1.6), 3)


def serve(
    bundle: Path,
    host: str,
    port: int,
    device: str,
    auth: tuple[str, str] | None = None,
    mcp: bool = False,
    share: bool = False,
    kept: float = KEPT,
) -> None:
    """Open the bundle and serve the page until Ctrl-C.

    Args:
        bundle: made by `molar export`.
        host: address to listen on.
        port: to listen on.
        device: "auto", "cuda" or "cpu".
        auth: user and password that are asked for; nobody is asked if None.
        mcp: serve the functions for programs over MCP too.
        share: open a public address through Gradio's tunnel.
        kept: minutes that a visit stays in memory after its last click, once its page is closed.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the port is taken, the device cannot be had, `mcp` lacks its package or comes with `auth`, or no
                tunnel can be opened.
    """
    if mcp and auth:
        raise RequestError("--mcp with --auth: the tools ask the page itself, which knows no password; leave one out")
    if mcp and find_spec("mcp") is None:
        raise RequestError("--mcp needs the package mcp; run: pip install 'molar[mcp]'")
    with listen(host, port) as listening:
        recommender = Recommender.load(bundle, device)
        app = build_app(recommender, mcp=mcp, kept=kept)
        if auth:
            app.add_middleware(PasswordRequired, user=auth[0], password=auth[1])
        pass_over_what_is_there()
        # Pages and MCP clients keep connections open for as long as they like.
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        print(f"{recommender.manifest.name} on {recommender.device}: {url}  (Ctrl-C ends it)", flush=True)
        if share:
            print(f"For everybody with the address, for a week at most: {_tunnel(port)}", flush=True)
        if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32")):
            webbrowser.open(url)
        server.run(sockets=[listening])


def _tunnel(port: int) -> str:
    from gradio import networking

    try:
        return str(networking.setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None))
    except Exception as error:  # it has no errors of its own: whatever its download, its process or its server say
        raise RequestError(f"--share: no public address could be had ({error}); try again without it") from None


def _webp(picture: bytes | None) -> Response:
    if picture is None:
        return Response(status_code=404)
    return Response(picture, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})
