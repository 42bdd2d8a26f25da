"""The item encoder as ONNX: for any batch and length, in each precision; the parity check that can fail."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from molar.engine import ModelError, NewItem, Recommender
from molar.engine.item_encoder import ItemEncoder as EngineEncoder
from molar.export.config import ExportConfig
from molar.export.item_graph import ItemEncoderGraph, export_item_encoder
from molar.export.item_parity import check_item_parity, compare_vectors, torch_vectors
from molar.export.pack import export_run
from molar.export.pack_encoder import real_items
from molar.export.precision import convert
from molar.train.backbones import load_backbone
from molar.train.dataset import load_dataset
from molar.train.item_encoder import ItemEncoder
from molar.train.run import load_run


@pytest.fixture(scope="module", params=["tiny", "compact"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ItemEncoderGraph]:
    """A folder with a float32 graph and its tokenizer, and what was exported."""
    torch.manual_seed(0)
    backbone = load_backbone(request.param, 24).eval()
    head = ItemEncoder(backbone.parts, 16, 0.1).eval()
    folder = tmp_path_factory.mktemp("graph")
    export_item_encoder(backbone, head, folder / "fp32.onnx")
    backbone.tokenizer.save(str(folder / "tokenizer.json"))
    return folder, ItemEncoderGraph(backbone, head).eval()


def open_graph(folder: Path, precision: str, graph: ItemEncoderGraph) -> EngineEncoder:
    path = folder / f"{precision}.onnx"
    if not path.exists():
        convert(folder / "fp32.onnx", precision, path)
    facts = vars(graph.backbone.reader.preprocessing)
    return EngineEncoder(path, folder / "tokenizer.json", facts, "cpu")


def some_items(count: int) -> list[NewItem]:
    """With a picture, without, without text, with a text that is cut."""
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (80, 50 + 9 * i, 3), np.uint8)) for i in range(count)]
    texts = ["blue mug", "a lamp", "", "a very long text " * 9]
    return [NewItem(texts[i % 4], image=noise[i] if i % 4 != 1 else None) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7, 32])
def test_float32_is_torch_for_any_batch(exported: tuple[Path, ItemEncoderGraph], count: int) -> None:
    folder, graph = exported
    encoder = open_graph(folder, "fp32", graph)
    expected = torch_vectors(encoder, graph, some_items(count))
    np.testing.assert_allclose(encoder.embed(some_items(count)), expected, atol=1e-5 * np.abs(expected).max())


def test_what_stands_beside_an_item_does_not_matter(exported: tuple[Path, ItemEncoderGraph]) -> None:
    folder, graph = exported
    encoder = open_graph(folder, "fp32", graph)
    items = some_items(5)
    together = encoder.embed(items)
    alone = np.concatenate([encoder.embed([item]) for item in items])
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(together).max())


@pytest.mark.parametrize(("precision", "size", "cosine"), [("fp16", 0.55, 0.999), ("int8", 0.3, 0.98)])
def test_smaller_forms(exported: tuple[Path, ItemEncoderGraph], precision: str, size: float, cosine: float) -> None:
    folder, graph = exported
    encoder = open_graph(folder, precision, graph)
    expected = open_graph(folder, "fp32", graph).embed(some_items(32))
    assert compare_vectors(expected, encoder.embed(some_items(32)))["centred_cosine"] > cosine
    large = (folder / "fp32.onnx").stat().st_size
    if large > 10_000_000:  # of a tiny graph most is not weights
        assert (folder / f"{precision}.onnx").stat().st_size < size * large
    onnx.checker.check_model(folder / f"{precision}.onnx", full_check=True)


def test_inputs_outputs_and_axes(exported: tuple[Path, ItemEncoderGraph]) -> None:
    proto = onnx.load(exported[0] / "fp32.onnx")
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    size = exported[1].backbone.reader.preprocessing.image_size
    assert shapes == {
        "pixels": ["batch", 3, size, size],
        "has_picture": ["batch"],
        "token_ids": ["batch", "tokens"],
        "token_mask": ["batch", "tokens"],
        "item_vector": ["batch", 16],
    }
    assert not [node.name for node in proto.graph.node if node.metadata_props or node.doc_string]
    assert str(Path.cwd()).encode() not in (exported[0] / "fp32.onnx").read_bytes()


def test_parity_fails_when_the_model_is_another(exported: tuple[Path, ItemEncoderGraph]) -> None:
    folder, graph = exported
    encoder = open_graph(folder, "fp32", graph)
    assert check_item_parity(encoder, graph, some_items(12), "fp32")["neighbours_kept"] == 1.0
    torch.manual_seed(9)
    other = ItemEncoderGraph(graph.backbone, ItemEncoder(graph.backbone.parts, 16, 0.1).eval())
    with pytest.raises(ModelError, match="the item encoder in fp32 and torch differ on 12 items"):
        check_item_parity(encoder, other, some_items(12), "fp32")


def test_comparing_vectors_by_hand() -> None:
    expected = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert compare_vectors(expected, expected) == {
        "largest_difference": 0.0,
        "centred_cosine": pytest.approx(1.0),
        "neighbours_kept": 1.0,
    }
    turned = compare_vectors(expected, expected[[1, 2, 3, 0]])
    assert turned["centred_cosine"] == pytest.approx(0.0)
    assert turned["largest_difference"] == 1.0


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_bundle_in_each_precision(run: Path, tmp_path: Path, precision: str) -> None:
    export_run(run, tmp_path / "bundle", ExportConfig(encoder_precision=precision))
    facts = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["item_encoder"]
    assert facts["precision"] == precision
    assert facts["backbone"] == "tiny"
    assert facts["attributes"] == ["category", "style"]
    assert facts["parity"]["items"] == 24
    assert facts["parity"]["centred_cosine"] > 0.97
    assert Recommender.load(tmp_path / "bundle", "cpu").embed([NewItem("Mug")]).shape == (1, 16)


def test_the_bundle_reads_items_as_training_did(bundle: Path, run: Path, shop: Path) -> None:
    """The vectors of the item table, which training made, from the bundle's own encoder."""
    _, vectors = load_run(run)
    recommender = Recommender.load(bundle, "cpu")
    items = real_items(load_dataset(shop), 24)
    rows = np.random.default_rng(0).permutation(24)
    compared = compare_vectors(vectors.content.numpy()[rows], recommender.embed(items))
    assert compared["centred_cosine"] > 0.97  # int8 here, bfloat16 there


def test_an_encoder_that_changed_since_training_is_refused(run: Path, tmp_path: Path, shop: Path) -> None:
    import shutil

    from molar.train.finetune_config import FinetuneConfig
    from molar.train.item_finetuning import finetune

    other = tmp_path / "other"
    finetune(shop, other, FinetuneConfig(backbone="tiny", text_tokens=64, examples=8, batch_size=8), "cpu")
    changed = tmp_path / "run"
    shutil.copytree(run, changed)
    config = changed / "config.toml"
    encoder = load_run(run)[0].config.encoder
    config.write_text(config.read_text().replace(encoder, str(other)))
    with pytest.raises(ModelError, match="not the item encoder that the run was trained with"):
        export_run(changed, tmp_path / "bundle", ExportConfig())
    assert not (tmp_path / "bundle").exists()
