"""Fine-tuning in several processes, layers copied or divided: what one process gives, whoever goes on with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from molar.engine import ModelError
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_finetuning import finetune
from molar.train.model_files import read_tensors

# The last batch of each task has one example: fewer than processes.
CONFIG = {"backbone": "tiny", "text_tokens": 48, "target_tokens": 16, "examples": 25, "batch_size": 8, "sequences": 1}

# Fine-tunes, notes every loss, and ends after the checkpoint of some step as a crash would.
DRIVER = """
import json, os, sys
from pathlib import Path
from molar.train import encoders, item_finetuning
from molar.train.finetune_config import FinetuneConfig
from torch.utils.tensorboard import SummaryWriter

shop, out, config, shard, stop, noted = json.loads(sys.argv[1])
config = FinetuneConfig(**config) if config else None
save, divide, losses = encoders.save_checkpoint, item_finetuning.divide_layers, []

def saved(folder, step, *rest):
    save(folder, step, *rest)
    if losses:
        Path(noted).write_text(json.dumps(losses))
    if step == stop:
        os._exit(0)

def divided(language, processes, low):
    everything = sum(parameter.numel() for parameter in item_finetuning.layer_parameters(language))
    divide(language, processes, low)
    kept = sum(parameter.to_local().numel() for parameter in item_finetuning.layer_parameters(language))
    assert kept < 1.1 * everything / processes.all.count, (kept, everything)

encoders.save_checkpoint, item_finetuning.divide_layers, item_finetuning._CHECKPOINT_SECONDS = saved, divided, -1
SummaryWriter.add_scalar = lambda _, name, value, step: losses.append([step, name, value])
item_finetuning.finetune(Path(shop), Path(out), config, "cpu", shard)
"""


def run(
    shop: Path, folder: Path, processes: int, shard: bool = False, resumed: bool = False, stop: int = 0
) -> list[list]:
    """The losses of a fine-tuning in so many processes: step, name, value."""
    folder.mkdir(exist_ok=True)
    driver, noted = folder / "driver.py", folder / "losses.json"
    driver.write_text(DRIVER)
    config = None if resumed else {**CONFIG, "bfloat16": False}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    said = json.dumps([str(shop), str(folder / "encoder"), config, shard, stop, str(noted)])
    command = [sys.executable, *(torchrun if processes > 1 else []), str(driver), said]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(noted.read_text())


@pytest.fixture(scope="module")
def alone(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list]]:
    """A fine-tuning in one process, and its losses."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, run(shop, folder, 1)


def same(folder: Path, losses: list[list], alone: tuple[Path, list[list]]) -> None:
    one, of_one = alone
    expected = {(step, name): value for step, name, value in of_one}
    assert {(step, name) for step, name, _ in losses} == set(expected)
    for step, name, value in losses:
        assert value == pytest.approx(expected[step, name], rel=1e-3), (step, name)
    weights, expected_weights = (read_tensors(f / "encoder" / "encoder.safetensors")[0] for f in (folder, one))
    assert weights.keys() == expected_weights.keys()
    for name, tensor in expected_weights.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-2, atol=1e-4)


def test_several_processes_give_what_one_gives(shop: Path, tmp_path: Path, alone: tuple[Path, list[list]]) -> None:
    losses = run(shop, tmp_path, 3, stop=7)
    assert max(step for step, _, _ in losses) == 7
    losses += run(shop, tmp_path, 2, shard=True, resumed=True)
    same(tmp_path, losses, alone)


def test_one_process_has_nobody_to_divide_with(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--shard divides a model among several processes; start them with torchrun"):
        finetune(shop, tmp_path / "encoder", FinetuneConfig(**CONFIG), "cpu", shard=True)
    assert not (tmp_path / "encoder").exists()
