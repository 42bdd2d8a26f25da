"""The bundle: what export leaves and the engine opens. This module owns its contract; export writes through it."""

import hashlib
import json
import mmap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine.errors import BundleError

FORMAT_VERSION = 7

GRAPHS = {"fp32": "recommender.onnx", "fp16": "recommender-fp16.onnx", "int8": "recommender-int8.onnx"}
"""The same graph for tables in each precision; a bundle has the first, and those of `Manifest.precisions`."""
PRECISIONS = tuple(GRAPHS)
PACKED_GRAPH = "recommender-packed.onnx"
"""That of "fp32" for a CPU, which brings the table into an order of its own; bundles with an 8-bit form have it."""
WHOLE_GRAPH = "recommender-whole.onnx"
"""That of "int8" for processors that are quick at products of whole numbers; bundles have it whose rows in 8 bits have
one scale each."""
TABLES = "items.safetensors"
INT8_TABLES = "items-int8.safetensors"
PARTS = "item-parts.safetensors"
CATALOG = "catalog.db"
MANIFEST = "manifest.json"

ITEM_ENCODER = "item_encoder.onnx"
TOKENIZER = "tokenizer.json"
ENCODER_FILES = (ITEM_ENCODER, TOKENIZER)
"""In bundles whose encoder can read new items."""

BLOCK = 64
"""Item tables have a multiple of so many rows; those beyond the items are zeros. In 8 bits the rows of a block share
their scales."""

CANDIDATES_OF_BLOCK = 4
"""So many rows for each candidate block of 8-bit rows are scored in float32."""

_LARGEST_UNIT = 16_384

NOT_ALLOWED = -1e8
"""The score of a row that may not be recommended is lower."""


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
        dim: W, width of a row of an item table.
        precisions: those of `GRAPHS` that there are, with what each costs beside torch on real histories.
        int8_part: numbers of a row of an 8-bit table that share a scale; 0 where there is none.
        content_dim: D, how many of them picture and text make; 0 where the bundle does not tell those apart.
        max_history: longest history that the graph reads, in events.
        modes: names of the item tables, the default first.
        training: what was chosen in training.
        evaluation: the rows of the run's evaluation with seen items removed, if there was one; Recall@10 and NDCG@10
            with their 95% intervals over people.
        parity: how far ONNX Runtime and torch were apart when the bundle was exported.
        note: what people should know who read its figures; may be empty.
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
    precisions: dict[str, dict[str, float]]
    int8_part: int
    content_dim: int
    max_history: int
    modes: list[str]
    training: dict[str, Any]
    evaluation: list[dict[str, Any]]
    parity: dict[str, Any]
    note: str = ""
    item_encoder: dict[str, Any] | None = None
    files: dict[str, FileFacts] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """The text of manifest.json, which holds its own digest last."""
        values = asdict(self)
        digest = hashlib.sha256(_text(values).encode()).hexdigest()
        return _text({**values, "sha256": digest})

    @property
    def whole_rows(self) -> bool:
        """Whether each row of the 8-bit tables has one scale, so that their products are whole numbers."""
        return self.int8_part == self.dim

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the other files that there must be."""
        graphs = [GRAPHS[precision] for precision in self.precisions]
        more = [PACKED_GRAPH, INT8_TABLES] if "int8" in self.precisions else []
        more += [WHOLE_GRAPH] if self.whole_rows else []
        return (*graphs, TABLES, PARTS, CATALOG, *more, *(ENCODER_FILES if self.item_encoder else ()))


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def file_facts(path: Path) -> FileFacts:
    """Hash and measure a file."""
    with path.open("rb") as file:
        return FileFacts(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def with_files(manifest: Manifest, folder: Path) -> Manifest:
    """The same, with the facts of the files as they are in a folder."""
    return replace(manifest, files={name: file_facts(folder / name) for name in manifest.needed})


def padded_rows(items: int) -> int:
    """P: the rows of a table of so many items. Large ones fall into blocks of blocks, for 3% more at most."""
    unit = BLOCK
    while unit < _LARGEST_UNIT and items > 32 * unit:
        unit *= 2
    return -(-items // unit) * unit


Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Name -> type, as safetensors calls it, and shape."""


def table_tensors(manifest: Manifest) -> Tensors:
    """What items.safetensors must hold."""
    return {mode: ("F32", (padded_rows(manifest.items), manifest.dim)) for mode in manifest.modes}


