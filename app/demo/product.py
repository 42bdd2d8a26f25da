"""The product page: a dialog over whatever else is shown."""

from html import escape

from molar.app.demo import views
from molar.engine import Recommender
from molar.engine.catalog_item import CatalogItem

_ALIKE = 6
_TITLES = {"picture": "Similar in look", "text": "Similar in words", "people": "Chosen by the same people"}


def product_page(recommender: Recommender, item: CatalogItem) -> str:
    """Large picture, texts, attributes, and what is like it in each way that the bundle tells apart."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(_spoken(name))}</th><td>{escape(', '.join(values))}</td></tr>"
        for name, values in item.attributes.items()
    )
    item_id = escape(item.item_id)
    return (
        f'<dialog class="product" aria-label="{escape(item.title)}"><form method="dialog">'
        '<button class="small close" aria-label="Close" title="Close">&times;</button></form>'
        f'<div class="about">{views.picture(item, item.title, wait=False)}<div><h2>{escape(item.title)}</h2>'
        f'<p class="description">{escape(item.description)}</p><table>{rows}</table>'
        f'<p class="choices"><button type="button" class="solid" data-action="look" data-item="{item_id}">'
        "Add to my history</button>"
        f'<button type="button" class="chip" data-action="aside" data-item="{item_id}">Not for me</button></p>'
        f"</div></div>{_alike(recommender, item)}</dialog>"
    )


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _alike(recommender: Recommender, item: CatalogItem) -> str:
    shown = ""
    for source, near in recommender.similar(item.item_id, _ALIKE).items():
        items = recommender.catalog.items([each.row for each in near])
        if items:
            shown += f"<h3>{_TITLES[source]}</h3>{views.cards([views.card(each, 'open') for each in items], '')}"
    return shown
