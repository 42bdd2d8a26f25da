"""How many threads a session gets, and what the processor is quick at."""

import os
from pathlib import Path

import pytest
from onnx import helper, parser

from molar.engine import runtime
from molar.engine.runtime import cores, open_session, whole_numbers


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    identity = parser.parse_graph("g (float[N] x) => (float[N] y) { y = Identity (x) }")
    opset = [helper.make_opsetid("", 20)]
    path.write_bytes(helper.make_model(identity, ir_version=10, opset_imports=opset).SerializeToString())
    return path


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not tie processes to cores")
def test_a_process_that_is_tied_to_one_core_starts_one_thread(graph: Path) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("this machine has one core")
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores() == 1
        options = open_session(graph, "cpu").session.get_session_options()
    finally:
        os.sched_setaffinity(0, allowed)
    assert options.intra_op_num_threads == 1


@pytest.mark.parametrize(("limit", "wanted"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 3)])
def test_a_container_may_be_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, wanted: int) -> None:
    (tmp_path / "cpu.max").write_text(limit + "\n")
    monkeypatch.setattr(runtime, "_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert cores() == wanted


def test_without_a_limit_onnx_runtime_chooses(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "cores", lambda: os.cpu_count())
    assert open_session(graph, "cpu").session.get_session_options().intra_op_num_threads == 0


@pytest.mark.parametrize(
    ("facts", "quick_for"),
    [
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_vnni amx_int8\n", "all"),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\n", "none"),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_vnni\n", "many"),
        ("flags\t\t: avx_vnni\n", "many"),
        ("Features\t: fp asimd\n", "none"),
        (None, "none"),
    ],
)
def test_processors(facts: str | None, quick_for: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_PROCESSOR", tmp_path / "cpuinfo")
    if facts is not None:
        (tmp_path / "cpuinfo").write_text(facts)
    assert whole_numbers() == quick_for
