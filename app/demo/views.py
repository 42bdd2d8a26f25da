"""Items -> HTML. Pure functions; every text of a catalogue is escaped here, and in the modules that use this one.

An element with `data-action` is one that page.js listens to; `data-item` and `data-place` say what it is about.
"""

from collections.abc import Mapping, Sequence
from html import escape

from molar.app.demo.own_items import PREFIX
from molar.app.demo.visit import Visit
from molar.engine.catalog_item import CatalogItem
from molar.engine.explain import Explanation

MODE_LABELS = {"aligned": "Molar", "content": "Content only", "ids": "IDs only"}
SOURCE_LABELS = {"picture": "look", "text": "words", "people": "people"}
_SUBTITLE_ATTRIBUTES = ("price", "year", "brand", "category", "genres")
_CAUSES = 2


def picture(item: CatalogItem, alt: str = "", wait: bool = True) -> str:
    """The item's thumbnail above a tile with its initials, which shows where there is no picture."""
    initials = "".join(word[0] for word in item.title.split()[:2] if word).upper() or "?"
    address = f"own/{escape(item.item_id)}" if item.item_id.startswith(PREFIX) else f"thumbnails/{item.row}"
    lazy = ' loading="lazy"' if wait else ""
    return (
        f'<span class="picture"><span class="initials" aria-hidden="true">{escape(initials)}</span>'
        f'<img src="{address}" alt="{escape(alt)}"{lazy} draggable="false" onerror="this.remove()"></span>'
    )


def subtitle(item: CatalogItem) -> str:
    """A short second line: the first two attributes that a shop or a film list would show."""
    shown = [", ".join(item.attributes[name][:2]) for name in _SUBTITLE_ATTRIBUTES if name in item.attributes]
    return " · ".join(shown[:2])


def button(action: str, label: str, sign: str, item_id: str = "", place: int = -1, off: bool = False) -> str:
    """A small button with a sign and a name for who cannot see it."""
    said = f'aria-label="{escape(label)}" title="{escape(label)}"{" disabled" if off else ""}'
    about = f'data-action="{action}" data-item="{escape(item_id)}" data-place="{place}"'
    return f'<button type="button" class="small" {about} {said}>{sign}</button>'


def card(item: CatalogItem, action: str = "look", below: str = "", corner: str = "", note: str = "") -> str:
    """Picture, title and second line in a button that sends `action`; beside it one that opens the product page.

    Args:
        item: that is shown.
        action: of the large button.
        below: HTML under the texts.
        corner: HTML of more small buttons.
        note: a word on the picture.
    """
    more = button("open", f"Details: {item.title}", "i", item.item_id) if action != "open" else ""
    said = f'<span class="note">{escape(note)}</span>' if note else ""
    return (
        f'<article class="card"><button type="button" class="pick" data-action="{action}" '
        f'data-item="{escape(item.item_id)}" title="{escape(item.title)}">{picture(item)}{said}'
        f'<span class="title">{escape(item.title)}</span>'
        f'<span class="subtitle">{escape(subtitle(item))}</span></button>'
        f'<span class="corner">{more}{corner}</span>{below}</article>'
    )


def cards(shown: Sequence[str], empty: str) -> str:
    """A grid of cards, or a sentence where there are none."""
    return f'<div class="grid">{"".join(shown)}</div>' if shown else f'<p class="empty">{escape(empty)}</p>'


def recommended(item: CatalogItem, why: Explanation, history: Mapping[str, CatalogItem]) -> str:
    """A card with what speaks for the item, and a button to set it aside."""
    aside = button("aside", f"Not for me: {item.title}", "&times;", item.item_id)
    causes = sorted((loss, item_id) for item_id, loss in why.history if loss > 0 and item_id in history)
    strongest = [history[item_id] for _, item_id in reversed(causes)][:_CAUSES]
    because = "".join(picture(cause, f"because of {cause.title}") for cause in strongest)
    return card(
        item, below=f'<div class="why">{bars(why.sources)}<span class="causes">{because}</span></div>', corner=aside
    )


