"""The `molar` command. A MolarError becomes one line and exit code 2 here, and nowhere else."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from molar.app.cli_bench import bench
from molar.app.cli_data import data
from molar.app.cli_encoder import embed, finetune
from molar.app.cli_export import export
from molar.app.cli_index import index
from molar.app.cli_serve import demo, recommend, serve
from molar.app.cli_train import compare, evaluate, train
from molar.engine.errors import MolarError

_EXTRAS = {
    "train": ("torch", "transformers", "polars", "scipy", "peft", "gguf", "tensorboard", "safetensors.torch"),
    "export": ("onnx", "onnxscript", "optimum", "sklearn"),
    "serve": ("prometheus_client",),
    "cluster": ("ray",),
    "bench": ("faiss", "usearch", "playwright"),
}


class WrongInput(click.ClickException):
    """A MolarError on the command line."""

    exit_code = 2


class MolarGroup(click.Group):
    """Turns the errors that a user can cause into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MolarError as error:
            raise WrongInput(str(error)) from None
        except OSError as error:  # a folder that cannot be written, a disk that is full
            if error.filename is None:
                raise
            cure = "check that the path exists, may be read and written, and that the disk is not full"
            raise WrongInput(f"{error.filename}: {error.strerror}; {cure}") from None
        except ModuleNotFoundError as error:
            package = (error.name or "").split(".")[0]
            for extra, packages in _EXTRAS.items():
                if package in packages:
                    message = f"this command needs the package {package}; run: pip install 'molar[{extra}]'"
                    raise WrongInput(message) from None
            raise


@click.group(cls=MolarGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="molar")
def main() -> None:
    """Multimodal sequential recommendation: train, evaluate, export to ONNX, show."""


for command in (data, finetune, embed, train, evaluate, compare, export, recommend, bench, demo, serve, index):
    main.add_command(command)


def demo_main(arguments: Sequence[str] | None = None) -> None:
    """The `molar-demo` command: the same as `molar demo`."""
    main(["demo", *(sys.argv[1:] if arguments is None else arguments)], prog_name="molar")
