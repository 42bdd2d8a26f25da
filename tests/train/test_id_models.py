"""What is special about single ID models; what all have in common is in test_model.py."""

import torch

from molar.train.batches import Batch
from molar.train.config import preset
from molar.train.id_models import ID_MODELS
from molar.train.transformer import left_padded, right_padded

ITEMS, DIM = 11, 8


def test_bert4rec_reads_both_ways_and_asks_at_the_end() -> None:
    torch.manual_seed(0)
    config = preset("tiny", dim=DIM, dropout=0.0)
    bert = ID_MODELS["bert4rec"](ITEMS, config)
    table = torch.randn(ITEMS, DIM)
    batch = Batch(
        torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[2, 3, 6], [5, 7, 0]]), *torch.tensor([[3, 2], [0, 1]])
    )
    draws = torch.Generator().manual_seed(0)
    asked = torch.cat([bert.fill(batch, table, bert.gaps(batch, draws))[1] for _ in range(200)])
    assert set(asked.tolist()) == {1, 2, 3, 6, 4, 5, 7}  # each event of the windows, never the padding
    right = bert.next_vectors(table[torch.tensor([[1, 2, 3], [4, 5, 0]])], torch.tensor([3, 2]))
    rows = torch.tensor([[-1, 1, 2, 3], [-1, -1, 4, 5]])
    left = bert(table[rows.clamp(min=0)], *left_padded(rows >= 0, config.max_history))
    torch.testing.assert_close(left[:, -1], right)


def test_the_person_of_fpmc_is_the_mean_of_what_was_chosen() -> None:
    torch.manual_seed(0)
    fpmc = ID_MODELS["fpmc"](ITEMS, preset("tiny", dim=DIM)).eval()
    events = torch.randn(1, 3, DIM)
    expected = fpmc.person(events.mean(dim=1)) + fpmc.last(events[:, -1])
    torch.testing.assert_close(fpmc(events)[:, -1], expected)


def test_the_last_event_has_the_last_position() -> None:
    assert right_padded(torch.tensor([3, 1, 4]), 4, 4).tolist() == [[1, 2, 3, 3], [3, 3, 3, 3], [0, 1, 2, 3]]
    assert right_padded(torch.tensor([2]), 2, 9).tolist() == [[7, 8]]
    valid = torch.tensor([[False, True, True], [True, True, True]])
    assert left_padded(valid, 5)[0].tolist() == [[2, 3, 4]]
    torch.manual_seed(0)
    sasrec = ID_MODELS["sasrec"](ITEMS, preset("tiny", dim=DIM)).eval()
    events = torch.randn(1, 3, DIM)
    after = sasrec(events)
    # What a history longer than any in training adds stands at its begin: the last positions are the ones that were
    # learned.
    with torch.no_grad():
        sasrec.positions.weight[:-3] = 99.0
    torch.testing.assert_close(sasrec(events), after)
