"""Item search beyond one machine: an index in Qdrant or Milvus takes the place of the search in the graph.

Addresses are `qdrant://HOST:PORT` and `milvus://HOST:PORT` (`qdrant+https`, `milvus+https` with TLS), or
`qdrant:///FOLDER` and `milvus:///FILE.db`, the local forms of their clients, for tests and trials. Keys are read from
QDRANT_API_KEY and MILVUS_TOKEN.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog
from molar.engine.errors import RequestError
from molar.engine.index.item_index import ItemIndex, answering, fill

_CLIENTS = {"qdrant": "qdrant_client", "milvus": "pymilvus"}


def open_index(address: str, manifest: bundles.Manifest, create: bool = False) -> ItemIndex:
    """Connect to the items of a bundle in an index.

    Args:
        address: see above.
        manifest: of the bundle; each bundle has a collection of its own.
        create: make the collection if it is not there.

    Raises:
        RequestError: the address is not understood, or its client is not installed.
        UnavailableError: the index does not answer, or has no such collection.
    """
    parts = urlsplit(address)
    kind, _, tls = parts.scheme.partition("+")
    if kind not in _CLIENTS or tls not in ("", "https") or not (parts.netloc or parts.path):
        raise RequestError(f"index {address!r}: write qdrant://HOST:PORT, milvus://HOST:PORT, or qdrant:///FOLDER")
    if find_spec(_CLIENTS[kind]) is None:
        raise RequestError(f"{kind} needs the package {_CLIENTS[kind]}; run: pip install 'molar[{kind}]'")
    widths = dict.fromkeys(manifest.modes, manifest.dim) if create else None
    return _qdrant(parts, manifest, widths) if kind == "qdrant" else _milvus(parts, manifest, widths)


def push(folder: Path | str, address: str, say: Callable[[int, int], None] = lambda *_: None) -> int:
    """Put the items of a bundle into an index; rows that are there are written again. Returns how many there are.

    Args:
        folder: of the bundle.
        address: see above.
        say: is told how many were put, of how many.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the address is not understood, or its client is not installed.
        UnavailableError: the index does not answer.
    """
    manifest = bundles.open_bundle(folder)
    tables = bundles.map_tensors(Path(folder) / bundles.TABLES, bundles.table_tensors(manifest))
    with closing(open_index(address, manifest, create=True)) as index:
        fill(index, tables, Catalog(Path(folder) / bundles.CATALOG), say)
        return len(index)


def _collection(manifest: bundles.Manifest) -> str:
    """Named after the vectors: another bundle, or the same one after a new training, never mixes with it."""
    return f"molar_{manifest.files[bundles.TABLES].sha256[:16]}"


def _url(parts: SplitResult) -> str:
    return f"{'https' if parts.scheme.endswith('+https') else 'http'}://{parts.netloc}"


def _qdrant(parts: SplitResult, manifest: bundles.Manifest, widths: Mapping[str, int] | None) -> ItemIndex:
    from qdrant_client import QdrantClient

    from molar.engine.index.qdrant import QdrantIndex

    with answering("Qdrant"):
        if parts.netloc:
            client = QdrantClient(url=_url(parts), api_key=os.environ.get("QDRANT_API_KEY"), check_compatibility=False)
        else:
            client = QdrantClient(path=parts.path, force_disable_check_same_thread=True)
    return QdrantIndex(client, _collection(manifest), widths)


def _milvus(parts: SplitResult, manifest: bundles.Manifest, widths: Mapping[str, int] | None) -> ItemIndex:
    from pymilvus import MilvusClient

    from molar.engine.index.milvus import MilvusIndex

    with answering("Milvus"):
        client = MilvusClient(_url(parts) if parts.netloc else parts.path, token=os.environ.get("MILVUS_TOKEN", ""))
    return MilvusIndex(client, _collection(manifest), widths)
