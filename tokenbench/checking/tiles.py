"""Tiles against the whole picture: what it would cost to cut frames that do not fit into memory."""

from __future__ import annotations

import torch

from tokenbench.checking.compare import difference, psnr, shown
from tokenbench.checking.finding import Finding, absent, measured
from tokenbench.checking.subject import Subject


def tiles(subject: Subject) -> Finding:
    """How far two tiles side by side are from the whole photograph, and next to their seam."""
    photograph, unit = subject.photograph, subject.unit[1]
    width = photograph.shape[-1]
    cut = width // unit // 2 * unit
    if not cut:
        return absent(f"a picture of {width} pixels is one tile")
    parts = [subject.through_runner(part.contiguous()) for part in photograph.split([cut, width - cut], dim=-1)]
    joined, whole = torch.cat(parts, dim=-1), subject.seen
    apart, seam = difference(joined, whole), slice(cut - unit, cut + unit)
    near = psnr(joined[..., seam], whole[..., seam])
    largest = apart.largest * 127.5
    return measured(
        f"two tiles of {cut} and {width - cut} columns against the whole photograph: {shown(apart.decibels)}, within "
        f"{unit} of the seam {shown(near)}, at most {largest:.3g} levels of 255",
        decibels=apart.decibels,
        seam_decibels=near,
        largest_levels=largest,
    )
