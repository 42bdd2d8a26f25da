"""A bundle as a model repository of NVIDIA's Triton Inference Server.

molar/config.pbtxt        what a request holds
molar/item_ids.json       the item id of each row
molar/1/model.onnx        the bundle's graph with its tables inside
molar/1/tables.onnx.data  the tables themselves

Layout and fields: Triton's model repository and model configuration. A server that added items or filters would want an
engine in front: the repository answers for the catalogue as it was exported.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, checker, numpy_helper
from onnx.external_data_helper import set_external_data

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog
from molar.engine.errors import ModelError
from molar.engine.item_tables import OFF
from molar.train.files import new_folder

_NAME = "molar"
_DATA = "tables.onnx.data"
_QUEUE_US = 1000  # how long a request waits for others of its shape

_CONFIG = """name: "{name}"
backend: "onnxruntime"
max_batch_size: 64
input [
  {{ name: "history" data_type: TYPE_INT64 dims: [ -1 ] }},
  {{ name: "excluded" data_type: TYPE_INT64 dims: [ -1 ] }}
]
output [
  {{ name: "best_rows" data_type: TYPE_INT64 dims: [ {k} ] }},
  {{ name: "best_scores" data_type: TYPE_FP32 dims: [ {k} ] }}
]
dynamic_batching {{ max_queue_delay_microseconds: {queue} }}
instance_group [ {{ kind: KIND_AUTO }} ]
parameters {{ key: "mode" value: {{ string_value: "{mode}" }} }}
parameters {{ key: "max_history" value: {{ string_value: "{max_history}" }} }}
"""


def write_triton(bundle: Path, out: Path, k: int = 100, mode: str | None = None) -> None:
    """Write a model repository.

    A request holds `history`, rows oldest first, the last `max_history` of them, padded on the left with -1, and
    `excluded`, rows that may not be recommended, padded with -1; both at least one long. Requests of the same lengths
    run together.

    Args:
        bundle: of `molar export`.
        out: new folder, which Triton's --model-repository names.
        k: rows in an answer; scores below -1e8 are of rows that may not be recommended.
        mode: which item table ranks; the bundle's default if None.

    Raises:
        BundleError: the bundle cannot be opened.
        ModelError: `out` exists, or there are fewer than k items, or no such mode.
    """
    manifest = bundles.open_bundle(bundle)
    mode = mode or manifest.modes[0]
    if mode not in manifest.modes:
        raise ModelError(f"no mode {mode!r}; this bundle has {', '.join(manifest.modes)}")
    if out.exists():
        raise ModelError(f"{out}: exists already; choose another --out or delete it")
    k = min(k, manifest.items)
    table = bundles.map_tensors(bundle / bundles.TABLES, bundles.table_tensors(manifest))[mode]
    penalty = np.zeros((1, len(table)), np.float32)
    penalty[:, manifest.items :] = OFF
    small = {
        "added": np.zeros((1, manifest.dim), np.float32),
        "penalty_added": np.full((1, 1), OFF, np.float32),
        "k": np.array([k]),
    }
    proto = onnx.load(bundle / bundles.GRAPHS["fp32"])
    known = {"table", "penalty", *small}
    asked = [value for value in proto.graph.input if value.name not in known]
    answers = [value for value in proto.graph.output if value.name != "query"]
    for field, values in ((proto.graph.input, asked), (proto.graph.output, answers)):
        del field[:]
        field.extend(values)
    proto.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in small.items())
    with new_folder(out) as folder:
        version = folder / _NAME / "1"
        version.mkdir(parents=True)
        with (version / _DATA).open("wb") as file:  # a protobuf holds no more than 2 GB
            for name, array in (("table", table), ("penalty", penalty)):
                begin = file.tell()
                for start in range(0, len(array), 65_536):
                    file.write(array[start : start + 65_536].tobytes())
                tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape, raw_data=b"")
                set_external_data(tensor, _DATA, offset=begin, length=file.tell() - begin)
                tensor.ClearField("raw_data")
                proto.graph.initializer.append(tensor)
        (version / "model.onnx").write_bytes(proto.SerializeToString())
        checker.check_model(str(version / "model.onnx"), full_check=True)
        config = {"name": _NAME, "k": k, "queue": _QUEUE_US, "mode": mode, "max_history": manifest.max_history}
        (folder / _NAME / "config.pbtxt").write_text(_CONFIG.format(**config), encoding="utf-8")
        ids = Catalog(bundle / bundles.CATALOG).item_ids
        (folder / _NAME / "item_ids.json").write_text(json.dumps(ids), encoding="utf-8")
