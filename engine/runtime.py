"""ONNX Runtime sessions: the device is chosen, verified, and reported as it is."""

import importlib.metadata
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from molar.engine.errors import BundleError, RequestError

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of work in so many of time, or "max"
_PROCESSOR = Path("/proc/cpuinfo")
_GPU_CURE = "install its libraries with: pip install 'molar[cuda]'"


@dataclass(frozen=True)
class Session:
    """An open graph.

    Attributes:
        session: of ONNX Runtime.
        device: "cuda" or "cpu", where it really runs.
    """

    session: ort.InferenceSession
    device: str


def open_session(
    path: Path,
    device: str = "auto",
    filled: Mapping[str, np.ndarray] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Session:
    """Open a graph on a GPU if there is one, else on the CPU.

    Args:
        path: of the ONNX file.
        device: "auto", "cuda" (an error where it cannot be had) or "cpu".
        filled: values of initialisers that are not in the file.
        sizes: of all dimensions that the graph leaves open, by name. On a GPU its first run is recorded then as a CUDA
            graph, and all later ones replay that: inputs and outputs must stay where they were.

    Raises:
        RequestError: "cuda" was asked for and cannot be had; `device` is none of the three.
        BundleError: the file is no graph that this version of ONNX Runtime can run.
    """
    if device not in ("auto", "cuda", "cpu"):
        raise RequestError(f"device {device!r}; choose auto, cuda or cpu")
    _warn_of_two_runtimes()
    if device == "cuda" and not nvidia_device_visible():
        raise RequestError("device cuda: no NVIDIA GPU is visible; use device cpu or auto")
    if device != "cpu" and nvidia_device_visible():
        ort.preload_dlls()
        # A float32 product is one: TF32 keeps ten bits of each number, and saves nothing here.
        cuda = (_CUDA, {"use_tf32": "0", "enable_cuda_graph": "1" if sizes else "0"})
        session = _open(path, [cuda, _CPU], filled, sizes)
        # Without its libraries ONNX Runtime falls back to the CPU and says so nowhere but here.
        if session.get_providers()[0] == _CUDA:
            return Session(session, "cuda")
        if device == "cuda":
            raise RequestError(f"device cuda: a GPU is there, but ONNX Runtime cannot use it; {_GPU_CURE}")
        warnings.warn(f"a GPU is there, but ONNX Runtime cannot use it and runs on the CPU; {_GPU_CURE}", stacklevel=2)
    return Session(_open(path, [_CPU], filled, sizes), "cpu")


def nvidia_device_visible() -> bool:
    """Whether the system has an NVIDIA GPU that this process may open."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def cores() -> int:
    """Processor cores that this process may use: not all under `taskset` or in a container with a limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if _LIMIT.exists():
        work, time = _LIMIT.read_text().split()
        allowed = allowed if work == "max" else min(allowed, math.ceil(int(work) / int(time)))
    return allowed


def whole_numbers() -> str:
    """For how many people products of whole numbers in 8 bits are quicker here than ONNX Runtime's other ones.

    Returns:
        "all" on Intel's processors that have operations for it (VNNI); "many" on others that have: for few the rest is
        as quick at reading rows (assets/benchmarks/LOG.md has both). "none" without, where they are slow and may not
        even be right, and where the system does not say.
    """
    try:
        with _PROCESSOR.open() as lines:  # of the first core: a large machine takes its time to tell of all
            words = [line.split() for line in takewhile(str.strip, lines)]
    except OSError:
        return "none"
    facts = {name: values for name, *values in words}
    if not {"avx512_vnni", "avx_vnni"} & set(facts.get("flags", ())):
        return "none"
    return "all" if "GenuineIntel" in facts.get("vendor_id", ()) else "many"


def _open(
    path: Path, providers: Sequence[Any], filled: Mapping[str, np.ndarray] | None, sizes: Mapping[str, int] | None
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    for name, size in (sizes or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    values = {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in (filled or {}).items()}
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    options.log_severity_level = 3
    if cores() < (os.cpu_count() or 1):  # of which ONNX Runtime knows nothing: it would start a thread for each
        options.intra_op_num_threads = cores()
    # Threads that spin while they wait starve the web server's; for a moment they save more time than they cost.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "20")
    # Weights that are stored in int8 are unfolded once, when the graph is opened, and not in each call.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return ort.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        raise BundleError(f"{path}: ONNX Runtime cannot open it ({str(error).splitlines()[0]})") from None


def _warn_of_two_runtimes() -> None:
    if _installed("onnxruntime") and _installed("onnxruntime-gpu"):
        warnings.warn(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files; run: "
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu",
            stacklevel=3,
        )


def _installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
