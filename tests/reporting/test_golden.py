"""Every form of the tables, letter by letter; run as a script (with tests in PYTHONPATH), it writes the files anew."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from golden_support import write_golden_runs

from tokenbench.reporting import against, domain_tables, slice_tables
from tokenbench.reporting.comparisons import compare_all
from tokenbench.reporting.json_form import json_text
from tokenbench.reporting.leaderboard import Group, group_runs
from tokenbench.reporting.model_index import model_indexes
from tokenbench.reporting.runs import load_runs
from tokenbench.reporting.slices import break_down
from tokenbench.reporting.tables import csv_text, latex, markdown

GOLDEN = Path(__file__).parent / "golden"
FORMS = (
    *("leaderboard.md", "leaderboard.csv", "leaderboard.tex", "leaderboard.json", "domains.md", "domains.csv"),
    *("domains.tex", "slices.md", "slices.csv", "slices.tex"),
    *("against.md", "net-c-co-window-17.yaml", "net-d.yaml"),
)
TEX = shutil.which("pdflatex") or shutil.which("tectonic")


def forms(groups: list[Group]) -> dict[str, str]:
    comparisons = compare_all(groups)
    breakdowns = {group.slug: break_down(group) for group in groups}
    return {
        "leaderboard.md": markdown(groups),
        "leaderboard.csv": csv_text(groups),
        "leaderboard.tex": latex(groups),
        "leaderboard.json": json_text(groups, breakdowns),
        "domains.md": domain_tables.markdown(groups),
        "domains.csv": domain_tables.csv_text(groups),
        "domains.tex": domain_tables.latex(groups),
        "slices.md": slice_tables.markdown(groups, breakdowns),
        "slices.csv": slice_tables.csv_text(groups, breakdowns),
        "slices.tex": slice_tables.latex(groups, breakdowns),
        "against.md": against.markdown(groups, comparisons, against.find_baselines(groups, "net-D")),
        **model_indexes(groups),
    }


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> list[Group]:
    return group_runs(load_runs(write_golden_runs(tmp_path_factory.mktemp("golden"))))


@pytest.fixture(scope="module")
def written(groups: list[Group]) -> dict[str, str]:
    return forms(groups)


def test_there_is_a_golden_file_for_each_form(written: dict[str, str]) -> None:
    assert set(written) == set(FORMS) == {path.name for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_as_they_were(name: str, written: dict[str, str]) -> None:
    assert written[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_json_has_every_interval_and_where_it_comes_from(written: dict[str, str]) -> None:
    (group,) = json.loads(written["leaderboard.json"])["groups"]
    rows = {row["run"]: row for row in group["tables"][0]["rows"]}
    row = rows["net_C & co (window=17)"]
    assert row["metrics"]["psnr"] == {"value": 34.0, "ci95": [31.0, 37.0], "n": 4, "unit": ""}
    assert row["domains"]["robotics"]["metrics"]["psnr"]["value"] == 36.0
    origin = group["runs"][row["run"]]["provenance"]
    assert origin["weights SHA-256"] == "ab" * 32
    assert origin["manifest SHA-256"] == "6a1f" * 16
    assert origin["command"] == "tokenbench eval --out continuous"


def test_values_within_the_ceilings_interval_are_marked(groups: list[Group]) -> None:
    rows = {row.entry.title: row for row in groups[0].tables[0].rows}
    # SSIM 0.955 lies in [0.95, 0.98], which the ceiling of H.264 has; PSNR 33.5 lies below [36, 39].
    # rFVD, better when low, of 27 lies below 28.
    assert rows["net_C & co (window=17) · h264"].at_ceiling == {"ssim", "fvd"}
    assert all(not row.at_ceiling for title, row in rows.items() if title != "net_C & co (window=17) · h264")


def test_the_hubs_own_reader_takes_the_metadata(written: dict[str, str]) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.ModelCard(f"---\n{written['net-d.yaml']}---\n# A card\n", ignore_metadata_errors=False)
    assert card.data.model_name == "net-D"
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["psnr"].metric_value == 29.25
    assert results["psnr"].metric_args == {"clips": 4, "failed": 0, "ci95": [27.0, 31.5]}
    assert results["psnr"].dataset_revision == "6a1f" * 16
    assert set(results) == {"psnr", "ssim", "fvd", "bits_per_pixel"}


@pytest.mark.skipif(TEX is None, reason="no TeX engine on this machine")
def test_latex_compiles(written: dict[str, str], tmp_path: Path) -> None:
    document = (
        r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}"
        r"\usepackage{booktabs}\usepackage[landscape]{geometry}\begin{document}\footnotesize" + "\n"
    )
    tables = "\n".join(written[name] for name in ("leaderboard.tex", "domains.tex", "slices.tex"))
    (tmp_path / "table.tex").write_text(document + tables + "\\end{document}\n")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in str(TEX) else []
    done = subprocess.run([str(TEX), *options, "table.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").read_bytes().startswith(b"%PDF")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, text in forms(group_runs(load_runs(write_golden_runs(Path(folder))))).items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
