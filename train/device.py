"""Where training runs, what machine that is, and how to make the memory allocator fit for it."""

import ctypes
import os
import platform
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from molar.engine.errors import ModelError


def choose_device(name: str) -> torch.device:
    """ "auto" takes the GPU where there is one.

    Raises:
        ModelError: the device that was asked for is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("--device cuda: torch finds no CUDA device; use --device cpu or install a CUDA build of torch")
    return torch.device(name)


def machine() -> str:
    """The processor, its cores, and torch's version, in words."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {os.cpu_count()} cores{gpu}, torch {torch.__version__}"


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def training_attention(device: torch.device) -> AbstractContextManager[None]:
    """Within it, `scaled_dot_product_attention` takes the form whose gradients are quick on the device.

    On a CPU the fused form is slow backwards: over the short sequences of items, writing the weights out takes less
    time (`molar bench training` times both). Causal histories have `causal_attention`, which is quicker still and does
    not look at this.
    """
    if device.type == "cpu":
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory instead of handing it back to the kernel after every large tensor.

    Each batch frees and takes the same gigabytes, and handing them back costs a page fault per 4 KiB (`molar bench
    training` times a softmax with and without). It has to be called before the first large allocation; what an earlier
    training in the same process has left goes back now.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    mmap_threshold, trim_threshold, arena_max = -3, -1, -8  # names and numbers of malloc.h
    libc.mallopt(mmap_threshold, 1 << 30)
    libc.mallopt(trim_threshold, (1 << 31) - 1)
    libc.mallopt(arena_max, 1)
    libc.malloc_trim(0)
