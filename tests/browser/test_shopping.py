"""The demo as a visitor meets it: the shop, the history, and items of one's own."""

import itertools
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from molar.app.cli_serve import showroom
from molar.assets.studio.pictures import picture_of
from molar.assets.studio.products import make_held_out
from tests.browser.clicks import pick, titles

pytestmark = pytest.mark.browser


# 1. Storefront


def test_search_and_filter(page: Page) -> None:
    search = page.locator("#search textarea, #search input").first
    search.fill("teapot")
    expect(page.locator("#catalogue .card")).to_have_count(26)
    search.fill("taepot")
    expect(page.locator("#catalogue .card")).to_have_count(26)
    search.fill("zzzz")
    expect(page.locator("#catalogue .empty")).to_contain_text("Nothing matches")
    search.fill("")
    page.locator("#filter-0 input").click()
    page.get_by_role("option", name="Clock").click()
    expect(page.locator("#catalogue .card")).to_have_count(26)
    assert all("clock" in title.lower() for title in titles(page, "#catalogue"))


def test_the_catalogue_goes_on_when_its_end_comes_into_sight(page: Page) -> None:
    expect(page.locator("#catalogue .card")).to_have_count(48)
    page.mouse.wheel(0, 4000)
    expect(page.locator("#catalogue .card")).to_have_count(96)
    found = page.locator("#catalogue .pick").evaluate_all("all => all.map(one => one.dataset.item)")
    assert len(set(found)) == 96
    pick(page, 90, 1)


def test_the_product_page_tells_what_is_alike_and_adds(page: Page) -> None:
    card = page.locator("#catalogue .card").nth(3)
    name = card.locator(".title").inner_text()
    card.hover()
    card.locator("[data-action=open]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=name)).to_be_visible()
    for title in ("Similar in look", "Similar in words", "Chosen by the same people"):
        expect(dialog.get_by_text(title)).to_be_visible()
    expect(dialog.get_by_role("row", name=re.compile("^Price"))).to_be_visible()
    dialog.locator(".card .pick").first.click()  # goes to the page of another product
    expect(dialog.get_by_role("heading", level=2)).not_to_have_text(name)
    other = dialog.get_by_role("heading", level=2).inner_text()
    dialog.get_by_text("Add to my history").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#history .title")).to_have_text(other)
    card.hover()
    card.locator("[data-action=open]").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


# 2. History


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
    item = page.locator("#catalogue .pick").first.get_attribute("data-item")
    expect(page.locator(f"#recommendations [data-item='{item}']")).to_have_count(0)
    page.locator("#recommendations .pick").first.click()  # a recommendation can be picked too
    expect(page.locator("#history li")).to_have_count(2)


def test_reordering_by_keys_undoing_and_clearing(page: Page) -> None:
    pick(page, 1, 1)
    pick(page, 5, 2)
    first, second = titles(page, "#history")
    page.locator("#history [data-action=earlier]").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#history .title").first).to_have_text(second)
    assert page.evaluate("document.activeElement.dataset.action") == "earlier"  # the keyboard stays where it was
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("#history .title").first).to_have_text(first)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#history li")).to_have_count(0)
    expect(page.locator("#heading")).to_contain_text("Popular with everybody")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("#history li")).to_have_count(2)


def test_reordering_by_dragging(page: Page) -> None:
    for length, number in enumerate((1, 5, 9), start=1):
        pick(page, number, length)
    first, second, third = titles(page, "#history")
    page.locator("#history li").nth(2).drag_to(page.locator("#history li").nth(0))
    expect(page.locator("#history .title").first).to_have_text(third)
    assert titles(page, "#history") == [third, first, second]


def test_ready_made_visitors_and_a_surprise(page: Page) -> None:
    page.get_by_role("button", name="Moving into a first flat").click()
    expect(page.locator("#history li")).to_have_count(5)
    flat = titles(page, "#recommendations")
    page.get_by_role("button", name="Tea, the Japanese way").click()
    expect(page.locator("#history li")).to_have_count(4)
    expect(page.locator("#recommendations .title")).not_to_have_text(flat)
    tea = titles(page, "#history")
    page.get_by_role("button", name="Surprise me").click()
    expect(page.locator("#history .title")).not_to_have_text(tea)


