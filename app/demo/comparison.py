"""The same history through every way of ranking, side by side, and how good each is offline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from molar.app.demo import views
from molar.engine import Recommender
from molar.engine.catalog_item import CatalogItem

SHOWN = 6
POPULARITY = "popularity"
_OFFLINE = {
    "aligned": "Molar",
    "content": "content only",
    POPULARITY: POPULARITY,
}  # names in the table; else the ID model


def comparison(recommender: Recommender, history: Sequence[str], aside: Sequence[str]) -> str:
    """A column a way of ranking, with what no other one has marked, above a chart of the offline results."""
    if not history:
        return '<p class="empty">Pick something first: this compares what follows from your history.</p>'
    lists: dict[str, list[CatalogItem]] = {}
    for mode in recommender.modes:
        found = recommender.recommend(history, SHOWN, mode=mode, exclude=aside)
        lists[mode] = recommender.catalog.items([each.row for each in found])
    left_out = {*history, *aside}
    popular = recommender.catalog.items(recommender.catalog.search(limit=SHOWN + len(left_out)))
    lists[POPULARITY] = [item for item in popular if item.item_id not in left_out][:SHOWN]
    times = Counter(item.row for items in lists.values() for item in items)
    columns = "".join(
        f"<section><h3>{escape(_label(mode))}</h3>"
        + views.cards(
            [views.card(item, note="only here" if times[item.row] == 1 and len(lists) > 1 else "") for item in items],
            "Nothing is left.",
        )
        + "</section>"
        for mode, items in lists.items()
    )
    return f'<div class="columns">{columns}</div>{offline_chart(recommender)}'


def offline_chart(recommender: Recommender) -> str:
    """Recall@10 of each way of ranking on the test events, with 95% intervals; nothing where it was not evaluated."""
    manifest = recommender.manifest
    rows = {str(row["model"]): row for row in manifest.evaluation if "recall@10_low" in row}
    others = [name for name in rows if name not in _OFFLINE.values()]
    shown = []
    for mode in [*recommender.modes, POPULARITY]:
        name = _OFFLINE.get(mode, others[0] if others else "")
        if name in rows:
            shown.append((_label(mode), rows[name]))
    if not shown:
        return ""
    most = max(row["recall@10_high"] for _, row in shown)
    lines = "".join(_bar(label, row, most) for label, row in shown)
    return (
        '<figure class="offline"><figcaption><b>Recall@10 on what people chose next</b>, which no training saw; '
        f"lines are 95% intervals over people. {escape(manifest.note)}</figcaption>{lines}</figure>"
    )


def _bar(label: str, row: Mapping[str, Any], most: float) -> str:
    value, low, high = (100 * row[name] / most for name in ("recall@10", "recall@10_low", "recall@10_high"))
    said = f"{label}: {row['recall@10']:.3f}, from {row['recall@10_low']:.3f} to {row['recall@10_high']:.3f}"
    return (
        f'<div class="bar" role="img" aria-label="{escape(said)}" title="{escape(said)}"><span>{escape(label)}</span>'
        f'<span class="track"><i style="width:{value:.1f}%"></i>'
        f'<b style="left:{low:.1f}%;width:{high - low:.1f}%"></b></span><span>{row["recall@10"]:.3f}</span></div>'
    )


def _label(mode: str) -> str:
    return "Popular with all" if mode == POPULARITY else views.MODE_LABELS.get(mode, mode)
