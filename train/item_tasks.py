"""The paper's three fine-tuning tasks as pairs: what is read, and what is to be found and written.

IT   an item's picture            -> its text
SA   an item's attributes         -> its title and description
UB   the titles of recent items   -> the next item

Dimensions: N items.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molar.engine.text import item_text
from molar.train.dataset import Dataset
from molar.train.finetune_config import FinetuneConfig
from molar.train.split import Split, training_events

TASKS = ("image_to_text", "attributes_to_text", "history_to_next")


@dataclass(frozen=True)
class ItemTexts:
    """Texts of all items.

    Attributes:
        titles: (N,).
        full: (N,) of `item_text`.
        attributes: (N,) attributes alone.
        prose: (N,) title and description alone.
    """

    titles: list[str]
    full: list[str]
    attributes: list[str]
    prose: list[str]


@dataclass(frozen=True)
class View:
    """What is shown of some items.

    Attributes:
        texts: of each.
        pictures: row of the item whose picture is shown, -1 for none.
    """

    texts: list[str]
    pictures: np.ndarray


@dataclass(frozen=True)
class Task:
    """Examples of one task.

    Attributes:
        name: of `TASKS`.
        source: what is read.
        target: what is to be found among the batch's targets.
        written: what is to be written out of the source's vector.
        rows: of the target items; two examples with the same one are not each other's negatives.
    """

    name: str
    source: View
    target: View
    written: list[str]
    rows: np.ndarray

    @property
    def views(self) -> tuple[View, ...]:
        """What the backbone reads."""
        return self.source, self.target

    @property
    def source_is_item(self) -> bool:
        """Whether the source, too, shows that item, and not a history."""
        return self.name != "history_to_next"


def item_texts(dataset: Dataset) -> ItemTexts:
    """All texts that the tasks need."""
    items = dataset.items.to_dicts()
    attributes = [{name: item[name] for name in dataset.attributes} for item in items]
    return ItemTexts(
        titles=[item_text(item["title"], {}, "") for item in items],
        full=[item_text(item["title"], of, item["description"]) for item, of in zip(items, attributes, strict=True)],
        attributes=[item_text("", of, "") for of in attributes],
        prose=[item_text(item["title"], {}, item["description"]) for item in items],
    )


def task_batches(dataset: Dataset, split: Split, texts: ItemTexts, config: FinetuneConfig) -> list[Task]:
    """All batches of a fine-tuning, the tasks mixed, the same for the same seed.

    A task that the dataset has no examples for is left out.
    """
    rng = np.random.default_rng(config.seed)
    events = _next_events(dataset, split)
    with_picture = (dataset.items["image"] != "").to_numpy()
    described = [bool(of_item) for of_item in texts.attributes]
    candidates = {
        "image_to_text": np.flatnonzero(with_picture),
        "attributes_to_text": np.flatnonzero(described),
        "history_to_next": np.unique(dataset.rows[events]),
    }
    chosen: list[tuple[str, np.ndarray]] = []
    for name in TASKS:
        count = round(getattr(config, name) * config.examples)
        if len(candidates[name]) < 2 or not count:
            continue
        # Each pass has every item once, however popular it is.
        passes = [rng.permutation(candidates[name]) for _ in range(-(-count // len(candidates[name])))]
        rows = np.concatenate(passes)[:count]
        if name == "history_to_next":
            rows = _random_event_of_each(rows, events, dataset, rng)
        chosen += [(name, rows[start : start + config.batch_size]) for start in range(0, count, config.batch_size)]
    mixed = (chosen[i] for i in rng.permutation(len(chosen)))
    return [_task(name, rows, dataset, texts, config.history_items) for name, rows in mixed]


def _random_event_of_each(
    rows: np.ndarray, events: np.ndarray, dataset: Dataset, rng: np.random.Generator
) -> np.ndarray:
    """For each row the place in `dataset.rows` of one of its events, drawn at random."""
    by_row = events[np.argsort(dataset.rows[events], kind="stable")]
    counts = np.bincount(dataset.rows[events], minlength=len(dataset.items))
    first = counts.cumsum() - counts
    return by_row[first[rows] + rng.integers(0, counts[rows])]


def _next_events(dataset: Dataset, split: Split) -> np.ndarray:
    """Places in `dataset.rows` of all training events but each user's first."""
    places, before = training_events(dataset, split)
    return places[before > 0]


def _task(name: str, examples: np.ndarray, dataset: Dataset, texts: ItemTexts, history_items: int) -> Task:
    nothing = np.full(len(examples), -1)
    if name == "image_to_text":
        full = _pick(texts.full, examples)
        return Task(name, View([""] * len(examples), examples), View(full, nothing), full, examples)
    if name == "attributes_to_text":
        prose = _pick(texts.prose, examples)
        return Task(name, View(_pick(texts.attributes, examples), nothing), View(prose, nothing), prose, examples)
    rows = dataset.rows[examples]
    starts = dataset.offsets[np.searchsorted(dataset.offsets, examples, side="right") - 1]
    histories = [
        dataset.rows[max(start, event - history_items) : event] for start, event in zip(starts, examples, strict=True)
    ]
    source = View(["Recent items: " + "; ".join(_pick(texts.titles, history)) for history in histories], nothing)
    return Task(name, source, item_view(dataset, texts, rows), _pick(texts.full, rows), rows)


def item_view(dataset: Dataset, texts: ItemTexts, rows: np.ndarray) -> View:
    """All of some items: the text, and the picture where there is one."""
    shown = (dataset.items["image"] != "").to_numpy()[rows]
    return View(_pick(texts.full, rows), np.where(shown, rows, -1))


def _pick(texts: Sequence[str], rows: np.ndarray) -> list[str]:
    return [texts[row] for row in rows]