# 3. Add your own


def test_an_own_picture_is_read_and_followed(page: Page) -> None:
    mug = next(product for product in make_held_out(0) if product.design.kind == "mug")
    with page.expect_response(lambda answer: answer.url.endswith("/own")) as prepared:
        page.get_by_text("Add your own picture").click()
    assert prepared.value.status == 204  # the item encoder is there before there is something to read
    page.locator("#own input[type=file]").set_input_files(picture_of(mug))
    expect(page.locator("#own .drop img")).to_be_visible()
    page.locator("#own input[type=text]").fill("My <b>own</b> mug")
    popular = titles(page, "#recommendations")
    page.get_by_role("button", name="Add it to my history").click()
    expect(page.locator("#own-said")).to_contain_text(re.compile(r"Read in \d+ ms by the compact item encoder"))
    expect(page.locator("#history .title")).to_have_text("My <b>own</b> mug")
    expect(page.locator("#recommendations .title")).not_to_have_text(popular)
    assert page.locator("#history img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(page.locator("#recommendations .causes img").first).to_have_attribute("alt", "because of My <b>own</b> mug")
    expect(page.locator("#own .drop img")).to_be_hidden()


def test_an_own_item_may_be_words_alone_and_must_be_something(page: Page) -> None:
    page.get_by_text("Add your own picture").click()
    page.get_by_role("button", name="Add it to my history").click()
    expect(page.locator("#own-said")).to_contain_text("give a picture, or say what it is")
    page.locator("#own input[type=text]").fill("Walnut wall clock")
    page.keyboard.press("Enter")
    expect(page.locator("#history .title")).to_have_text("Walnut wall clock")


def test_a_file_that_is_no_picture_is_said_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "archive.jpg").write_bytes(b"PK\x03\x04 not a picture")
    page.get_by_text("Add your own picture").click()
    page.locator("#own input[type=file]").set_input_files(tmp_path / "archive.jpg")
    expect(page.locator("#own .drop")).to_contain_text("This file is not a picture")


def test_own_items_are_seen_by_who_added_them_only(page: Page, visiting: Callable[..., AbstractContextManager]) -> None:
    page.get_by_text("Add your own picture").click()
    page.locator("#own input[type=text]").fill("Zebra lamp")
    page.keyboard.press("Enter")
    expect(page.locator("#history li")).to_have_count(1)
    with visiting() as other:
        expect(other.locator("#history li")).to_have_count(0)
        other.locator("#search textarea, #search input").first.fill("zebra lamp")
        expect(other.locator("#catalogue .empty")).to_be_visible()
        pick_other = other.locator("#recommendations .pick").first
        pick_other.click()
        expect(other.locator("#history li")).to_have_count(1)
        assert "Zebra" not in other.locator("body").inner_text()
    expect(page.locator("#history li")).to_have_count(1)


def test_who_closes_the_page_is_forgotten_and_who_keeps_it_open_is_not(
    served: Callable[..., AbstractContextManager], visiting: Callable[..., AbstractContextManager], tmp_path: Path
) -> None:
    with served(showroom(), tmp_path, "--keep", "0.02") as address:
        with visiting(url=address) as page:
            page.get_by_text("Add your own picture").click()
            page.locator("#own input[type=file]").set_input_files(picture_of(next(iter(make_held_out(0)))))
            expect(page.locator("#own .drop img")).to_be_visible()
            page.get_by_role("button", name="Add it to my history").click()
            expect(page.locator("#history li")).to_have_count(1)
            own = f"{address}/{page.locator('#history img').get_attribute('src')}"
            page.wait_for_timeout(4_000)  # three times as long as who left is remembered
            pick(page, 0, 2)
            assert httpx.get(own).status_code == 200
        for _ in range(50):
            if httpx.get(own).status_code == 404:
                break
            time.sleep(0.2)
        assert httpx.get(own).status_code == 404
