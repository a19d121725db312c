"""The paper's numbers, as they come with TokenBench."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.reproduction import published as module
from tokenbench.reproduction.published import Published, paper_folder, published

SHEET = Path(__file__).parents[3] / "shared" / "facts" / "paper_tables.csv"
PLACES = {
    **{str(number): (f"table{number}", "v1, v2") for number in range(4, 10)},
    "5(v3)": ("table5", "v3"),
    "Fig8": ("figure8", "v1, v2"),
    "legacy-2024-11": ("leaderboard-2024-11", "2024-11"),
}


def only(values: tuple[Published, ...], **wanted: str) -> Published:
    (found,) = (each for each in values if all(getattr(each, name) == text for name, text in wanted.items()))
    return found


@pytest.mark.skipif(not SHEET.is_file(), reason=f"the fact sheet is not part of the repository: no {SHEET}")
def test_every_value_of_the_fact_sheet_is_there_once_and_nothing_else() -> None:
    with SHEET.open(newline="") as file:
        facts = list(csv.DictReader(file))
    expected = []
    for fact in facts:
        name, version = PLACES[fact.pop("table")]
        expected.append((name, Published(version=version, **fact)))
    names = [path.stem for path in sorted(paper_folder().glob("*.csv"))]
    found = [(name, value) for name in names for value in published(name)]
    assert len(found) == len(expected) == 309
    assert set(found) == set(expected)


def test_a_value_knows_what_it_is_of_and_where_it_stands() -> None:
    found = only(published("table5"), tokenizer="Cosmos-0.1-Tokenizer-CV4x8x8", section="DAVIS", metric="PSNR")
    assert (found.value, found.number, found.confidence) == ("32.80", 32.8, "two or more sources")
    assert found.source.startswith("arXiv 2501.03575 Table 5")
    assert only(published("table4"), tokenizer="FLUX-Tokenizer", metric="supports_video").value == "no"


def test_the_older_leaderboard_is_kept_apart() -> None:
    paper = [value for number in range(4, 10) for value in published(f"table{number}")]
    assert not [value for value in paper if "wrap" in value.metric or value.version == "2024-11"]
    old = only(
        published("leaderboard-2024-11"),
        tokenizer="Cosmos-0.1-Tokenizer-CV4x8x8",
        section="TokenBench",
        metric="PSNR_uint8wrap",
    )
    assert old.number == 37.27


def test_rows_of_the_third_version_say_so() -> None:
    names = {value.tokenizer for value in published("table5") if value.version == "v3"}
    assert names == {"Cosmos-Tokenize1-CV4x8x8-360p", "Cosmos-Tokenize1-CV8x8x8-720p"}


def test_what_is_no_number_is_said_in_one_line() -> None:
    found = only(published("table6"), tokenizer="VideoGPT-Tokenizer", metric="frames")
    with pytest.raises(TokenBenchError, match="frames of VideoGPT-Tokenizer is 'n/a', expected a number"):
        _ = found.number


def test_a_damaged_or_missing_file_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "paper_folder", lambda: tmp_path)
    with pytest.raises(TokenBenchError, match=r"table5\.csv cannot be read"):
        published("table5")
    (tmp_path / "table5.csv").write_text("version,section\nv1,DAVIS\n")
    with pytest.raises(TokenBenchError, match=r"table5\.csv: expected the columns version, section, tokenizer"):
        published("table5")
