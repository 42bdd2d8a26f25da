"""The demo at several widths, in light and dark, with the keyboard, and as axe-core sees it."""

import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

TABS = ("Shop", "Compare", "Map", "Engine", "Visits")
Visiting = Callable[..., AbstractContextManager[Page]]


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_nothing_is_wider_than_the_page(visiting: Visiting, width: int) -> None:
    with visiting(width=width, height=900) as page:
        page.get_by_role("button", name="A corner to read in").click()
        expect(page.locator("#history li")).to_have_count(4)
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_does_not_jump_while_one_picks(page: Page) -> None:
    page.get_by_role("button", name="A corner to read in").click()
    expect(page.locator("#history li")).to_have_count(4)
    before = page.locator("#recommendations").bounding_box()
    catalogue = page.locator("#catalogue").bounding_box()
    page.locator("#catalogue .pick").nth(2).click()
    expect(page.locator("#history li")).to_have_count(5)
    assert page.locator("#recommendations").bounding_box() == before
    assert page.locator("#catalogue").bounding_box() == catalogue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visiting: Visiting, scheme: str) -> None:
    with visiting(color_scheme=scheme) as page:
        page.get_by_role("button", name="A corner to read in").click()
        expect(page.locator("#history li")).to_have_count(4)
        found = []
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(400)
            found += [(tab, one) for one in Axe().run(page).response["violations"]]
        page.locator("#recommendations [data-action=open]").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        found += [("dialog", one) for one in Axe().run(page).response["violations"]]
        serious = [
            f"{where}: {one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for where, one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]
        assert serious == []


def keep(page: Page, path: Path) -> None:
    """The page as it looks now, as WebP."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(path, quality=88, method=6)


@pytest.mark.skipif("MOLAR_SCREENSHOTS" not in os.environ, reason="MOLAR_SCREENSHOTS does not name a folder to fill")
def test_screenshots_for_the_readme(visiting: Visiting) -> None:
    folder = Path(os.environ["MOLAR_SCREENSHOTS"])
    with visiting(width=1440, height=940) as page:
        page.get_by_role("button", name="Moving into a first flat").click()
        expect(page.locator("#history li")).to_have_count(5)
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            if tab == "Engine":
                page.locator("#begin-load").click()
                expect(page.locator("#load")).to_contain_text("600 of 600", timeout=60_000)
            if tab == "Visits":
                page.get_by_role("button", name="Keep it").click()
                expect(page.locator("#visits li")).to_have_count(1)
            page.mouse.move(0, 0)
            page.wait_for_timeout(900)
            keep(page, folder / f"demo-{tab.lower()}.webp")
        page.get_by_role("tab", name="Shop").click()
        page.locator("#recommendations [data-action=open]").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(900)
        keep(page, folder / "demo-product.webp")
    with visiting(width=390, height=844, color_scheme="dark") as page:
        page.get_by_role("button", name="A corner to read in").click()
        expect(page.locator("#history li")).to_have_count(4)
        page.wait_for_timeout(900)
        keep(page, folder / "demo-phone.webp")
