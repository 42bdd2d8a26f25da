"""The demo as a visitor meets it, in a real browser with every other host blocked."""

import importlib.util
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from molar.app.cli_serve import showroom

pytestmark = pytest.mark.browser

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.fail("no Chromium; run: make browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield opened
        opened.close()


def serve(bundle: Path) -> Iterator[str]:
    """The demo in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "molar.app",
        "demo",
        "--bundle",
        str(bundle),
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
    yield url
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from serve(showroom())


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A new visitor; a request to any other host, or an error in the page, fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    foreign: list[str] = []
    errors: list[str] = []

    def block(route: Route) -> None:
        foreign.append(route.request.url)
        route.abort()

    context.route(re.compile(rf"^(?!{re.escape(url)}|data:|blob:)"), block)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    expect(page.locator("#catalogue .card").first).to_be_visible()
    yield page
    context.close()
    assert foreign == []
    assert errors == []


def titles(page: Page, where: str) -> list[str]:
    return page.locator(f"{where} .title").all_inner_texts()


def pick(page: Page, number: int, length: int) -> None:
    """Click a card of the catalogue and wait until the history is that long."""
    page.locator("#catalogue .card").nth(number).click()
    expect(page.locator("#history li")).to_have_count(length)


def test_three_picks_change_the_recommendations_and_removing_one_changes_them_again(page: Page) -> None:
    expect(page.locator("#heading")).to_contain_text("Popular with everybody")
    seen = [titles(page, "#recommendations")]
    for length, number in enumerate((3, 8, 20), start=1):
        pick(page, number, length)
        expect(page.locator("#heading")).to_contain_text("Recommended for you")
        seen.append(titles(page, "#recommendations"))
    page.locator("#history [data-action=remove]").nth(1).click()
    expect(page.locator("#history li")).to_have_count(2)
    seen.append(titles(page, "#recommendations"))
    assert all(len(recommended) == 12 for recommended in seen)
    for before, after in itertools.pairwise(seen):
        assert before != after


def test_what_was_picked_is_not_recommended(page: Page) -> None:
    pick(page, 0, 1)
    row = page.locator("#catalogue .card").first.get_attribute("data-row")
    expect(page.locator(f"#recommendations [data-row='{row}']")).to_have_count(0)
    page.locator("#recommendations .card").first.click()  # a recommendation can be picked too
    expect(page.locator("#history li")).to_have_count(2)


def test_reordering_and_clearing(page: Page) -> None:
    pick(page, 1, 1)
    pick(page, 5, 2)
    first, second = titles(page, "#history")
    page.locator("#history [data-action=earlier]").nth(1).click()
    expect(page.locator("#history .title").first).to_have_text(second)
    assert titles(page, "#history") == [second, first]
    page.locator("#clear").click()
    expect(page.locator("#history li")).to_have_count(0)
    expect(page.locator("#heading")).to_contain_text("Popular with everybody")


def test_the_three_ways_of_ranking_differ(page: Page) -> None:
    for length, number in enumerate((2, 9, 14), start=1):
        pick(page, number, length)
    found = [titles(page, "#recommendations")]
    for label in ("Content only", "IDs only"):
        before = found[-1]
        page.get_by_label(label).click()
        expect(page.locator("#recommendations .title")).not_to_have_text(before)
        found.append(titles(page, "#recommendations"))
    assert found[0] != found[1] != found[2]


def test_search_and_filter(page: Page) -> None:
    page.locator("#search textarea, #search input").first.fill("teapot")
    expect(page.locator("#catalogue .card")).to_have_count(26)  # whether or not the title says what it is
    page.locator("#search textarea, #search input").first.fill("zzzz")
    expect(page.locator("#catalogue .empty")).to_contain_text("Nothing matches")
    page.locator("#search textarea, #search input").first.fill("")
    page.locator("#filter-0 input").click()
    page.get_by_role("option", name="Clock").click()
    expect(page.locator("#catalogue .card")).to_have_count(26)
    assert all("clock" in title.lower() for title in titles(page, "#catalogue"))


def test_paging(page: Page) -> None:
    expect(page.locator("#catalogue .card")).to_have_count(48)
    page.locator("#more").click()
    expect(page.locator("#catalogue .card")).to_have_count(96)


def test_the_status_says_device_and_milliseconds(page: Page) -> None:
    pick(page, 0, 1)
    expect(page.locator("#status")).to_have_text(re.compile(r"(CPU|GPU \(CUDA\))\s+\d+\.\d ms for 728 items"))


def test_visitors_do_not_see_each_others_histories(page: Page, browser: Browser, url: str) -> None:
    pick(page, 0, 1)
    other = browser.new_context().new_page()
    other.goto(url)
    expect(other.locator("#catalogue .card").first).to_be_visible()
    expect(other.locator("#history li")).to_have_count(0)
    pick(other, 4, 1)
    pick(page, 7, 2)
    expect(other.locator("#history li")).to_have_count(1)
    other.context.close()


def test_pictures_are_shown(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('#recommendations img')].filter(i => i.naturalWidth > 0).length === 12"
    )


def test_health_and_thumbnails_over_http(url: str) -> None:
    def get(path: str) -> tuple[int, str, bytes]:
        try:
            with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:
                return answer.status, answer.headers["content-type"], answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, "", b""

    assert json.loads(get("/health")[2]) == {"status": "ok", "device": "cpu", "items": 728}
    status, kind, picture = get("/thumbnails/0")
    assert (status, kind, picture[8:12]) == (200, "image/webp", b"WEBP")
    assert get("/thumbnails/99999")[0] == 404
    assert get("/thumbnails/manifest")[0] == 422


@pytest.mark.skipif("MOLAR_SCREENSHOT" not in os.environ, reason="MOLAR_SCREENSHOT does not name a PNG file to write")
def test_screenshot_for_the_readme(page: Page) -> None:
    for length, number in enumerate((3, 8, 20, 12), start=1):
        pick(page, number, length)
    page.mouse.move(0, 0)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=os.environ["MOLAR_SCREENSHOT"])
