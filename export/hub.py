"""A bundle as a folder for the Hugging Face hub: the bundle itself and a model card with what was measured."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog
from molar.engine.errors import ModelError
from molar.train.files import new_folder

_CARD = """---
library_name: molar
pipeline_tag: other
tags:
- recommendation
- sequential-recommendation
- multimodal
- onnx
---

# {name}

A multimodal sequential recommender, made by Molar {version} after [Molar](https://arxiv.org/abs/2412.18176): {items}
items by picture, text and attributes, and who chose what, in one ONNX graph. It reads a history of up to {max_history}
items and ranks all others.

```python
from huggingface_hub import snapshot_download
from molar.engine import Recommender

recommender = Recommender.load(snapshot_download("{repository}"))
recommender.recommend(["{first}", "{second}"], k=10)  # item ids, oldest first
```

`pip install molar`, or `pip install 'molar[cuda]'` for a GPU. `molar demo --bundle FOLDER` shows it in a browser.

## Measured

{evaluation}

ONNX Runtime beside torch, on {histories} real histories:

| item tables | of torch's ten found | Recall@10 |
|---|---|---|
{precisions}

## Trained with

```json
{training}
```

{reader}The pictures in catalog.db are thumbnails of the catalogue's own; see that you may share them before you push.

```
hf upload {repository} {folder} .
```
"""

_ATTRIBUTES = "".join(f"{name} filter=lfs diff=lfs merge=lfs -text\n" for name in ("*.onnx", "*.safetensors", "*.db"))


def write_hub(bundle: Path, out: Path, repository: str = "") -> None:
    """Write the folder.

    Args:
        bundle: of `molar export`.
        out: new folder.
        repository: owner/name on the hub, for the card's examples; from the bundle's name if empty.

    Raises:
        BundleError: the bundle cannot be opened.
        ModelError: `out` exists.
    """
    manifest = bundles.open_bundle(bundle)
    if out.exists():
        raise ModelError(f"{out}: exists already; choose another --out or delete it")
    with new_folder(out) as folder:
        for name in (*manifest.files, bundles.MANIFEST):
            shutil.copyfile(bundle / name, folder / name)
        (folder / ".gitattributes").write_text(_ATTRIBUTES)
        ids = Catalog(bundle / bundles.CATALOG).item_ids[:2]
        card = _CARD.format(
            name=manifest.name,
            version=manifest.molar_version,
            items=f"{manifest.items:,}",
            max_history=manifest.max_history,
            repository=repository or f"YOUR-NAME/{''.join(c if c.isalnum() else '-' for c in manifest.name.lower())}",
            folder=out.name,
            first=ids[0],
            second=ids[-1],
            evaluation=_evaluation_table(manifest.evaluation),
            histories=f"{manifest.parity.get('histories', 0):,}",
            precisions="\n".join(
                f"| {name} | {costs['overlap@10']:.4f} | {costs['recall@10']:.4f} |"
                for name, costs in manifest.precisions.items()
            ),
            training=json.dumps(manifest.training, indent=2),
            reader="It reads new items too: `recommender.add_item`.\n\n" if manifest.item_encoder else "",
        )
        (folder / "README.md").write_text(card, encoding="utf-8")


def _evaluation_table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "Not evaluated: run `molar evaluate` before the export."
    lines = ["Leave-one-out, test part, full ranking, seen items removed:", ""]
    lines += ["| model | Recall@10 | NDCG@10 |", "|---|---|---|"]
    return "\n".join([*lines, *map(_evaluation_row, rows)])


def _evaluation_row(row: Mapping[str, Any]) -> str:
    return f"| {row['model']} | {row['recall@10']:.4f} | {row['ndcg@10']:.4f} |"
