"""A demo in a process of its own, and a real browser with every other host blocked."""

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from molar.app.cli_serve import showroom
from molar.app.running import running

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """What find_chromium.py finds."""
    spec = importlib.util.spec_from_file_location("find_chromium", Path(__file__).with_name("find_chromium.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: str | None = module.chromium_path()
    return path


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.fail("no Chromium; run: make browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield opened
        opened.close()


@contextmanager
def serve(bundle: Path, home: Path, *options: str) -> Iterator[str]:
    """The demo in a process of its own; its address."""
    with running("demo", bundle, *options, home=home) as (address, _):
        yield address


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(showroom(), tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="package")
def served() -> Callable[..., AbstractContextManager[str]]:
    """Serves another bundle, or with other options."""
    return serve


@pytest.fixture
def visiting(browser: Browser, url: str) -> Callable[..., AbstractContextManager[Page]]:
    """Brings another visitor to the showroom, or to what is served at `url`."""
    return partial(visit, browser, url=url)


@contextmanager
def visit(
    browser: Browser, url: str, path: str = "", width: int = 1440, height: int = 1000, **context: Any
) -> Iterator[Page]:
    """A new visitor; a request to any other host, or an error in the page, fails the test."""
    visitor = browser.new_context(viewport={"width": width, "height": height}, **context)
    foreign: list[str] = []
    errors: list[str] = []

    def block(route: Route) -> None:
        foreign.append(route.request.url)
        route.abort()

    visitor.route(re.compile(rf"^(?!{re.escape(url)}|data:|blob:)"), block)
    page = visitor.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(url + path)
        expect(page.locator("#catalogue .card").first).to_be_visible()
        expect(page.locator("#recommendations .card").first).to_be_visible()
        yield page
    finally:
        visitor.close()
    assert foreign == []
    assert errors == []


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with visit(browser, url) as page:
        yield page
