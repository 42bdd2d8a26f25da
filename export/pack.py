"""`molar export`: a trained run becomes a bundle. The manifest is written last, then the folder gets its name."""

import datetime
import importlib.metadata
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine import bundle as bundles
from molar.engine.catalog_item import CatalogItem, add_showcase, create_catalog
from molar.engine.errors import ModelError
from molar.engine.images import open_image, thumbnail_bytes
from molar.engine.int8_rows import part_of
from molar.engine.recommender import Recommender
from molar.export.config import ExportConfig
from molar.export.graphs import export_users, table_width
from molar.export.item_files import write_item_tables
from molar.export.pack_encoder import pack_item_encoder
from molar.export.pack_parts import item_parts
from molar.export.parity import check_parity
from molar.export.ranking import write_graphs
from molar.export.showcase import evaluation_rows, item_places, visitors
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, load_dataset
from molar.train.files import new_folder
from molar.train.model_files import write_tensors
from molar.train.run import check_dataset, load_run
from molar.train.split import histories, leave_one_out, targets
from molar.train.tables import picture_path

Say = Callable[[str], None]


def export_run(
    run_folder: Path,
    out: Path,
    config: ExportConfig,
    dataset_folder: Path | None = None,
    say: Say = lambda _: None,
) -> bundles.Manifest:
    """Write a bundle and prove that it answers as torch does.

    Args:
        run_folder: a run of `molar train`.
        out: the bundle to make.
        config: choices.
        dataset_folder: where the dataset is now; where it was in training if None.
        say: is told what is being done.

    Raises:
        ModelError: `out` exists; the run cannot be read; ONNX Runtime and torch disagree.
        DatasetError: the dataset, or a picture of it, cannot be read.
    """
    if out.exists():
        raise ModelError(f"{out}: exists already; choose another --out or delete it")
    model, vectors = load_run(run_folder)
    dataset = load_dataset(dataset_folder or Path(model.facts.dataset))
    check_dataset(model.facts, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(out) as folder:
        precisions = config.table_precisions(len(dataset.items))
        width, part = table_width(model), 0
        if "int8" in precisions:
            part = part_of(width)
            precisions = precisions if part else precisions[:2]
        say("item tables")
        write_item_tables(folder, vectors.tables(), part)
        say("what picture and text bring to each item")
        parts = item_parts(model, vectors, dataset, config.explain, say)
        write_tensors(folder / bundles.PARTS, parts)
        say("catalogue and thumbnails")
        catalog = folder / bundles.CATALOG
        create_catalog(catalog, catalog_items(dataset, config))
        say("map")
        places = item_places(vectors.tables()[model.modes[0]].detach().numpy(), np.bincount(dataset.rows))
        add_showcase(catalog, places, visitors(dataset, catalog))
        say("graphs")
        write_graphs(export_users(model), folder, precisions, width, bundles.padded_rows(len(dataset.items)), part)
        manifest = bundles.Manifest(
            name=config.name or dataset.folder.resolve().name,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            molar_version=importlib.metadata.version("molar"),
            items=len(dataset.items),
            dim=width,
            precisions={precision: {} for precision in precisions},
            int8_part=part,
            content_dim=parts["picture"].shape[1] if "picture" in parts else 0,
            max_history=model.config.max_history,
            modes=list(model.modes),
            training=_shown(model.config),
            evaluation=evaluation_rows(run_folder),
            parity={},
            note=config.note,
        )
        encoder_facts = None
        if config.item_encoder and model.item_encoder is not None:
            say("item encoder")
            encoder_facts = pack_item_encoder(model, dataset, folder, config, say)
        manifest = replace(manifest, item_encoder=encoder_facts)
        manifest = bundles.with_files(manifest, folder)
        known, chosen_next = _parity_histories(dataset, config.parity_histories)
        say(f"parity on {len(known)} histories")
        recommenders = {
            # What is not for this machine's device is compared on its CPU.
            precision: Recommender(folder, manifest, "auto" if precision == "fp32" else "cpu", precision)
            for precision in precisions
        }
        parity, costs = check_parity(recommenders, model, vectors, known, chosen_next)
        manifest = replace(manifest, parity=parity, precisions=costs)
        (folder / bundles.MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _shown(config: TrainConfig) -> dict[str, Any]:
    """Every choice of the run. A bundle leaves the machine, so folders have their names alone."""

    def name(folder: str) -> str:
        return Path(folder).name if Path(folder).is_absolute() else folder

    teachers = ",".join(map(name, config.teachers.split(",")))
    return asdict(config) | {"encoder": name(config.encoder), "teachers": teachers}


def catalog_items(dataset: Dataset, config: ExportConfig) -> Iterator[CatalogItem]:
    """The dataset's items as the catalogue keeps them."""
    popularity = np.bincount(dataset.rows, minlength=len(dataset.items))
    split = {name: value_splitter(dataset.items[name]) for name in dataset.attributes}
    items = dataset.items.to_dicts()

    def thumbnail(item: dict[str, str]) -> bytes | None:
        if not item["image"]:
            return None
        picture = open_image(picture_path(dataset.folder, item["image"]), item["image"])
        return thumbnail_bytes(picture, config.thumbnail_size, config.thumbnail_quality)

    with ThreadPoolExecutor() as pool:
        for row, (item, webp) in enumerate(zip(items, pool.map(thumbnail, items), strict=True)):
            yield CatalogItem(
                row=row,
                item_id=item["item_id"],
                title=item["title"],
                description=item["description"],
                popularity=int(popularity[row]),
                attributes={name: split[name](item[name]) for name in dataset.attributes if item[name]},
                thumbnail=webp,
            )


def value_splitter(column: pl.Series) -> Callable[[str], list[str]]:
    """How to read the cells of an attribute: as one value each, or as several between commas or bars.

    "Comedy, Drama" holds two genres, "Smith, Inc." is one brand. A column holds several values a cell if splitting
    leaves fewer different values than there were before, because the parts recur.
    """

    def parts(cell: str) -> list[str]:
        return list(dict.fromkeys(part.strip() for part in re.split(r", |\|", cell) if part.strip()))

    cells = set(column) - {""}
    recurring = len({part for cell in cells for part in parts(cell)}) < len(cells)
    return parts if recurring else lambda cell: [cell]


def _parity_histories(dataset: Dataset, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Real histories, and what each person chose next, -1 where that is in the history."""
    split = leave_one_out(dataset)
    known, chosen_next = histories(dataset, split, "test"), targets(dataset, split, "test")
    people = [person for person, history in enumerate(known) if len(history)]
    if not people:  # nobody has three events
        known = [dataset.rows[start:end] for start, end in zip(dataset.offsets[:-1], dataset.offsets[1:], strict=True)]
        chosen_next, people = np.full(len(known), -1), list(range(len(known)))
    chosen = [people[i] for i in np.random.default_rng(0).permutation(len(people))[:count]]
    return [known[person] for person in chosen], chosen_next[chosen]
