"""Items in a Milvus collection. Docs: https://milvus.io/docs."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from pymilvus import DataType, MilvusClient

from molar.engine.errors import UnavailableError
from molar.engine.index.item_index import Near, answering

_ROW, _LABELS = "row", "labels"
_MOST_LABELS = 256  # of an item
_answering = partial(answering, "Milvus")


class MilvusIndex:
    """An `ItemIndex` whose primary key is the row; each mode is a field of vectors.

    Args:
        client: of a server, or of a local file.
        collection: its name.
        widths: mode -> W; the collection is made if they are given and it is not there.

    Raises:
        UnavailableError: there is no such collection, or the server does not answer.
    """

    def __init__(self, client: MilvusClient, collection: str, widths: Mapping[str, int] | None = None) -> None:
        self._client = client
        self._collection = collection
        with _answering():
            if not client.has_collection(collection):
                if widths is None:
                    raise UnavailableError(f"Milvus has no collection {collection}; run: molar index push")
                schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
                schema.add_field(_ROW, DataType.INT64, is_primary=True)
                schema.add_field(_LABELS, DataType.ARRAY, element_type=DataType.INT64, max_capacity=_MOST_LABELS)
                indexes = MilvusClient.prepare_index_params()
                for mode, width in widths.items():
                    schema.add_field(mode, DataType.FLOAT_VECTOR, dim=width)
                    indexes.add_index(mode, index_type="AUTOINDEX", metric_type="IP")
                client.create_collection(collection, schema=schema, index_params=indexes)
            client.load_collection(collection)

    def __len__(self) -> int:
        with _answering():
            return int(self._client.query(self._collection, output_fields=["count(*)"])[0]["count(*)"])

    def put(self, rows: Sequence[int], vectors: Mapping[str, np.ndarray], labels: Sequence[Sequence[int]]) -> None:
        """Add items, or put others in the place of those with the same rows."""
        lines = [
            {_ROW: row, _LABELS: list(labels[place])[:_MOST_LABELS]}
            | {mode: values[place].tolist() for mode, values in vectors.items()}
            for place, row in enumerate(rows)
        ]
        with _answering():
            self._client.upsert(self._collection, lines)

    def nearest(self, mode: str, wanted: Sequence[Near]) -> list[np.ndarray]:
        """Rows that were found for each, best first; who shares a filter is searched for together."""
        found: list[np.ndarray] = [np.empty(0, np.int64)] * len(wanted)
        together: dict[tuple[str, int], list[int]] = {}
        for place, near in enumerate(wanted):
            together.setdefault((_filter(near), near.count), []).append(place)
        for (condition, count), places in together.items():
            vectors = [wanted[place].vector.tolist() for place in places]
            with _answering():
                answers = self._client.search(
                    self._collection, vectors, condition, count, anns_field=mode, search_params={"metric_type": "IP"}
                )
            for place, answer in zip(places, answers, strict=True):
                found[place] = np.array([hit[_ROW] for hit in answer], dtype=np.int64)
        return found

    def close(self) -> None:
        """Let go of the client."""
        self._client.close()


def _filter(near: Near) -> str:
    parts = [f"array_contains_any({_LABELS}, {list(group)})" for group in near.labels]
    if near.without:
        parts.append(f"{_ROW} not in {list(near.without)}")
    return " and ".join(parts)
