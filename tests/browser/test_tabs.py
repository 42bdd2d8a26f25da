"""The demo as a visitor meets it: reasons, comparison, map, engine, and kept visits."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clicks import open_tab, pick, titles

pytestmark = pytest.mark.browser


# 4. Why


def test_every_recommendation_says_why(page: Page) -> None:
    pick(page, 3, 1)
    pick(page, 8, 2)
    bars = page.locator("#recommendations .bars")
    expect(bars).to_have_count(12)
    for said in bars.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))"):
        assert re.fullmatch(r"\d+% look, \d+% words, \d+% people", said)
    known = set(page.locator("#history .title").all_inner_texts())
    causes = page.locator("#recommendations .causes img").evaluate_all("all => all.map(one => one.alt)")
    assert causes
    assert {cause.removeprefix("because of ") for cause in causes} <= known


def test_what_is_not_for_me_goes_and_the_list_reacts(page: Page) -> None:
    pick(page, 3, 1)
    before = titles(page, "#recommendations")
    card = page.locator("#recommendations .card").first
    card.hover()
    card.locator("[data-action=aside]").click()
    expect(page.locator("#recommendations .title").first).to_have_text(before[1])
    assert titles(page, "#recommendations")[:11] == before[1:]


# 5. Compare


def test_ways_of_ranking_side_by_side(page: Page) -> None:
    open_tab(page, "Compare")
    expect(page.locator("#compare .empty")).to_contain_text("Pick something first")
    page.get_by_role("button", name="A corner to read in").click()
    expect(page.locator("#compare h3")).to_have_text(["Molar", "Content only", "IDs only", "Popular with all"])
    first = page.locator("#compare section").first.locator(".title").all_inner_texts()
    assert first == titles(page, "#recommendations")[:6]
    expect(page.locator("#compare .note").first).to_have_text("only here")
    expect(page.locator("#compare .bar")).to_have_count(4)
    expect(page.locator("#compare figcaption")).to_contain_text("The people are simulated.")


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


# 6. Map


def test_the_map_shows_the_path_and_adds_what_is_clicked(page: Page) -> None:
    page.get_by_role("button", name="Moving into a first flat").click()
    expect(page.locator("#history li")).to_have_count(5)
    open_tab(page, "Map")
    expect(page.locator("#points circle")).to_have_count(728)
    expect(page.locator("#overlay .step")).to_have_count(5)
    expect(page.locator("#overlay .next")).to_have_count(12)
    expect(page.locator("#overlay .person")).to_have_count(1)
    expect(page.locator("#points .legend span")).to_have_count(7)  # styles, which its neighbours share most
    dot = page.locator("#points circle").nth(40)
    dot.hover(force=True)
    expect(page.locator("#points .tip")).to_be_visible()
    dot.click(force=True)
    expect(page.locator("#overlay .step")).to_have_count(6)
    page.locator("#color").get_by_label("category").click()
    expect(page.locator("#points .legend span")).to_have_count(28)


# 7. Engine panel


def test_the_engine_panel_tells_and_works(page: Page) -> None:
    pick(page, 0, 1)
    expect(page.locator("#heading .status")).to_have_text(re.compile(r"\d+\.\d ms"))
    open_tab(page, "Engine")
    expect(page.locator("#engine")).to_contain_text("CPU, ONNX Runtime")
    expect(page.locator("#engine .calls")).to_contain_text(re.compile(r"of \d+ recommendations of this visit"))
    page.locator("#begin-load").click()
    expect(page.locator("#load")).to_contain_text(re.compile(r"600 of 600 answered.* p95 \d+\.\d ms"), timeout=60_000)


# 8. Sessions


def test_visits_are_kept_renamed_reopened_and_deleted(page: Page) -> None:
    page.get_by_role("button", name="A corner to read in").click()
    expect(page.locator("#history li")).to_have_count(4)
    kept = titles(page, "#history")
    open_tab(page, "Visits")
    page.locator("#visits .now input[type=text]").fill("My corner")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#visits li input")).to_have_value("My corner")
    page.locator("#visits li input").fill("Another name")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#history li")).to_have_count(0)
    page.reload()  # it is still there for this browser
    open_tab(page, "Visits")
    expect(page.locator("#visits li input")).to_have_value("Another name")
    page.locator("#visits li").get_by_role("button", name="Open").click()
    expect(page.locator("#history li")).to_have_count(4)
    assert titles(page, "#history") == kept
    page.get_by_role("button", name="Delete Another name").click()
    expect(page.locator("#visits li")).to_have_count(0)


def test_a_visit_is_shared_by_link_and_by_file(
    page: Page, visiting: Callable[..., AbstractContextManager], tmp_path: Path
) -> None:
    pick(page, 4, 1)
    pick(page, 11, 2)
    kept = titles(page, "#history")
    open_tab(page, "Visits")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "visit.json")
    assert len(json.loads((tmp_path / "visit.json").read_text())["history"]) == 2
    page.get_by_role("button", name="Keep it").click()
    link = page.locator("#visits li").get_by_role("link", name="Link").get_attribute("href")
    assert link
    with visiting(path="/" + link) as other:
        expect(other.locator("#history li")).to_have_count(2)
        assert titles(other, "#history") == kept
        open_tab(other, "Visits")
        expect(other.locator("#visits li")).to_have_count(0)  # what others keep is not listed
        other.get_by_role("button", name="Clear", exact=True).click()
        expect(other.get_by_role("button", name="Keep it")).to_be_disabled()
        other.locator("#visits input[type=file]").set_input_files(tmp_path / "visit.json")
        expect(other.locator("#history li")).to_have_count(2)
        expect(other.get_by_role("button", name="Keep it")).to_be_enabled()  # the part with the input is there anew
        (tmp_path / "visit.json").write_text('{"history": ["../../etc/passwd"]}')
        other.locator("#visits input[type=file]").set_input_files(tmp_path / "visit.json")
        expect(other.get_by_text("not a visit that Molar has written").first).to_be_visible()


def test_a_visit_is_replayed_step_by_step(page: Page) -> None:
    page.get_by_role("button", name="A corner to read in").click()
    expect(page.locator("#history li")).to_have_count(4)
    open_tab(page, "Visits")
    page.get_by_role("button", name="Replay step by step").click()
    expect(page.locator("#history .steps")).to_contain_text("Step 1 of 4")
    first = titles(page, "#recommendations")
    page.get_by_role("button", name="One step on").click()
    expect(page.locator("#history .steps")).to_contain_text("Step 2 of 4")
    expect(page.locator("#recommendations .title")).not_to_have_text(first)
    page.get_by_role("button", name="Show it whole").click()
    expect(page.locator("#history li")).to_have_count(4)
    expect(page.locator("#history .steps")).to_have_count(0)


def test_visitors_do_not_see_each_others_histories(page: Page, visiting: Callable[..., AbstractContextManager]) -> None:
    pick(page, 0, 1)
    with visiting() as other:
        expect(other.locator("#history li")).to_have_count(0)
        pick(other, 4, 1)
        pick(page, 7, 2)
        expect(other.locator("#history li")).to_have_count(1)


def test_pictures_are_shown(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('#recommendations img')].filter(i => i.naturalWidth > 0).length === 12"
    )