def bars(sources: Mapping[str, float]) -> str:
    """How much of what speaks for an item is look, words and people, as one bar."""
    total = sum(value for value in sources.values() if value > 0)
    if total <= 0:
        return '<span class="bars"></span>'
    shares = {name: round(100 * max(value, 0) / total) for name, value in sources.items()}
    words = ", ".join(f"{share}% {SOURCE_LABELS[name]}" for name, share in shares.items())
    parts = "".join(f'<i class="{name}" style="flex-grow:{share}"></i>' for name, share in shares.items() if share)
    return f'<span class="bars" role="img" aria-label="{words}" title="{words}">{parts}</span>'


def legend() -> str:
    """What the colours of the bars are."""
    shown = "".join(f'<span><i class="{name}"></i>{label}</span>' for name, label in SOURCE_LABELS.items())
    return (
        f'<p class="legend" title="What speaks for an item: its picture, what is said of it, who chose it">{shown}</p>'
    )


def history_strip(items: Sequence[CatalogItem], whole: int = 0) -> str:
    """The browsing history in order, each item with buttons to move and remove it; the steps of one that is replayed.

    Args:
        items: that are shown.
        whole: length of the history that is replayed; 0 if none is.
    """
    if not items:
        return '<p class="empty">Nothing yet. Pick something that you like, or start as somebody else.</p>'
    last = len(items) - 1
    cells = []
    for place, item in enumerate(items):
        moves = (
            button("earlier", f"Move {item.title} earlier", "&lsaquo;", item.item_id, place, place == 0)
            + button("remove", f"Remove {item.title}", "&times;", item.item_id, place)
            + button("later", f"Move {item.title} later", "&rsaquo;", item.item_id, place, place == last)
        )
        cells.append(
            f'<li draggable="true" data-place="{place}"><span class="order">{place + 1}</span>'
            f'{picture(item, wait=False)}<span class="title">{escape(item.title)}</span>'
            f'<span class="buttons">{moves}</span></li>'
        )
    steps = ""
    if whole:
        steps = (
            f'<p class="steps">{button("step", "One step back", "&lsaquo;", place=-1, off=len(items) == 1)}'
            f"<span>Step {len(items)} of {whole}</span>"
            f"{button('step', 'One step on', '&rsaquo;', place=1, off=len(items) == whole)}"
            '<button type="button" class="chip" data-action="end">Show it whole</button></p>'
        )
    return f'{steps}<ol class="strip">{"".join(cells)}</ol>'


def history_tools(visit: Visit) -> str:
    """The heading of the history, and what can be done with it as a whole."""
    undo = f'<button type="button" class="chip" data-action="undo"{"" if visit.can_undo else " disabled"}>Undo</button>'
    clear = (
        f'<button type="button" class="chip" data-action="clear"{"" if visit.history else " disabled"}>Clear</button>'
    )
    return f'<div class="tools"><h2 class="section">Your browsing history</h2>{undo}{clear}</div>'


def starts(visitors: Sequence[str]) -> str:
    """Whom one can start as."""
    chips = "".join(
        f'<button type="button" class="chip" data-action="start" data-place="{i}">{escape(name)}</button>'
        for i, name in enumerate(visitors)
    )
    surprise = '<button type="button" class="chip" data-action="surprise">Surprise me</button>'
    return (
        f'<p class="starts"><span>Start as</span>{chips}{surprise}</p>'
        if chips
        else f'<p class="starts">{surprise}</p>'
    )


def header(name: str, items: int, device: str) -> str:
    """The page's title and what it shows."""
    where = "GPU" if device == "cuda" else "CPU"
    return (
        f'<div class="brand"><h1>{escape(name)}</h1><span class="badge {device}">{where}</span></div>'
        f"<p>{items:,} items, recommended live by <b>Molar</b>. Pick what you like, and see what follows from it.</p>"
    )


def status(milliseconds: float, items: int) -> str:
    """How long the last recommendation took."""
    return f'<p class="status" role="status" title="to rank {items:,} items">{milliseconds:.1f} ms</p>'
