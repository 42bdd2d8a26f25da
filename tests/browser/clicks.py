"""What visitors do again and again."""

from playwright.sync_api import Page, expect


def titles(page: Page, where: str) -> list[str]:
    """Titles of the cards in a part of the page."""
    return page.locator(f"{where} .title").all_inner_texts()


def pick(page: Page, number: int, length: int) -> None:
    """Click a card of the catalogue and wait until the history is that long."""
    page.locator("#catalogue .pick").nth(number).click()
    expect(page.locator("#history li")).to_have_count(length)


def open_tab(page: Page, name: str) -> None:
    """Open one of the tabs."""
    page.get_by_role("tab", name=name).click()
