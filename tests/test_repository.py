"""Promises about the repository itself."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from molar.train.accuracy_table import markdown

ROOT = Path(__file__).parents[1]
ITEM_ENCODERS = ROOT / "assets" / "benchmarks" / "item-encoders.md"
CODE = sorted(
    path for folder in ("app", "engine", "train", "export", "assets", "tests") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_the_folders_import_downwards_only() -> None:
    found = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_nothing_of_movielens_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pictures = [path for path in listed if path.endswith((".jpg", ".jpeg"))]
    assert pictures == []
    assert not [
        path for path in listed if path.endswith((".dat", ".csv")) or path.startswith(("data/", "runs/", "bundles/"))
    ]


@pytest.mark.parametrize(("file", "regime"), [("movielens-1m", "full"), ("movielens-1m-sparse", "sparse")])
def test_the_figures_of_the_readme_are_those_of_the_benchmark(file: str, regime: str) -> None:
    readme = (ROOT / "README.md").read_text()
    benchmark = ROOT / "assets" / "benchmarks" / file
    table = json.loads(benchmark.with_suffix(".json").read_text())
    rows = table["rows"]
    written = benchmark.with_suffix(".md").read_text()
    assert written.strip() == markdown(table, regime).strip()
    main = [line for line in written.splitlines() if line.startswith("| ") and not line.startswith("| Molar, ")]
    main = main[: main.index(next(line for line in main if "people" in line))]
    assert [line for line in main if line not in readme] == []
    readme = " ".join(readme.split())
    molar = next(row for row in rows if row["model"] == "Molar" and row["seen_removed"])
    gain = int(molar["gain"] * 1000) / 10
    assert f"Molar finds {gain}% more than gated SASRec (p {molar['recall@10_p']:.4f}" in readme


def test_the_small_tables_say_what_the_readme_says() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    rows = json.loads((ROOT / "assets" / "benchmarks" / "movielens-1m-small.json").read_text())["rows"]
    for regime, between in (("full", " there beside "), ("sparse", " beside ")):
        ours, theirs = (
            next(
                f"{row['recall@10']:.4f} / {row['ndcg@10']:.4f}"
                for row in rows
                if (row["regime"], row["model"], row["seen_removed"]) == (regime, model, True)
            )
            for model in ("Molar", "SASRec, gated")
        )
        assert f"{ours}{between}{theirs}" in readme


def test_how_far_molar_is_ahead_is_what_the_benchmark_says() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    rows = json.loads((ROOT / "assets" / "benchmarks" / "movielens-1m.json").read_text())["rows"]
    molar, kept = (row for row in rows if row["model"] == "Molar")
    gated = next(row for row in rows if row["model"] == kept["beside"] and not row["seen_removed"])
    for name in ("Recall@10", "NDCG@10"):
        difference, low, high, p = (molar[f"{name.lower()}_{part}"] for part in ("difference", "low", "high", "p"))
        assert f"by {difference:.4f} [{low:.4f}, {high:.4f}] in {name} (p {p:.4f})" in readme
    found = f"Molar has {kept['recall@10']:.4f}, gated SASRec {gated['recall@10']:.4f}"
    assert f"{found} (p {kept['recall@10_p']:.4f})" in readme
    assert f"It is {0.39 - molar['recall@10']:.4f} short of 0.39" in readme
    less = "{:.4f} less (p {:.4f})"
    said = {"without alignment": "{:.4f} less here (p {:.4f})", "text only": less, "image only": less}
    said |= {"with GRU4Rec": less, "with FPMC": less}
    for variant, words in said.items():
        row = next(row for row in rows if row["model"] == f"Molar, {variant}")
        assert words.format(-row["recall@10_difference"], row["recall@10_p"]) in readme
    found = {row["model"]: f"{row['recall@10']:.4f}" for row in rows if row["seen_removed"]}
    aligned, alone = ([found[f"{of}{name}"] for name in ("GRU4Rec", "FPMC")] for of in ("Molar, with ", ""))
    assert f"{' and '.join(aligned)} where these alone find {' and '.join(alone)}" in readme


def test_what_counts_in_sparse_histories_is_what_the_benchmark_says() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    rows = json.loads((ROOT / "assets" / "benchmarks" / "movielens-1m-sparse.json").read_text())["rows"]
    for variant, words in {"plain blocks": "plain ones", "with GRU4Rec": "GRU4Rec", "with FPMC": "FPMC"}.items():
        row = next(row for row in rows if row["model"] == f"Molar, {variant}")
        assert f"{words}: {row['recall@10_difference']:.4f}, p {row['recall@10_p']:.4f}" in readme


@pytest.mark.parametrize(
    ("file", "encoder"), [("item-encoder-content", "smollm2-effnet"), ("item-encoder-compact-content", "compact")]
)
def test_the_figures_of_the_item_encoders_are_those_of_the_benchmark(file: str, encoder: str) -> None:
    page = ITEM_ENCODERS.read_text()
    rows = json.loads((ROOT / "assets" / "benchmarks" / f"{file}.json").read_text())["rows"]
    for row in rows:
        named = {"frozen towers": "frozen towers", "all tasks": f"`{encoder}`, three tasks"}
        name = named.get(row["variant"], f"`{encoder}`, {row['variant']}")
        compared = [f"recall@10_{part}" for part in ("difference", "low", "high")]
        last = "{:+.4f} [{:+.4f}, {:+.4f}] ".format(*map(row.get, compared)) if compared[0] in row else ""
        assert f"| {name} | {row['recall@10']:.4f} | {row['ndcg@10']:.4f} | {last}|" in page


def test_the_figures_of_item_vectors_by_themselves_are_those_of_the_benchmark() -> None:
    page = ITEM_ENCODERS.read_text()
    rows = json.loads((ROOT / "assets" / "benchmarks" / "item-encoder.json").read_text())["rows"]

    def figure(encoder: str, name: str, **asked: object) -> str:
        return next(
            f"{row[name]:.4f}" for row in rows if {"encoder": encoder, **asked}.items() <= row.items() and name in row
        )

    names = {"towers": "frozen towers"}
    for backbone in ("compact", "smollm2-effnet"):
        names |= {backbone: f"`{backbone}`, before", f"encoders/{backbone}": f"`{backbone}`, three tasks"}
    names["encoders/smollm2-effnet-e2e"] = "`smollm2-effnet`, then end to end"
    for encoder, name in names.items():
        found = [
            "" if encoder == "towers" else figure(encoder, f"recall@{k}", direction="image to text") for k in (1, 10)
        ]
        found.append(figure(encoder, "any", view="both"))
        found.append(figure(encoder, "accuracy", of="whole vector", neighbours=5))
        assert f"| {name} |" + "".join(f" {cell} |" if cell else " |" for cell in found) in page
    for backbone, says in (("compact", "falls from {} to {}"), ("smollm2-effnet", "rises from {} to {}")):
        alone = [
            figure(name, "accuracy", of="language model's state", neighbours=5)
            for name in (backbone, f"encoders/{backbone}")
        ]
        assert says.format(*alone) in page


def test_the_readme_says_of_item_encoders_what_their_page_says() -> None:
    readme = (ROOT / "README.md").read_text()
    short = readme.partition("### Item encoders\n")[2].partition("###")[0]
    figures = re.findall(r"\d+\.\d+|\b342\b", short)
    assert len(figures) == 7
    page = ITEM_ENCODERS.read_text()
    assert [figure for figure in figures if figure not in page] == []


def test_the_figures_of_cold_start_are_those_of_the_benchmark() -> None:
    page = ITEM_ENCODERS.read_text()
    rows = json.loads((ROOT / "assets" / "benchmarks" / "item-encoder-compact-content.json").read_text())["cold"]
    assert [row["model"] for row in rows] == ["chance", "SASRec", "content only", "Molar"]
    for row in rows:
        assert f"| {row['model']} | {row['recall@10']:.4f} |" in page
    assert f"{rows[0]['candidates']} withheld" in page
    assert f"{rows[0]['events']:,} events" in page


def test_what_a_task_is_worth_is_what_the_comparison_says() -> None:
    page = " ".join(ITEM_ENCODERS.read_text().split())
    rows = json.loads((ROOT / "assets" / "benchmarks" / "item-encoder-compact-tasks.json").read_text())["rows"]
    for row in rows[1:]:
        difference, low, high = (row[f"recall@10_{part}"] for part in ("difference", "low", "high"))
        if row["run"].startswith("without"):
            assert f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]" in page
        else:
            assert f"{-difference:.4f} [{-high:.4f}, {-low:.4f}]" in page


def test_the_figures_of_two_seeds_are_those_of_the_benchmark() -> None:
    page = " ".join(ITEM_ENCODERS.read_text().split())
    rows = json.loads((ROOT / "assets" / "benchmarks" / "item-encoder-seeds.json").read_text())["rows"]
    towers, encoder = rows
    assert towers["seeds"] == encoder["seeds"] == 2
    difference, low, high, p = (encoder[f"recall@10_{part}"] for part in ("difference", "low", "high", "p"))
    found = f"has {encoder['recall@10']:.4f} in the mean, the frozen towers {towers['recall@10']:.4f}, "
    assert found + f"{difference:+.4f} [{low:+.4f}, {high:+.4f}], p {p:.4f}" in page


def test_the_speed_of_training_is_that_of_the_benchmark() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    ours, full, binary = json.loads((ROOT / "assets" / "benchmarks" / "training.json").read_text())["sasrec"]["rows"]
    assert f"{ours['events_per_second']:,} events a second" in readme
    assert f"{full['ratio']} times as many as a plain padded SASRec" in readme
    assert f"{binary['ratio']} times as many as one with binary cross-entropy" in readme
    assert f"{int(ours['share_of_matrix_rate'] * 100) / 100} of what the machine multiplies" in readme


def test_the_table_of_imports_is_that_of_the_benchmark() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = json.loads((ROOT / "assets" / "benchmarks" / "import.json").read_text())["rows"]
    for events, items in {(row["events"], row["items"]) for row in rows}:
        of_form = {row["form"]: row for row in rows if (row["events"], row["items"]) == (events, items)}
        cells = [f"{of_form[form]['seconds']} s, {of_form[form]['peak_mb']:.0f} MB" for form in ("hm", "amazon")]
        assert f"| {events:,} of {items:,} | {cells[0]} | {cells[1]} |" in readme
        assert max(row["peak_mb"] for row in of_form.values()) < 2000


def test_the_table_of_training_on_large_catalogues_is_that_of_the_benchmark() -> None:
    readme = (ROOT / "README.md").read_text()
    found = json.loads((ROOT / "assets" / "benchmarks" / "catalogue.json").read_text())["rows"]
    rows = {(row["items"], row["item_tables"]): row for row in found}

    def cells(name: str, form: str, scale: float) -> list[str]:
        tables = [rows.get((items, item_tables)) for item_tables in ("whole", "rows")]
        return ["" if row is None else form.format(row[name] / scale) for row in tables]

    for items in sorted({items for items, _ in rows}):
        row = [f"{items:,}", *cells("milliseconds", "{:.0f}", 1), *cells("peak_mb", "{:.1f} GB", 1000)]
        assert "| " + " | ".join(row).replace("  ", " ") + " |" in readme, row
    assert (
        f"{rows[1_000_000, 'rows']['milliseconds'] / rows[10_000, 'rows']['milliseconds']:.1f} times as long"
        in (ROOT / "CHANGELOG.md").read_text()
    )


def test_a_step_on_a_large_catalogue_on_a_gpu() -> None:
    found = json.loads((ROOT / "assets" / "benchmarks" / "catalogue-h200.json").read_text())
    assert "H200" in found["machine"]
    whole, rows, host = (
        next(row for row in found["rows"] if row["item_tables"] == item_tables)
        for item_tables in ("whole", "rows", "host")
    )
    readme = " ".join((ROOT / "README.md").read_text().split())
    times = (
        f"takes {whole['milliseconds']:.0f} ms where it looks at all of them, {rows['milliseconds']:.0f} ms where it"
    )
    assert times in readme
    assert f"and {host['milliseconds']:.0f} ms where these are in host memory" in readme
    memory = (f"{row['gpu_peak_mb'] / 1000:.1f}" for row in (whole, rows, host))
    assert "{}, {} and {} GB of the GPU's".format(*memory) in readme
