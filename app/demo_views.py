"""Items and scores -> HTML. Pure functions; every text of a catalogue is escaped here."""

from collections.abc import Sequence
from html import escape

from molar.engine.catalog_item import CatalogItem

MODE_LABELS = {"aligned": "Molar (aligned)", "content": "Content only", "ids": "IDs only"}
_SUBTITLE_ATTRIBUTES = ("price", "year", "brand", "category", "genres")


def picture(item: CatalogItem) -> str:
    """The item's thumbnail above a tile with its initials, which shows where there is no picture."""
    initials = "".join(word[0] for word in item.title.split()[:2] if word).upper() or "?"
    return (
        f'<span class="picture"><span class="initials" aria-hidden="true">{escape(initials)}</span>'
        f'<img src="thumbnails/{item.row}" alt="" loading="lazy" onerror="this.remove()"></span>'
    )


def subtitle(item: CatalogItem) -> str:
    """A short second line: the first two attributes that a shop or a film list would show."""
    shown = [", ".join(item.attributes[name][:2]) for name in _SUBTITLE_ATTRIBUTES if name in item.attributes]
    return " · ".join(shown[:2])


def card(item: CatalogItem, action: str, place: int = 0) -> str:
    """A button with picture, title and second line; clicking it sends `action` and the item's row."""
    return (
        f'<button type="button" class="card" data-action="{escape(action)}" data-row="{item.row}" data-place="{place}" '
        f'title="{escape(item.title)}">{picture(item)}'
        f'<span class="title">{escape(item.title)}</span>'
        f'<span class="subtitle">{escape(subtitle(item))}</span></button>'
    )


def cards(items: Sequence[CatalogItem], empty: str) -> str:
    """A grid of cards that add to the history, or a sentence where there are none."""
    if not items:
        return f'<p class="empty">{escape(empty)}</p>'
    return f'<div class="grid">{"".join(card(item, "add", i) for i, item in enumerate(items))}</div>'


def history_strip(items: Sequence[CatalogItem]) -> str:
    """The browsing history in order, each item with buttons to move and remove it."""
    if not items:
        return '<p class="empty">Nothing yet. Pick something below that you like.</p>'
    cells = []
    for place, item in enumerate(items):
        buttons = [
            _strip_button("earlier", place, "&lsaquo;", f"Move {item.title} earlier", place == 0),
            _strip_button("remove", place, "&times;", f"Remove {item.title}", False),
            _strip_button("later", place, "&rsaquo;", f"Move {item.title} later", place == len(items) - 1),
        ]
        cells.append(
            f'<li><span class="order">{place + 1}</span>{picture(item)}'
            f'<span class="title">{escape(item.title)}</span><span class="buttons">{"".join(buttons)}</span></li>'
        )
    return f'<ol class="strip">{"".join(cells)}</ol>'


def header(name: str, items: int) -> str:
    """The page's title and what it shows."""
    return (
        f"<h1>Molar <span>{escape(name)}</span></h1>"
        f"<p>Browse {items:,} items. Every pick changes the recommendations at once.</p>"
    )


def status_line(device: str, items: int, milliseconds: float | None) -> str:
    """Where the graph runs and how long the last recommendation took."""
    where = "GPU (CUDA)" if device == "cuda" else "CPU"
    took = "ready" if milliseconds is None else f"{milliseconds:.1f} ms for {items:,} items"
    return f'<p class="status" role="status"><span class="badge">{where}</span> {took}</p>'


def _strip_button(action: str, place: int, sign: str, label: str, disabled: bool) -> str:
    off = " disabled" if disabled else ""
    return (
        f'<button type="button" data-action="{action}" data-row="-1" data-place="{place}" aria-label="{escape(label)}"'
        f"{off}>{sign}</button>"
    )