def int8_tensors(manifest: Manifest) -> Tensors:
    """What items-int8.safetensors must hold, see `int8_rows.Int8Rows`."""
    rows, part = padded_rows(manifest.items), manifest.int8_part
    tensors: Tensors = {}
    for mode in manifest.modes:
        tensors[f"{mode}.table_int8"] = "U8", (rows, manifest.dim // part, part)
        tensors[f"{mode}.table_scale"] = "F32", (rows, manifest.dim // part)
        tensors[f"{mode}.bound"] = "F32", (rows,)
    return tensors


def part_tensors(manifest: Manifest) -> Tensors:
    """What item-parts.safetensors must hold, see `explain.ItemParts`."""
    tensors: Tensors = {f"{mode}.mean": ("F32", (manifest.dim,)) for mode in manifest.modes}
    if manifest.content_dim:
        vector = (manifest.content_dim,)
        tensors |= dict.fromkeys(("picture", "text"), ("F16", (manifest.items, *vector)))
        tensors |= dict.fromkeys(("picture.mean", "text.mean", "nothing"), ("F32", vector))
    return tensors


def open_bundle(folder: Path | str) -> Manifest:
    """Verify every file of a bundle and return its manifest.

    Raises:
        BundleError: the bundle, or a file of it, is missing, changed, or newer than this code.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    for name in manifest.needed:
        if name not in manifest.files:
            raise BundleError(f"{folder / MANIFEST}: lists no {name}; export the bundle again")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda entry: _verify(folder, *entry), manifest.files.items()))
    return manifest


def _verify(folder: Path, name: str, expected: FileFacts) -> None:
    path = folder / name
    if Path(name).name != name or path.is_symlink():
        raise BundleError(f"{folder / MANIFEST}: lists {name!r}, which is not a file of this folder")
    if not path.is_file():
        raise BundleError(f"{path}: missing; copy the bundle again or export it again")
    if path.stat().st_size != expected.size:
        raise BundleError(
            f"{path}: {path.stat().st_size} bytes instead of {expected.size}; the file is cut off or was changed"
        )
    if file_facts(path) != expected:
        raise BundleError(f"{path}: its SHA-256 is not the manifest's; the file is damaged or was changed")


def map_tensors(path: Path, wanted: Tensors) -> dict[str, np.ndarray]:
    """Memory-map the tensors of a safetensors file, without a copy.

    Args:
        path: of the file.
        wanted: what there must be.

    Raises:
        BundleError: the file is no safetensors file, or a tensor is missing or of another type or shape.
    """
    # Layout: https://github.com/huggingface/safetensors#format. The library's own NumPy loader copies.
    tensors: dict[str, np.ndarray] = {}
    try:
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(header_size))
        for name, (dtype, shape) in wanted.items():
            entry = header.get(name, {"dtype": "missing", "shape": ()})
            if (entry["dtype"], tuple(entry["shape"])) != (dtype, shape):
                found = f"{entry['dtype']} {tuple(entry['shape'])}"
                raise BundleError(f"{path}: {name} is {found}, the manifest asks for {dtype} {shape}")
            offset = 8 + header_size + entry["data_offsets"][0]
            tensors[name] = np.memmap(path, _DTYPES[dtype], "r", offset=offset, shape=shape)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path}: not a safetensors file ({error}); export the bundle again") from None
    return tensors


def forget_pages(tensor: np.ndarray) -> None:
    """Give back the memory of a tensor of `map_tensors`, until it is read again; of another, do nothing."""
    mapped = getattr(tensor, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


_DTYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8}


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; give a bundle made by `molar export`")
    if not path.is_file():
        raise BundleError(f"{path}: missing; {folder} is no bundle, or its export did not finish")
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
        version = values["format_version"]
        if version > FORMAT_VERSION:
            raise BundleError(f"{path}: format {version} is newer than this version of Molar reads; upgrade molar")
        if version < FORMAT_VERSION:
            raise BundleError(f"{path}: format {version} is older than this version of Molar reads; export it again")
        del values["sha256"]
        values["files"] = {name: FileFacts(**facts) for name, facts in values["files"].items()}
        manifest = Manifest(**values)
        same = manifest.to_json() == text
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path}: damaged ({error}); copy the bundle again or export it again") from None
    if not same:
        raise BundleError(f"{path}: not as it was exported; it is damaged or was changed")
    return manifest
