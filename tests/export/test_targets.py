"""`molar export --target triton` and `hub`."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from click.testing import CliRunner

from molar.app.cli import main
from molar.engine import ModelError, Recommender
from molar.engine.histories import pad_left, pad_right
from molar.export.hub import write_hub
from molar.export.triton import write_triton


def export(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["export", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("mode", ["aligned", "content"])
def test_the_triton_model_answers_as_the_engine(bundle: Path, tmp_path: Path, mode: str) -> None:
    output = export(bundle, "--target", "triton", "--k", 7, "--mode", mode, "--out", tmp_path / "triton")
    assert f"next: tritonserver --model-repository {tmp_path / 'triton'}" in output
    model = tmp_path / "triton" / "molar"
    session = ort.InferenceSession(model / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    recommender = Recommender.load(bundle, "cpu", "fp32")
    assert json.loads((model / "item_ids.json").read_text()) == recommender.catalog.item_ids
    rng = np.random.default_rng(0)
    histories = [rng.integers(0, 24, length).tolist() for length in (1, 3, 12)]
    feeds = {"history": pad_left(histories, 12), "excluded": pad_right(histories)}
    rows, scores = session.run(["best_rows", "best_scores"], feeds)
    for line, line_scores, ranked in zip(rows, scores, recommender.rank(histories, 7, mode=mode), strict=True):
        assert line.tolist() == ranked.rows.tolist()
        np.testing.assert_allclose(line_scores, ranked.scores, atol=1e-5)


def test_the_triton_configuration_names_what_the_model_has(bundle: Path, tmp_path: Path) -> None:
    write_triton(bundle, tmp_path / "triton", k=1000)
    model = tmp_path / "triton" / "molar"
    config = (model / "config.pbtxt").read_text()
    session = ort.InferenceSession(model / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    types = {"tensor(int64)": "TYPE_INT64", "tensor(float)": "TYPE_FP32"}
    for value in (*session.get_inputs(), *session.get_outputs()):
        dims = "-1" if value.name in ("history", "excluded") else "24"
        assert f'{{ name: "{value.name}" data_type: {types[value.type]} dims: [ {dims} ] }}' in config
    assert 'backend: "onnxruntime"' in config
    assert 'key: "max_history" value: { string_value: "12" }' in config
    with pytest.raises(ModelError, match="exists already; choose another --out or delete it"):
        write_triton(bundle, tmp_path / "triton")
    with pytest.raises(ModelError, match="no mode 'magic'; this bundle has aligned, content, ids"):
        write_triton(bundle, tmp_path / "other", mode="magic")
    assert not (tmp_path / "other").exists()


def test_the_hub_folder_is_a_bundle_with_a_card(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "hub"
    options = ["--name", "Test shop", "--no-item-encoder", "--precisions", "all", "--repository", "me/shop"]
    export(run, "--target", "hub", "--out", out, *options)
    recommender = Recommender.load(out, "cpu")
    assert len(recommender.recommend(recommender.catalog.item_ids[:2])) == 10
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: molar\n")
    assert 'snapshot_download("me/shop")' in card
    evaluation = json.loads((out / "manifest.json").read_text())["evaluation"]
    assert evaluation
    for row in evaluation:
        assert f"| {row['model']} | {row['recall@10']:.4f} | {row['ndcg@10']:.4f} |" in card
    for name, costs in recommender.manifest.precisions.items():
        assert f"| {name} | {costs['overlap@10']:.4f} | {costs['recall@10']:.4f} |" in card
    assert "recommender.add_item" not in card
    assert "*.safetensors filter=lfs" in (out / ".gitattributes").read_text()
    example = next(line for line in card.splitlines() if line.startswith("recommender.recommend("))
    [first, second] = example.split('"')[1::2]
    assert recommender.recommend([first, second])
    with pytest.raises(ModelError, match="exists already"):
        write_hub(out, out)
