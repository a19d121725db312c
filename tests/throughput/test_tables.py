"""The rows as tables."""

from __future__ import annotations

import csv
import io
from typing import Any

from tokenbench.reporting.formats import GRID, NOTHING, TIMES
from tokenbench.throughput.files import csv_text
from tokenbench.throughput.tables import latex, markdown, published, sections

A100 = {"device": "cuda", "name": "NVIDIA A100", "torch": "2.9", "threads": 8}
CPU = {"device": "cpu", "name": "Xeon_R", "torch": "2.9", "threads": 2}


def times(median: float) -> dict[str, float]:
    return {"median": median, "low": median - 0.5, "high": median + 0.5, "mean": median}


def record(name: str, modality: str, size: list[int], frames: int, **more: Any) -> dict[str, Any]:
    case = {"tokenizer": name, "batch": 1, "dtype": "bfloat16", "weights": "random"}
    return {
        "case": case,
        "machine": A100,
        "tokenizer": {"name": name, "kind": "continuous", "modality": modality, "compression": [1, 8, 8]}
        | {"parameters": 76_789_472, "weights": "random initialisation"},
        "input": {"size": size, "frames": frames, "batch": 1, "items": frames, "shape": []},
        "flops": {"encode": 34_000_000_000, "decode": None, "means": "as it is"},
        "milliseconds": {"encode": times(20.25), "decode": times(40.0), "total": times(60.25)},
        "per_second": 16.6,
        "memory": {"peak_bytes": 3 * 2**30, "means": "what was held"},
        "status": "measured",
        **more,
    }


IMAGE = record("cosmos-ci-8x8", "image", [1024, 1024], 1)
VIDEO = record("cosmos-cv-4x8x8", "video", [720, 1280], 17)
FULL = record(
    "cosmos-dv-4x8x8", "video", [720, 1280], 17, machine=CPU, status="out of memory", at="first encode", error="n<o"
)
for key in ("milliseconds", "per_second", "memory", "flops"):
    del FULL[key]


def cells(section: Any, row: int = 0) -> dict[str, str]:
    return dict(zip(section.headers, section.rows[row], strict=True))


def test_rows_stand_together_by_modality_and_machine() -> None:
    found = sections([IMAGE, VIDEO, FULL, IMAGE])
    assert [section.title for section in found] == [
        "Images, NVIDIA A100, torch 2.9",
        "Video, NVIDIA A100, torch 2.9",
        "Video, Xeon_R, torch 2.9, threads: 2",
    ]
    assert [len(section.rows) for section in found] == [2, 1, 1]


def test_values_are_those_of_an_image_or_a_frame() -> None:
    image, video, _ = sections([IMAGE, VIDEO, FULL])
    assert cells(image) == {
        "Tokenizer": "cosmos-ci-8x8",
        GRID: f"1{TIMES}8{TIMES}8",
        "dtype": "bfloat16",
        f"H{TIMES}W": f"1024{TIMES}1024",
        "Frames": "1",
        "Batch": "1",
        "Params (M)": "76.8",
        "Encode (ms)": "20.2",
        "Decode (ms)": "40.0",
        "Total (ms)": "60.2 [59.8, 60.8]",
        "Published (ms)": "62.7",
        "Images/s": "16.6",
        "Memory (GiB)": "3.00",
        "Encode (GFLOP)": "34.0",
        "Decode (GFLOP)": NOTHING,
    }
    assert cells(video)["Encode (GFLOP)"] == "2.00"
    assert "Frames/s" in cells(video)
    assert image.notes == [
        "Times and operations are of one image; times are medians, with quartiles in brackets.",
        "Published: arXiv 2501.03575, Table 9, on one A100 80 GB, batch 1.",
        "Random weights, on which time does not depend: cosmos-ci-8x8.",
        "Memory: what was held.",
    ]


def test_a_published_value_stands_beside_the_same_thing_alone() -> None:
    assert published(IMAGE) == "62.7"
    assert published(record("cosmos-cv-4x8x8", "video", [720, 1280], 49)) == "34.8"
    assert published(VIDEO) == ""  # the paper timed 49 frames
    assert published(record("cosmos-ci-8x8", "image", [512, 512], 1)) == ""
    assert published(record("haar-8x8", "image", [1024, 1024], 1)) == ""
    assert published({**IMAGE, "input": {**IMAGE["input"], "batch": 4}}) == ""


def test_out_of_memory_stands_where_the_time_would() -> None:
    section = sections([FULL])[0]
    assert cells(section)["Total (ms)"] == "out of memory"
    assert cells(section)["Memory (GiB)"] == NOTHING
    assert section.notes[-1] == "cosmos-dv-4x8x8, out of memory at first encode: n<o"


def test_a_row_that_was_never_made_is_shown() -> None:
    bare = {key: FULL[key] for key in ("case", "machine", "status", "at", "error")}
    section = sections([bare])[0]
    assert section.title == "Not made, Xeon_R, torch 2.9, threads: 2"
    assert cells(section)["Tokenizer"] == "cosmos-dv-4x8x8"
    assert cells(section)[f"H{TIMES}W"] == NOTHING


def test_markdown_and_latex_show_words_as_they_are() -> None:
    text = markdown([IMAGE, FULL])
    assert "## Video, Xeon\\_R, torch 2.9, threads: 2" in text
    assert "first encode: n&lt;o" in text
    assert "| 60.2 \\[59.8, 60.8\\] | 62.7 |" in text
    text = latex([IMAGE, FULL])
    assert "\\begin{tabular}{lllrrrrrrrrrrrr}" in text
    assert "cosmos-ci-8x8 & 1$\\times$8$\\times$8 & bfloat16 & 1024$\\times$1024 & 1 & 1 & 76.8 & 20.2 & 40.0" in text
    assert "Throughput: Video, Xeon\\_R" in text
    assert text.count("\\begin{table}") == text.count("\\bottomrule") == 2


def test_csv_holds_full_precision_and_empty_cells() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text([IMAGE, FULL]))))
    assert lines[0]["encode_ms_median"] == "20.25"
    assert lines[0]["peak_bytes"] == str(3 * 2**30)
    assert (lines[0]["height"], lines[0]["width"], lines[0]["published_ms"]) == ("1024", "1024", "62.7")
    assert (lines[1]["total_ms_median"], lines[1]["status"], lines[1]["error"]) == ("", "out of memory", "n<o")
