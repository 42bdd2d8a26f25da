"""`molar export`. torch is imported inside the command, so that --help is quick."""

import tempfile
from pathlib import Path
from typing import Any

import click

from molar.app.options import COUNT, DATASET_OPTION, FOLDER, config_options, given
from molar.engine.bundle import MANIFEST
from molar.export.config import ExportConfig


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--out", required=True, type=FOLDER, help="Folder to make.")
@click.option(
    "--target",
    type=click.Choice(["bundle", "triton", "hub"]),
    default="bundle",
    show_default=True,
    help="A bundle for `molar demo` and the engine; a model repository of Triton; a folder for the Hugging Face hub.",
)
@click.option("--k", type=COUNT, default=100, show_default=True, help="Items in an answer of Triton.")
@click.option("--mode", help="Which table ranks in Triton.  [default: the bundle's first]")
@click.option("--repository", default="", help="owner/name on the hub, for the model card.")
@DATASET_OPTION
@config_options(ExportConfig)
def export(
    run: Path,
    out: Path,
    target: str,
    k: int,
    mode: str | None,
    repository: str,
    dataset: Path | None,
    **options: Any,
) -> None:
    """Export a run: ONNX graphs, item tables, catalogue; and check them against torch.

    RUN may be a bundle already for --target triton and hub.

    \b
    Example:
      molar export runs/movielens-1m --out bundles/movielens-1m
      molar export bundles/movielens-1m --target triton --out triton/movielens-1m
    """
    if target == "bundle":
        _export_bundle(run, out, dataset, options)
        click.echo(f"next: molar demo --bundle {out}")
    elif (run / MANIFEST).exists():
        _convert(run, out, target, k, mode, repository)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            bundle = Path(temporary) / "bundle"
            _export_bundle(run, bundle, dataset, options)
            _convert(bundle, out, target, k, mode, repository)


def _export_bundle(run: Path, out: Path, dataset: Path | None, options: dict[str, Any]) -> None:
    from molar.export.pack import export_run

    config = ExportConfig(**given(options))
    manifest = export_run(run, out, config, dataset, lambda step: click.echo(f"{step} ...", err=True))
    identical = min(mode["identical_lists"] for mode in manifest.parity["modes"].values())
    click.echo(
        f"{manifest.items:,} items; top-10 lists equal torch's on {manifest.parity['histories']} histories "
        f"({identical:.1%} to the last place, the rest ties)"
    )
    for precision, costs in manifest.precisions.items():
        if precision != "fp32":
            click.echo(
                f"tables in {precision}: {costs['overlap@10']:.2%} of torch's ten, Recall@10 {costs['recall@10']:.4f}"
            )


def _convert(bundle: Path, out: Path, target: str, k: int, mode: str | None, repository: str) -> None:
    from molar.export.hub import write_hub
    from molar.export.triton import write_triton

    if target == "triton":
        write_triton(bundle, out, k, mode)
        click.echo(f"next: tritonserver --model-repository {out}")
    else:
        write_hub(bundle, out, repository)
        click.echo(f"next: see {out / 'README.md'}, then: hf upload OWNER/NAME {out} .")
