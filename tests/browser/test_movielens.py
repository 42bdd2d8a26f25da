"""The demo on another catalogue: films with upright posters, ranked by people alone."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from molar.export.config import ExportConfig
from molar.export.pack import export_run
from molar.train.config import WITHOUT_CONTENT, preset
from molar.train.fit import train
from tests.browser.clicks import open_tab, pick, titles

pytestmark = pytest.mark.browser

PEOPLE = 100


@pytest.fixture(scope="module")
def films(
    movielens: Path, served: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The demo on the films of a few people, trained for an epoch without pictures and texts."""
    folder = tmp_path_factory.mktemp("films")
    events = pl.read_parquet(movielens / "interactions.parquet")
    events = events.filter(pl.col("user_id").is_in(events["user_id"].unique(maintain_order=True)[:PEOPLE].implode()))
    items = pl.read_csv(movielens / "items.csv", infer_schema=False)
    items = items.filter(pl.col("item_id").is_in(events["item_id"].cast(pl.String).unique().implode()))
    dataset = folder / "dataset"
    (dataset / "images").mkdir(parents=True)
    for name in items["image"].drop_nulls():
        shutil.copyfile(movielens / name, dataset / name)
    items.write_csv(dataset / "items.csv")
    events.write_parquet(dataset / "interactions.parquet")
    train(dataset, folder / "run", preset("tiny", epochs=1, **WITHOUT_CONTENT), "cpu")
    export_run(folder / "run", folder / "bundle", ExportConfig(name="Films", parity_histories=64))
    with served(folder / "bundle", folder / "home") as address:
        yield address


@pytest.fixture
def page(visiting: Callable[..., AbstractContextManager[Page]], films: str) -> Iterator[Page]:
    with visiting(url=films) as page:
        yield page


def test_posters_are_upright_and_films_have_years(page: Page) -> None:
    box = page.locator("#catalogue .picture").first.bounding_box()
    assert box
    assert box["height"] > 1.2 * box["width"]
    expect(page.locator("#catalogue .subtitle").first).to_contain_text("19")
    page.locator("#search textarea, #search input").first.fill("godfahter")
    expect(page.locator("#catalogue .title").first).to_contain_text("Godfather")


def test_what_the_bundle_lacks_is_not_offered(page: Page) -> None:
    pick(page, 0, 1)
    expect(page.locator("#heading")).to_contain_text("Recommended for you")
    expect(page.locator("#own")).to_have_count(0)  # it cannot read new items
    expect(page.locator("#mode")).to_be_hidden()  # there is one way of ranking
    for said in page.locator("#recommendations .bars").evaluate_all("all => all.map(one => one.ariaLabel)"):
        assert said in ("100% people", None)
    before = titles(page, "#recommendations")
    pick(page, 5, 2)
    expect(page.locator("#recommendations .title")).not_to_have_text(before)


def test_every_tab_opens(page: Page) -> None:
    page.locator("#history [data-action=start]").first.click()
    expect(page.locator("#history li")).to_have_count(4)
    open_tab(page, "Compare")
    expect(page.locator("#compare h3")).to_have_text(["IDs only", "Popular with all"])
    open_tab(page, "Map")
    expect(page.locator("#overlay .step")).to_have_count(4)
    open_tab(page, "Engine")
    expect(page.locator("#engine")).to_contain_text("none: this bundle cannot read new items")
    open_tab(page, "Visits")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#visits li")).to_have_count(1)
    open_tab(page, "Shop")
    card = page.locator("#catalogue .card").nth(2)
    card.hover()
    card.locator("[data-action=open]").click()
    expect(page.get_by_role("dialog").get_by_text("Chosen by the same people")).to_be_visible()
