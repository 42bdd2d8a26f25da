"""Where training runs, and what it does with memory."""

import platform
import subprocess
import sys

import pytest
import torch

from molar.engine import ModelError
from molar.train.device import choose_device

_KEEPS_AND_HANDS_BACK = """
import torch
from pathlib import Path
from molar.train.device import keep_freed_memory

def megabytes():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmRSS")) / 1000

keep_freed_memory()
before = megabytes()
tensors = [torch.ones(40_000 + i) for i in range(2_000)]  # 320 MB
del tensors
print(megabytes() - before)
keep_freed_memory()
print(megabytes() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc what to do")
def test_freed_memory_is_kept_until_the_next_training() -> None:
    printed = subprocess.check_output([sys.executable, "-c", _KEEPS_AND_HANDS_BACK], text=True)
    kept, left = map(float, printed.split())
    assert kept > 250
    assert left < 50


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    assert choose_device("auto").type == "cpu"
    with pytest.raises(ModelError, match="--device cuda: torch finds no CUDA device; use --device cpu"):
        choose_device("cuda")
