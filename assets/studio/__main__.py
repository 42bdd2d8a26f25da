"""Rebuilds the embedded shop from its pictures: simulate shoppers, fine-tune, train, evaluate, export. `make showroom`.

python -m molar.assets.studio --out assets/showroom
"""

import csv
import json
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import numpy as np

from molar.assets.studio.pictures import picture_of
from molar.assets.studio.products import SEED, Product, make_products
from molar.assets.studio.shoppers import Simulation, simulate
from molar.export.config import ExportConfig
from molar.export.pack import export_run
from molar.export.showcase import VISITORS
from molar.train.comparison import bootstrap, per_user, read_ranks
from molar.train.config import preset
from molar.train.device import machine
from molar.train.evaluate import column_name, evaluate
from molar.train.finetune_config import FinetuneConfig
from molar.train.fit import train
from molar.train.item_finetuning import finetune

NAME = "Hearth & Home"
NOTE = "The people are simulated."
K = 10
_VISITORS = {
    "Moving into a first flat": ("Scandinavian", ("mug", "kettle", "lamp", "shelf", "rug")),
    "A corner to read in": ("Mid-century", ("armchair", "cushion", "print", "speaker")),
    "Tea, the Japanese way": ("Japandi", ("teapot", "tray", "bowl", "candle")),
}  # name -> style, kinds in browsing order


def write_dataset(folder: Path, products: list[Product], simulation: Simulation, seed: int = SEED) -> None:
    """The shop as a dataset folder; people start on different days and look at a product a minute."""
    (folder / "images").mkdir(parents=True)
    with (folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["item_id", "title", "description", "image", "category", "style", "price", "color", "material", "brand"]
        )
        for product in products:
            image = f"images/{product.item_id}.webp"
            shutil.copyfile(picture_of(product), folder / image)
            words = [product.item_id, product.title, product.description, image, product.category, product.style]
            writer.writerow([*words, f"€{product.price}", product.color, product.material, product.brand])
    with (folder / VISITORS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["visitor", "item_id"])
        for name, (style, kinds) in _VISITORS.items():
            suits = {product.design.kind: product.item_id for product in products if product.style == style}
            writer.writerows([name, suits[kind]] for kind in kinds if kind in suits)
    starts = np.random.default_rng([seed, 11]).integers(1_750_000_000, 1_781_000_000, len(simulation.histories))
    with (folder / "interactions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "timestamp"])
        for person, (history, start) in enumerate(zip(simulation.histories, starts.tolist(), strict=True)):
            writer.writerows([person, products[row].item_id, start + 60 * step] for step, row in enumerate(history))


def evaluation_table(run: Path, simulation: Simulation) -> dict[str, Any]:
    """The test table with the oracle's row, and how far Molar is ahead of each other model (paired bootstrap)."""
    models = [row["model"] for row in evaluate(run)["rows"] if row["seen_removed"]]
    metrics = {model: per_user(read_ranks(run, column_name(model))["rank"].to_numpy(), K) for model in models}
    rows: list[dict[str, Any]] = []
    for model, of_people in [*metrics.items(), ("oracle", per_user(simulation.oracle, K))]:
        row: dict[str, Any] = {"model": model}
        for metric, values in of_people.items():
            row[metric] = round(float(values.mean()), 6)
            if model not in ("Molar", "oracle"):
                ahead = bootstrap(metrics["Molar"][metric] - values)
                row |= {f"molar_{metric}_{name}": value for name, value in ahead.items()}
        rows.append(row)
    return {"people": len(simulation.histories), "people_are": "simulated", "machine": machine(), "rows": rows}


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Bundle to make.")
@click.option("--figures", type=click.Path(path_type=Path), help="Write the test table here, as JSON.")
@click.option("--people", default=20_000, show_default=True, help="Simulated shoppers.")
@click.option("--work", type=click.Path(path_type=Path), help="Keep the dataset, the encoder and the run here.")
def main(out: Path, figures: Path | None, people: int, work: Path | None) -> None:
    """Simulate, fine-tune, train, evaluate, export."""
    with tempfile.TemporaryDirectory() if work is None else nullcontext(str(work)) as kept:
        dataset, encoder, run = (Path(kept) / name for name in ("hearth-and-home", "encoder", "run"))
        products = make_products(SEED)
        simulation = simulate(products, people, SEED)
        if not dataset.exists():
            write_dataset(dataset, products, simulation)
        if not encoder.exists():
            finetune(
                dataset, encoder, FinetuneConfig(backbone="compact", text_tokens=96, examples=2_000, learning_rate=1e-3)
            )
        if not run.exists():
            train(dataset, run, preset("small", encoder=str(encoder)))
        found = evaluation_table(run, simulation)
        text = json.dumps(found, indent=2) + "\n"
        click.echo(text, nl=False)
        if figures:
            figures.write_text(text)
        export_run(run, out, ExportConfig(name=NAME, note=NOTE, thumbnail_size=384), dataset)


if __name__ == "__main__":
    main()
