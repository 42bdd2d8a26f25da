"""Whether the embedded shop knows a product that it has never seen: of which kind are its ten nearest products?

python -m molar.assets.studio.understanding --out assets/benchmarks/showroom-new-items.json
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np

from molar.assets.studio.pictures import picture_of
from molar.assets.studio.products import SEED, Product, make_held_out
from molar.engine.item_encoder import NewItem
from molar.engine.recommender import Recommender

NEIGHBOURS = 10
VIEWS = ("picture and title", "picture", "title")


def new_item_rows(recommender: Recommender, products: list[Product]) -> list[dict[str, Any]]:
    """One row a view of what is shown of a new product.

    Args:
        recommender: of the shop's bundle.
        products: that it has never seen.

    Returns:
        `kind_leads`: share of products whose kind more of their nearest neighbours have than any other kind;
        `same_kind` and `same_style`: mean share of neighbours that have theirs.
    """
    catalog = recommender.catalog
    known = catalog.items(range(recommender.manifest.items))
    kinds = [item.attributes["category"][0] for item in known]
    styles = [item.attributes["style"][0] for item in known]
    table = recommender.vectors("content")[:, : recommender.manifest.content_dim]
    rows = []
    for view in VIEWS:
        items = [
            NewItem(
                title=product.title if "title" in view else "",
                image=picture_of(product) if "picture" in view else None,
            )
            for product in products
        ]
        vectors = recommender.embed(items)
        nearest = np.argsort(-_cosine(vectors, table), axis=1)[:, :NEIGHBOURS]
        leads, same_kind, same_style = [], [], []
        for product, line in zip(products, nearest.tolist(), strict=True):
            counts = Counter(kinds[row] for row in line)
            most = counts.most_common(2)
            alone = len(most) == 1 or most[0][1] > most[1][1]
            leads.append(most[0][0] == product.category and alone)
            same_kind.append(counts[product.category] / NEIGHBOURS)
            same_style.append(sum(styles[row] == product.style for row in line) / NEIGHBOURS)
        rows.append({
            "view": view, "products": len(products), "neighbours": NEIGHBOURS,
            "kind_leads": round(float(np.mean(leads)), 4), "same_kind": round(float(np.mean(same_kind)), 4),
            "same_style": round(float(np.mean(same_style)), 4),
        })  # fmt: skip
    return rows


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), default=Path(__file__).parents[1] / "showroom")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures here, as JSON.")
def main(bundle: Path, out: Path | None) -> None:
    """Show the shop 40 products that it has never seen."""
    found = {"bundle": "Hearth & Home", "rows": new_item_rows(Recommender.load(bundle, "cpu"), make_held_out(SEED))}
    text = json.dumps(found, indent=2) + "\n"
    click.echo(text, nl=False)
    if out:
        out.write_text(text)


if __name__ == "__main__":
    main()
