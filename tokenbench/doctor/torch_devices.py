"""Torch, and where networks can run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.metadata import version

from tokenbench.doctor.line import Line, gigabytes
from tokenbench.doctor.software import unmet
from tokenbench.errors import TokenBenchError, printable


def devices(planned: str | None) -> Iterator[Line]:
    """Versions and devices with their memory; a planned device is opened."""
    import torch

    yield Line("ok", "torch", torch.__version__)
    # Loading torchvision takes longer than all else here. Its metadata names the one torch that it is built for.
    if wrong := unmet("torchvision"):
        remedy = "pip install --upgrade torch torchvision"
        yield Line("missing", "torchvision", f"wants another installation: {', '.join(wrong)}", remedy, needed=True)
    else:
        yield Line("ok", "torchvision", version("torchvision"))
    yield from _cuda()
    if torch.backends.mps.is_available():
        yield Line("ok", "mps", "Apple's GPU")
    if planned is not None:
        yield _planned(planned)


def _cuda() -> Iterator[Line]:
    import torch

    # A driver that is too old is told of in a warning alone.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    for number in range(torch.cuda.device_count() if there else 0):
        found = torch.cuda.get_device_properties(number)
        yield Line("ok", f"cuda:{number}", f"{found.name}, {gigabytes(found.total_memory)}")
    if there:
        return
    if torch.version.cuda is None:
        yield Line("note", "cuda", "this torch is built without it; networks run on the CPU")
    else:
        reason = printable(caught[0].message) if caught else "no device or no driver"
        yield Line("note", "cuda", f"{reason}; networks run on the CPU")


def _planned(name: str) -> Line:
    from tokenbench.evaluation.device import open_device

    try:
        open_device(name)
    except TokenBenchError as error:
        return Line("missing", f"device {name}", "", str(error), needed=True)
    return Line("ok", f"device {name}")
