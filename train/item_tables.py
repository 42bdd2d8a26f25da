"""Tables with a row for each item, of which a step reads and changes few.

Dimensions: N items, R rows of them, D width.
"""

from dataclasses import replace

import torch
from torch.nn.functional import embedding

from molar.train.batches import Batch
from molar.train.negatives import Negatives


def read_rows(table: torch.Tensor, rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    """(R, D) rows of an (N, D) table that may be in the CPU's memory, on a device; gradients are of them alone."""
    return embedding(rows.to(table.device), table, sparse=table.requires_grad).to(device)


def rows_of_batch(batch: Batch, negatives: Negatives | None) -> tuple[torch.Tensor, Batch, Negatives | None]:
    """The (R,) rows that a batch reads, ascending, and batch and negatives with places among these instead of rows."""
    parts = [batch.history, batch.target] + ([] if negatives is None else [negatives.rows])
    rows = torch.unique(torch.cat([part.flatten() for part in parts]))
    history, target, *drawn = (torch.searchsorted(rows, part) for part in parts)
    if negatives is not None:
        negatives = replace(negatives, rows=drawn[0])
    return rows, replace(batch, history=history, target=target), negatives


class TouchedMean:
    """The mean of a table's rows that training touches, kept up with steps that change few of them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """All rows are read again when it is asked for next."""
        self._total: torch.Tensor | None = None
        self._read: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    @torch.no_grad()
    def of(self, table: torch.Tensor, touched: torch.Tensor, rows: torch.Tensor, changes: bool) -> torch.Tensor:
        """(D,) where `touched` is.

        Args:
            table: (N, D).
            touched: (N, 1), 1 for rows that count, 0 for others.
            rows: (R,) that the step reads, each once.
            changes: whether it may change them.
        """
        rows = rows.to(table.device)
        with torch.autocast(touched.device.type, enabled=False), torch.autocast(table.device.type, enabled=False):
            if self._total is None:
                self._total = (touched.T.to(table.device) @ table)[0]
            elif self._read is not None:
                read, counted, before = self._read
                self._total = self._total + (counted.T @ (table[read] - before))[0]
        self._read = None
        if changes:
            self._read = rows, touched[rows.to(touched.device)].to(table.device), table[rows]
        return self._total.to(touched.device) / touched.sum()
