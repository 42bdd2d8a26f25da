"""Rebuilds the embedded showroom: draw the products, simulate shoppers, train, export. `make showroom` calls it.

python -m molar.assets.studio --out assets/showroom
"""

import csv
import tempfile
from pathlib import Path

import click
import numpy as np

from molar.assets.studio.products import make_products
from molar.assets.studio.shoppers import make_histories
from molar.export.config import ExportConfig
from molar.export.pack import export_run
from molar.train.config import preset
from molar.train.evaluate import evaluate
from molar.train.fit import train


def write_dataset(folder: Path, people: int, seed: int) -> None:
    """The drawn shop as a dataset folder."""
    rng = np.random.default_rng(seed)
    products = make_products(rng)
    (folder / "images").mkdir(parents=True)
    with (folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["item_id", "title", "description", "image", "category", "style", "price", "color", "material", "brand"]
        )
        for product in products:
            image = f"images/{product.item_id}.webp"
            product.draw(rng).save(folder / image, quality=90)
            words = [product.item_id, product.title, product.description, image, product.kind, product.style]
            writer.writerow([*words, f"€{product.price}", product.color, product.material, product.brand])
    with (folder / "interactions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "timestamp"])
        for person, history in enumerate(make_histories(products, people, rng)):
            writer.writerows([person, products[row].item_id, time] for time, row in enumerate(history))


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Bundle to make.")
@click.option("--people", default=6000, show_default=True, help="Simulated shoppers.")
@click.option("--seed", default=0, show_default=True)
def main(out: Path, people: int, seed: int) -> None:
    """Draw, simulate, train, evaluate, export."""
    with tempfile.TemporaryDirectory() as temporary:
        dataset, run = Path(temporary) / "hearth-and-home", Path(temporary) / "run"
        write_dataset(dataset, people, seed)
        train(dataset, run, preset("small", seed=seed))
        for row in evaluate(run)["rows"]:
            if row["seen_removed"]:
                click.echo(f"{row['model']:<14} recall@10 {row['recall@10']:.4f}  ndcg@10 {row['ndcg@10']:.4f}")
        # The towers as a graph are 26 MB, nine times the rest, and the demo does not read new items yet.
        export_run(run, out, ExportConfig(name="Hearth & Home", thumbnail_size=400, item_encoder=False), dataset)


if __name__ == "__main__":
    main()
