"""The PSNR of every frame, from a run's frames.csv."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.records import WRITE_AGAIN


def read_frames(folder: Path, clips: Collection[str]) -> dict[str, list[float]]:
    """The PSNR of the frames of those clips, in their order, by clip; nothing where the run has no such file.

    Raises:
        TokenBenchError: the file cannot be read, or holds something else.
    """
    file = folder / "frames.csv"
    if not file.is_file():
        return {}
    series: dict[str, list[float]] = {}
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.reader(lines)
            header = next(reader, [])
            if not {"clip", "psnr"} <= set(header):
                raise TokenBenchError(f"{file} has no columns 'clip' and 'psnr'; {WRITE_AGAIN}")
            clip, psnr = header.index("clip"), header.index("psnr")
            for line in reader:
                if line and line[clip] in clips:
                    series.setdefault(line[clip], []).append(float(line[psnr]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TokenBenchError(f"{file} cannot be read: {error}; {WRITE_AGAIN}") from error
    except (ValueError, IndexError) as error:
        raise TokenBenchError(f"{file}, line {reader.line_num}: no number under 'psnr'; {WRITE_AGAIN}") from error
    return series
