"""What a process holds in memory, as Linux counts it: the benchmarks of training and imports read it."""

from pathlib import Path

from molar.engine.errors import RequestError


def require_linux() -> None:
    """Refuse to measure where memory cannot be read.

    Raises:
        RequestError: this is no Linux.
    """
    if not Path("/proc/self/status").exists():
        raise RequestError("memory is read from /proc, which only Linux has")


def process_megabytes(kind: str, process: int | str = "self") -> float:
    """VmHWM (resident at most), RssAnon (without mapped files) and so on of a process; 0 of one that has just ended."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(lines.get(kind, "0 kB").split()[0]) / 1024
