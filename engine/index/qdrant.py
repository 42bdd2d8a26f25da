"""Items in a Qdrant collection. Docs: https://qdrant.tech/documentation/."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from molar.engine.errors import UnavailableError
from molar.engine.index.item_index import Near, answering

_LABELS = "labels"
_answering = partial(answering, "Qdrant")


class QdrantIndex:
    """An `ItemIndex` whose points are rows; each mode is a vector of their own.

    Args:
        client: of a server, or of a local folder.
        collection: its name.
        widths: mode -> W; the collection is made if they are given and it is not there.

    Raises:
        UnavailableError: there is no such collection, or the server does not answer.
    """

    def __init__(self, client: QdrantClient, collection: str, widths: Mapping[str, int] | None = None) -> None:
        self._client = client
        self._collection = collection
        with _answering():
            if client.collection_exists(collection):
                return
            if widths is None:
                raise UnavailableError(f"Qdrant has no collection {collection}; run: molar index push")
            sizes = {mode: models.VectorParams(size=w, distance=models.Distance.DOT) for mode, w in widths.items()}
            client.create_collection(collection, vectors_config=sizes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a local folder has no such index
                client.create_payload_index(collection, _LABELS, models.PayloadSchemaType.INTEGER)

    def __len__(self) -> int:
        with _answering():
            return int(self._client.count(self._collection).count)

    def put(self, rows: Sequence[int], vectors: Mapping[str, np.ndarray], labels: Sequence[Sequence[int]]) -> None:
        """Add items, or put others in the place of those with the same rows."""
        payloads = [{_LABELS: list(one)} for one in labels]
        batch = models.Batch(
            ids=list(rows),
            vectors={mode: values.tolist() for mode, values in vectors.items()},
            payloads=payloads,
        )
        with _answering():
            self._client.upsert(self._collection, batch)

    def nearest(self, mode: str, wanted: Sequence[Near]) -> list[np.ndarray]:
        """Rows that were found for each, best first."""
        requests = [
            models.QueryRequest(query=near.vector.tolist(), using=mode, limit=near.count, filter=_filter(near))
            for near in wanted
        ]
        with _answering():
            answers = self._client.query_batch_points(self._collection, requests)
        return [np.array([point.id for point in answer.points], dtype=np.int64) for answer in answers]

    def close(self) -> None:
        """Let go of the client."""
        self._client.close()


def _filter(near: Near) -> models.Filter | None:
    must: list[Any] = [
        models.FieldCondition(key=_LABELS, match=models.MatchAny(any=list(group))) for group in near.labels
    ]
    without: list[Any] = [models.HasIdCondition(has_id=list(near.without))] if near.without else []
    return models.Filter(must=must, must_not=without) if must or without else None
