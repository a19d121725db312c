"""What is thought of a measured value beside a published one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tokenbench.reproduction.measure import Outcome
from tokenbench.reproduction.plan import PaperMetric, load_tables
from tokenbench.reproduction.published import Published
from tokenbench.reproduction.timing import Timing, timed_outcomes, timings_of
from tokenbench.reproduction.verdict import allowed, judge

PSNR = PaperMetric(paper="PSNR", name="psnr", title="PSNR (dB)", decimals=2, tolerance=0.1, reason="of the test")
RFVD = replace(PSNR, paper="rFVD", name="fvd", tolerance=0.05, relative=True)
PUBLISHED = Published(
    version="v1, v2",
    section="DAVIS",
    tokenizer="CV",
    kind="continuous",
    modality="video",
    compression="4x8x8",
    formulation="AE",
    metric="PSNR",
    value="32.80",
    source="the test",
    confidence="one source",
)


@pytest.mark.parametrize(
    ("measured", "verdict"), [(32.8, "within tolerance"), (32.9, "within tolerance"), (32.7, "within tolerance")]
)
def test_the_tolerance_itself_is_within(measured: float, verdict: str) -> None:
    assert judge("DAVIS", PSNR, PUBLISHED, Outcome(values={"psnr": measured})).verdict == verdict


def test_beyond_it_a_value_is_off_and_the_note_on_its_row_is_why() -> None:
    cell = judge("DAVIS", PSNR, PUBLISHED, Outcome(values={"psnr": 32.42}), note="in dispute")
    assert (cell.verdict, cell.reasons) == ("off", ("in dispute",))
    assert cell.difference == pytest.approx(-0.38)
    assert judge("DAVIS", PSNR, PUBLISHED, Outcome(values={"psnr": 32.911})).reasons == ()


def test_a_relative_tolerance_is_a_share_of_the_published_value() -> None:
    fvd = replace(PUBLISHED, metric="rFVD", value="20.00")
    assert allowed(RFVD, fvd) == pytest.approx(1.0)
    assert judge("DAVIS", RFVD, fvd, Outcome(values={"fvd": 20.99})).verdict == "within tolerance"
    assert judge("DAVIS", RFVD, fvd, Outcome(values={"fvd": 21.01})).verdict == "off"


def test_values_of_other_data_are_never_off() -> None:
    outcome = Outcome(values={"psnr": 10.0, "fvd": 1.0}, deviations=("only ten clips",))
    for metric in (PSNR, RFVD):
        cell = judge("DAVIS", metric, PUBLISHED, outcome)
        assert (cell.verdict, cell.reasons) == ("other data", ("only ten clips",))


def test_all_that_is_lacking_is_said() -> None:
    outcome = Outcome(lacking=("data set missing", "weights missing"), missing={"fvd": "no I3D"})
    assert judge("DAVIS", PSNR, PUBLISHED, outcome).reasons == ("data set missing", "weights missing")
    assert judge("DAVIS", RFVD, None, outcome).reasons == ("data set missing", "weights missing", "no I3D")
    assert judge("DAVIS", PSNR, PUBLISHED, Outcome()).reasons == ("no clip has a value",)


def test_a_value_that_nobody_published_has_no_verdict_on_it() -> None:
    cell = judge("DAVIS", PSNR, None, Outcome(values={"psnr": 32.0}))
    assert (cell.verdict, cell.difference) == ("nothing published", None)


def record(
    tokenizer: str, name: str, frames: int, size: list[int], milliseconds: float, **case: object
) -> dict[str, Any]:
    return {
        "status": "measured",
        "case": {"tokenizer": tokenizer, "batch": 1, "compile": False, "settings": {}, **case},
        "machine": {"name": name},
        "input": {"size": size, "frames": frames},
        "milliseconds": {"total": {"mean": milliseconds, "median": 0.0}},
    }


def test_table_nine_takes_the_times_of_its_sizes_and_says_of_which_device_they_are() -> None:
    table = load_tables()[9]
    timings = timings_of(
        [
            record("cosmos-ci-8x8", "NVIDIA A100-SXM4-80GB", 1, [1024, 1024], 62.0),
            record("cosmos-dv-4x8x8", "NVIDIA H200", 17, [720, 1280], 20.0),
            record("cosmos-cv-4x8x8", "NVIDIA A100-SXM4-80GB", 17, [720, 1280], 30.0),
            record("flux-8x8", "NVIDIA A100-SXM4-80GB", 1, [1024, 1024], 30.0, batch=2),
            record("llamagen-8x8", "NVIDIA A100-SXM4-80GB", 1, [1024, 1024], 99.0, compile=True),
        ]
    )
    outcomes = {row.tokenizer: outcome for row, outcome in timed_outcomes(table, timings).items()}
    time = table.metrics[1]
    cells = {
        row.tokenizer: judge("A100", time, row.values["runtime A100-80GB", time.paper], outcomes[row.tokenizer])
        for row in table.rows
    }
    assert (cells["cosmos-ci-8x8"].measured, cells["cosmos-ci-8x8"].verdict) == (62.0, "within tolerance")
    assert cells["cosmos-dv-4x8x8"].reasons == ("timed on NVIDIA H200, the paper on A100",)
    assert cells["llamagen-8x8"].reasons == ("timed with torch.compile",)
    assert cells["cosmos-cv-4x8x8"].reasons[0].startswith("not timed at 49 frames of 720x1280: use tokenbench")
    assert cells["flux-8x8"].verdict == "not run"


def test_parameters_are_counted_without_any_weights() -> None:
    table = load_tables()[9]
    (row,) = (row for row in table.rows if row.paper == "Cosmos-0.1-Tokenizer-CV4x8x8")
    outcome = timed_outcomes(table, [])[row]
    cell = judge("A100", table.metrics[0], row.values["runtime A100-80GB", "parameters_M"], outcome, row.note)
    assert cell.measured == pytest.approx(73.192128)
    assert cell.verdict == "off"
    assert "73.2 M" in cell.reasons[0]


def test_a_timing_says_what_it_is_of() -> None:
    timing = Timing(tokenizer="x", resolution="720x1280", frames=17, milliseconds=3.0, device="CPU")
    assert timings_of([record("x", "CPU", 17, [720, 1280], 3.0)]) == [timing]
