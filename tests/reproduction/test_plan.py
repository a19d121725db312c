"""The plan of the real tables fits the published values, the registry and the metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenbench.datasets.sources import SOURCES
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.storage import STORAGES
from tokenbench.metrics.catalog import METRICS
from tokenbench.registry import registered
from tokenbench.reproduction.plan import Row, load_tables
from tokenbench.reproduction.timing import PARAMETERS, TIME


def row(number: int, paper: str, **wanted: str) -> Row:
    rows = load_tables()[number].rows
    (found,) = (each for each in rows if each.paper == paper and all(getattr(each, n) == v for n, v in wanted.items()))
    return found


def test_every_row_is_a_registered_tokenizer_of_the_published_compression() -> None:
    cards = registered()
    for table in load_tables().values():
        for each in table.rows:
            time, *space = cards[each.tokenizer].info.compression
            factors = [time, *space] if each.compression.count("x") == 2 else space
            assert "x".join(map(str, factors)) == each.compression, each.paper
        for each in table.stand_ins:
            assert each.tokenizer in cards


def test_tables_have_the_papers_rows_in_its_order() -> None:
    tables = load_tables()
    assert list(tables) == [5, 6, 7, 8, 9]
    assert [each.tokenizer for each in tables[8].rows] == [
        *("open-magvit2-16x16", "llamagen-8x8", "llamagen-16x16", "cosmos-di-8x8", "cosmos-di-16x16"),
    ]
    assert [len(table.rows) for table in tables.values()] == [8, 6, 3, 5, 9]
    for table in tables.values():
        assert all(each.values for each in table.rows)


def test_every_published_value_of_a_row_has_a_column() -> None:
    for table in load_tables().values():
        metrics = {metric.paper for metric in table.metrics}
        sections = {dataset.paper for dataset in table.datasets} or {"runtime A100-80GB"}
        for each in table.rows:
            assert {section for section, _ in each.values} <= sections
            assert {metric for _, metric in each.values} <= metrics


def test_metrics_storages_and_sources_are_known() -> None:
    for table in load_tables().values():
        assert {metric.name for metric in table.metrics} <= {*METRICS, PARAMETERS, TIME}
        for dataset in table.datasets:
            assert dataset.storage in STORAGES
            assert dataset.source in ("", *SOURCES)


def test_published_frames_are_the_windows() -> None:
    assert row(5, "Cosmos-1.0-Tokenizer-CV8x8x8").window == 121
    assert row(5, "CogVideoX-Tokenizer").window == 17
    assert row(6, "VideoGPT-Tokenizer").window is None
    assert row(7, "FLUX-Tokenizer").window is None


def test_one_name_with_two_networks_is_told_apart() -> None:
    assert row(9, "Omni-Tokenizer", formulation="VAE").tokenizer == "omnitokenizer-vae-4x8x8"
    assert row(9, "Omni-Tokenizer", formulation="VQ").tokenizer == "omnitokenizer-vq-4x8x8"
    assert row(8, "LlamaGen-Tokenizer", compression="16x16").tokenizer == "llamagen-16x16"


def test_rows_in_dispute_say_so() -> None:
    assert "in dispute" in row(9, "Cosmos-0.1-Tokenizer-CV4x8x8").note
    assert "in dispute" in row(5, "Cosmos-Tokenize1-CV8x8x8-720p").note


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('metrics = ["PSNR", "rFVD"]', 'metrics = ["PSNR", "rFVDD"]', "a table names 'rFVDD'"),
        ('paper = "Big-Tokenizer"', 'paper = "Bigger"', "names no tokenizer for Big-Tokenizer 4x8x8"),
        ("decimals = 2", "decimal = 2", "metrics 1 has the unknown key 'decimal': did you mean 'decimals'?"),
        ("reproduction/1", "reproduction/2", "schema is 'tokenbench.reproduction/2'"),
        ("[[metrics]]", "[[metrics]", "reproduction.toml cannot be read"),
    ],
)
def test_a_damaged_plan_is_said_in_one_line(paper: Path, old: str, new: str, message: str) -> None:
    file = paper / "reproduction.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(TokenBenchError, match=message.replace("[", r"\[").replace("?", r"\?")):
        load_tables()
