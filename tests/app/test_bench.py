"""The benchmarks of the item encoder run on a small catalogue and say what they promise."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from molar.app.cli import main


@pytest.fixture(scope="module")
def photos(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's pictures as photographs whose category is asked."""
    folder = tmp_path_factory.mktemp("photos")
    items = pl.read_csv(shop / "items.csv").drop_nulls("image").sort("category")
    split = ["validation" if row % 4 == 3 else "train" for row in range(len(items))]
    items = items.select("item_id", "category", pl.Series("split", split), "image")
    items.write_csv(folder / "items.csv")
    (folder / "images").symlink_to(shop / "images")
    return folder


def run_bench(*arguments: object) -> dict:
    result = CliRunner().invoke(main, ["bench", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_vectors_by_themselves(shop: Path, encoder: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "encoder.json"
    found = run_bench(
        "encoder", shop, "--encoder", encoder, "--attribute", "category", "--photos", photos, "--out", out
    )
    assert json.loads(out.read_text()) == found
    rows = found["rows"]
    assert {row["encoder"] for row in rows} == {"towers", "tiny", str(encoder)}
    for name in ("tiny", str(encoder)):
        mine = [row for row in rows if row["encoder"] == name]
        assert {row["direction"] for row in mine if row["what"] == "retrieval"} == {"image to text", "text to image"}
        assert {row["view"] for row in mine if row["what"] == "neighbours"} == {"both", "text", "image"}
        asked = [row for row in mine if row["what"] == "photographs"]
        assert {(row["of"], row["neighbours"]) for row in asked} == {
            (of, k) for of in ("whole vector", "language model's state", "picture") for k in (1, 5)
        }
    for row in rows:
        assert all(0 <= row[name] <= 1 for name in ("recall@1", "any", "jaccard", "accuracy") if name in row)
    # Titles name the kind, so the towers tell kinds apart.
    of_towers = {row["view"]: row for row in rows if row["what"] == "neighbours" and row["encoder"] == "towers"}
    assert of_towers["text"]["any"] > 1.5 * chance(shop)


def chance(shop: Path) -> float:
    """How often another item drawn at random has an item's category."""
    counts = pl.read_csv(shop / "items.csv")["category"].value_counts()["count"]
    return float((counts * (counts - 1)).sum() / (counts.sum() * (counts.sum() - 1)))


def test_what_is_not_there(shop: Path, encoder: Path, tmp_path: Path) -> None:
    def says(*arguments: object) -> str:
        result = CliRunner().invoke(
            main, ["bench", "encoder", str(shop), "--encoder", str(encoder), *map(str, arguments)]
        )
        assert result.exit_code == 2
        return result.output

    assert "no attribute 'genres'; it has category, style" in says()
    assert "items.csv: no such file" in says("--attribute", "style", "--photos", tmp_path)
    (tmp_path / "items.csv").write_text("image,split\n")
    assert "no column category" in says("--attribute", "style", "--photos", tmp_path)


def test_precisions_of_an_exported_encoder(run: Path) -> None:
    found = run_bench("export", run, "--items", 24, "--text-tokens", 20)
    rows = {row["what"]: row for row in found["rows"]}
    assert list(rows) == ["torch fp32", "onnx fp32", "onnx fp16", "onnx int8", "onnx int8 products"]
    assert found["backbone"] == "tiny"
    assert rows["onnx fp32"]["neighbours_kept"] == 1.0
    assert rows["onnx int8"]["neighbours_kept"] > 0.9
    assert all(row["ms"] > 0 for row in rows.values())
