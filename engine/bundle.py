"""The bundle: what export leaves and the engine opens. This module owns its contract; export writes through it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine.errors import BundleError

FORMAT_VERSION = 2

GRAPH = "recommender.onnx"
TABLES = "items.safetensors"
CATALOG = "catalog.db"
MANIFEST = "manifest.json"
FILES = (GRAPH, TABLES, CATALOG)

ITEM_ENCODER = "item_encoder.onnx"
TOKENIZER = "tokenizer.json"
ENCODER_FILES = (ITEM_ENCODER, TOKENIZER)
"""In bundles whose encoder can read new items."""


@dataclass(frozen=True)
class FileFacts:
    """What a file of the bundle must be.

    Attributes:
        sha256: of its bytes, in hexadecimal.
        size: in bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The facts of a bundle.

    Attributes:
        name: what the catalogue is called.
        created: date and time of the export, ISO 8601, UTC.
        molar_version: that exported it.
        items: N, rows of each item table.
        dim: width of a row of an item table.
        dtype: of the item tables.
        max_history: longest history that the graph reads, in events.
        modes: names of the item tables, the default first.
        training: what was chosen in training.
        evaluation: the rows of the run's evaluation with seen items removed, if there was one.
        parity: how far ONNX Runtime and torch were apart when the bundle was exported.
        item_encoder: what item_encoder.onnx is (`backbone`, `precision`) and how items become its inputs
            (`preprocessing`); None for a bundle that cannot read new items.
        files: what every other file must be.
        format_version: of this contract.
    """

    name: str
    created: str
    molar_version: str
    items: int
    dim: int
    dtype: str
    max_history: int
    modes: list[str]
    training: dict[str, Any]
    evaluation: list[dict[str, Any]]
    parity: dict[str, Any]
    item_encoder: dict[str, Any] | None = None
    files: dict[str, FileFacts] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


def file_facts(path: Path) -> FileFacts:
    """Hash and measure a file."""
    with path.open("rb") as file:
        return FileFacts(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def open_bundle(folder: Path | str) -> Manifest:
    """Verify every file of a bundle and return its manifest.

    Raises:
        BundleError: the bundle, or a file of it, is missing, changed, or newer than this code.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    for name in FILES + (ENCODER_FILES if manifest.item_encoder else ()):
        if name not in manifest.files:
            raise BundleError(f"{folder / MANIFEST}: lists no {name}; export the bundle again")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; copy the bundle again or export it again")
        if path.stat().st_size != expected.size:
            raise BundleError(
                f"{path}: {path.stat().st_size} bytes instead of {expected.size}; the file is cut off or was changed"
            )
        if file_facts(path) != expected:
            raise BundleError(f"{path}: its SHA-256 is not the manifest's; the file is damaged or was changed")
    return manifest


def map_tables(path: Path) -> dict[str, np.ndarray]:
    """Memory-map the tensors of a safetensors file, without a copy.

    Raises:
        BundleError: the file is no safetensors file or holds a type other than float32.
    """
    # Layout: https://github.com/huggingface/safetensors#format. The library's own NumPy loader copies.
    try:
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(header_size))
        header.pop("__metadata__", None)
        tables: dict[str, np.ndarray] = {}
        for name, entry in header.items():
            if entry["dtype"] != "F32":
                raise BundleError(f"{path}: table {name} is {entry['dtype']}; this version reads F32")
            offset = 8 + header_size + entry["data_offsets"][0]
            tables[name] = np.memmap(path, np.float32, "r", offset=offset, shape=tuple(entry["shape"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: not a safetensors file ({error}); export the bundle again") from None
    return tables


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; give a bundle made by `molar export`")
    if not path.is_file():
        raise BundleError(f"{path}: missing; {folder} is no bundle, or its export did not finish")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values["format_version"]
        if version > FORMAT_VERSION:
            raise BundleError(f"{path}: format {version} is newer than this version of Molar reads; upgrade molar")
        values["files"] = {name: FileFacts(**facts) for name, facts in values["files"].items()}
        return Manifest(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path}: damaged ({error}); copy the bundle again or export it again") from None
