"""The three forms of a filled table, held to files that were read and approved."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenbench.reproduction.filled import FilledTable, fill
from tokenbench.reproduction.forms import csv_text, latex, markdown
from tokenbench.reproduction.measure import Job, Outcome
from tokenbench.reproduction.plan import load_tables
from tokenbench.reproduction.sections import Section

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def filled(paper: Path) -> FilledTable:
    """Every verdict but "nothing published" once, and a stand-in."""
    table = load_tables()[5]
    haar, big = table.rows
    street, far = (Section(title=name, storage="none") for name in ("Street", "Far away"))
    mini = Section(title="mini", storage="none", deviations=("mini is not the paper's data",))
    no_far, no_i3d = "data set missing: Far away", "weights missing: i3d"
    outcomes = {
        (haar, street): Outcome(values={"psnr": 30.04, "fvd": 8.0}, run="haar-1", protocol="paper/1+window=9"),
        (haar, far): Outcome(lacking=(no_far,), missing={"fvd": no_i3d}),
        (big, street): Outcome(lacking=("weights missing: tokenbench weights fetch big_&_bold",)),
        (big, far): Outcome(lacking=(no_far, "weights missing: tokenbench weights fetch big_&_bold")),
        (table.stand_ins[0], mini): Outcome(
            values={"psnr": 28.5}, missing={"fvd": no_i3d}, deviations=mini.deviations, run="haar8-1"
        ),
    }
    jobs = [(Job(row=row, section=section), outcome) for (row, section), outcome in outcomes.items()]
    return fill(table, [street, far, mini], jobs, "Protocol paper/1; cpu, float32.")


@pytest.mark.parametrize(("ending", "write"), [("md", markdown), ("csv", csv_text), ("tex", latex)])
def test_the_form_is_the_approved_one(filled: FilledTable, ending: str, write: Callable[[FilledTable], str]) -> None:
    assert write(filled) == (GOLDEN / f"table.{ending}").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX engine on this machine: no pdflatex")
def test_the_latex_compiles(filled: FilledTable, tmp_path: Path) -> None:
    text = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + latex(filled) + r"\end{document}"
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 10_000


def test_verdicts_are_counted_and_reasons_numbered_in_their_order(filled: FilledTable) -> None:
    assert filled.verdicts == {"within tolerance": 1, "off": 1, "not run": 7, "other data": 1}
    assert filled.reasons[:2] == ["in dispute: it is said to be trained", "data set missing: Far away"]
