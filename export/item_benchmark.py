"""`molar bench export`: what each precision of the item encoder costs and keeps."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from molar.engine.errors import ModelError
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.engine.item_reader import ItemInputs
from molar.export.item_graph import ItemEncoderGraph, export_item_encoder
from molar.export.item_parity import compare_vectors
from molar.export.pack_encoder import real_items, run_backbone
from molar.export.precision import PRECISIONS, convert
from molar.train.dataset import load_dataset
from molar.train.device import machine
from molar.train.run import check_dataset, load_run

_CALLS = 30


def benchmark_item_encoder(
    run_folder: Path, dataset_folder: Path | None, count: int, text_tokens: int
) -> dict[str, Any]:
    """Rows of size, time and neighbours kept: torch in float32, and ONNX Runtime in each precision, on the CPU.

    A time is of the graph alone, of one item with a picture and a text of `text_tokens` tokens: the median of 30
    calls. `neighbours_kept` is the mean share of each item's ten nearest, among `count` real items, that the float32
    graph has, too. "int8 products" is onnxruntime's `quantize_dynamic`, for comparison; no export makes it.

    Raises:
        ModelError: the run, or its encoder, cannot be read or has no such export.
        DatasetError: the dataset cannot be used.
    """
    model, _ = load_run(run_folder)
    dataset = load_dataset(dataset_folder or Path(model.facts.dataset))
    check_dataset(model.facts, dataset)
    backbone = run_backbone(model)
    if backbone is None or model.item_encoder is None:
        raise ModelError(f"{run_folder}: has no item encoder, or one that has no export yet")
    graph = ItemEncoderGraph(backbone, model.item_encoder).eval()
    items = real_items(dataset, count)
    facts = asdict(backbone.reader.preprocessing)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backbone.tokenizer.save(str(folder / "tokenizer.json"))
        export_item_encoder(backbone, model.item_encoder, folder / "fp32.onnx")
        for precision in PRECISIONS[1:]:
            convert(folder / "fp32.onnx", precision, folder / f"{precision}.onnx")
        quantize_dynamic(
            folder / "fp32.onnx",
            folder / "int8 products.onnx",
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        expected = None
        for precision in (*PRECISIONS, "int8 products"):
            path = folder / f"{precision}.onnx"
            encoder = ItemEncoder(path, folder / "tokenizer.json", facts, "cpu")
            one = timed_item(encoder, items, text_tokens)
            vectors = encoder.embed(items)
            expected = vectors if expected is None else expected
            if not rows:
                rows.append({"what": "torch fp32", "ms": median_ms(torch_call(graph, one))})
            row = {"what": f"onnx {precision}", "megabytes": round(path.stat().st_size / 1e6, 1)}
            compared = compare_vectors(expected, vectors)
            kept = {key: round(compared[key], 4) for key in ("centred_cosine", "neighbours_kept")}
            rows.append({**row, "ms": median_ms(partial(encoder.run, one)), **kept})
    return {
        "backbone": backbone.name,
        "dataset": dataset.folder.resolve().name,
        "items": len(items),
        "text_tokens": text_tokens,
        "cores": os.cpu_count(),
        "machine": machine(),
        "rows": rows,
    }


def timed_item(encoder: ItemEncoder, items: Sequence[NewItem], text_tokens: int) -> ItemInputs:
    """One item with a picture and exactly so many tokens of text, prompt not counted."""
    picture = next(filter(None, (item.picture() for item in items)))
    text = " ".join(item.text() for item in items[:50])
    inputs = encoder.reader([text], [picture])
    prompt = encoder.reader.read_texts([""])[0].shape[1]
    length = min(text_tokens + prompt, inputs.token_ids.shape[1])
    return ItemInputs(
        inputs.pixels, inputs.has_picture, inputs.token_ids[:, :length], np.ones((1, length), dtype=np.int64)
    )


def torch_call(graph: ItemEncoderGraph, inputs: ItemInputs) -> Callable[[], object]:
    """The same item through torch."""
    tensors = {name: torch.from_numpy(values) for name, values in inputs.feed().items()}

    def call() -> object:
        with torch.inference_mode():
            return graph(**tensors)

    return call


def median_ms(call: Callable[[], object]) -> float:
    """Milliseconds that a call takes: the median of 30, after three that do not count."""
    for _ in range(3):
        call()
    times = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 2)
