"""The series of encoders and runs behind the table of the item encoder."""

from pathlib import Path

import pytest

from molar.engine import ModelError
from molar.train.ablation import run_ablation, variants
from molar.train.config import preset
from molar.train.finetune_config import FinetuneConfig

FINETUNE = FinetuneConfig(backbone="tiny", text_tokens=48, examples=16, batch_size=8)


def test_rows_differ_in_one_thing_and_a_finished_one_is_not_made_again(shop: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def series(*only: str) -> dict:
        said.clear()
        return run_ablation(shop, tmp_path, FINETUNE, preset("tiny", epochs=1), only, 1, "cpu", said.append)

    found = series("all tasks", "then end to end", "text only", "without IT", "cold start")
    assert said == [
        "run frozen-towers",
        "encoder all",
        "run all-tasks",
        "encoder then-end-to-end",
        "run then-end-to-end",
        "run text-only",
        "encoder without-it",
        "run without-it",
        "encoder cold-start",
        "run cold-start",
    ]
    assert [row["variant"] for row in found["rows"]] == [
        "frozen towers",
        "all tasks",
        "then end to end",
        "text only",
        "without IT",
    ]
    assert "ndcg@10_low" not in found["rows"][0]
    assert all(row["ndcg@10_low"] <= row["ndcg@10_difference"] <= row["ndcg@10_high"] for row in found["rows"][1:])
    assert {row["model"] for row in found["cold"]} == {"chance", "content only", "SASRec", "Molar"}
    again = series("all tasks")
    assert said == []
    assert again["rows"] == found["rows"][:2]


def test_a_work_folder_of_another_configuration_is_refused(shop: Path, tmp_path: Path) -> None:
    config = preset("tiny", epochs=1)
    run_ablation(shop, tmp_path, FINETUNE, config, ["frozen towers"], 1, "cpu", lambda _: None)
    with pytest.raises(ModelError, match="was made with another configuration"):
        run_ablation(shop, tmp_path, FINETUNE, preset("tiny", epochs=2), ["frozen towers"], 1, "cpu", lambda _: None)
    (tmp_path / "runs" / "frozen-towers" / "evaluation.json").unlink()  # a series that was stopped
    with pytest.raises(ModelError, match="was made with another configuration"):
        run_ablation(shop, tmp_path, FINETUNE, preset("tiny", epochs=2), ["frozen towers"], 1, "cpu", lambda _: None)
    with pytest.raises(ModelError, match="no variant 'without everything'; choose of frozen towers, not fine-tuned"):
        run_ablation(shop, tmp_path, FINETUNE, config, ["without everything"], 1, "cpu", lambda _: None)


def test_more_seeds_are_more_runs_of_the_same_encoder(shop: Path, tmp_path: Path) -> None:
    said: list[str] = []
    config = preset("tiny", epochs=1)
    found = run_ablation(shop, tmp_path, FINETUNE, config, ["all tasks"], 2, "cpu", said.append)
    assert said == ["run frozen-towers", "run frozen-towers-1", "encoder all", "run all-tasks", "run all-tasks-1"]
    assert [row["seeds"] for row in found["rows"]] == [2, 2]
    first, second = found["rows"][0]["recall@10_of_seeds"]
    assert first != second


def test_every_task_has_a_row_without_it() -> None:
    off = [
        [name for name, value in (variant.finetune or {}).items() if value == 0]
        for variant in variants("tiny").values()
        if not variant.goes_on
    ]
    assert [names for names in off if names] == [["image_to_text"], ["attributes_to_text"], ["history_to_next"]]
