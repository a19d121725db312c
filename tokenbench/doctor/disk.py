"""Cores, memory and room on disk; and how the Hugging Face hub would be asked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenbench.doctor.line import Line, gigabytes
from tokenbench.files import nearest_folder
from tokenbench.networks.find import checkpoints
from tokenbench.parallel import cores
from tokenbench.weights import weights_root

# A folder with less room than this is told of.
_SCARCE = 1e9

_MEMORY = Path("/proc/meminfo")


def machine(out: Path | None, tokenizers: Sequence[str]) -> Iterator[Line]:
    """Cores, memory, and the room in every folder that is written to.

    Args:
        out: planned folder for results.
        tokenizers: planned ones, whose missing weights must find room.
    """
    from huggingface_hub import constants

    from tokenbench.doctor.models import download_size

    yield Line("ok", "cores", str(cores()))
    yield Line("ok", "memory", _memory())
    yield _room("weights folder", weights_root())
    yield _room("hub cache", Path(constants.HF_HUB_CACHE), needs=download_size(tokenizers))
    yield _room("torch cache", checkpoints())
    yield _room("temporary files", Path(tempfile.gettempdir()))
    yield _room("results", out or Path("runs"), needed=out is not None)


def hub() -> Iterator[Line]:
    """Whether there is a token, and whether requests are allowed. Sends none."""
    from huggingface_hub import constants

    token = bool(os.environ.get("HF_TOKEN")) or Path(constants.HF_TOKEN_PATH).is_file()
    if token:
        yield Line("ok", "token", "there is one")
    else:
        yield Line(
            "note", "token", "none", "weights behind a licence need HF_TOKEN, of an account that has accepted it"
        )
    if constants.HF_HUB_OFFLINE:
        yield Line("note", "requests", "HF_HUB_OFFLINE is on", "nothing is fetched from the hub")
    else:
        yield Line("ok", "requests", constants.ENDPOINT)


def _room(what: str, folder: Path, *, needs: int = 0, needed: bool = False) -> Line:
    """A folder that is there or will be made."""
    there = nearest_folder(folder)
    free = shutil.disk_usage(there).free
    found = f"{gigabytes(free)} free in {folder}"
    if folder.exists() and not folder.is_dir():
        return Line("missing", what, f"{folder} is a file", "choose another folder", needed)
    if not os.access(there, os.W_OK | os.X_OK):
        return Line("missing", what, f"{there} cannot be written", "choose another folder, or ask its owner", needed)
    if needs > free:
        remedy = f"{gigabytes(needs)} at most are to be downloaded; free some space, or set HF_HOME to another disk"
        return Line("missing", what, found, remedy, needed=True)
    if free < _SCARCE:
        return Line("note", what, found, "free some space")
    return Line("ok", what, found)


def _memory() -> str:
    """Of the machine, and how much of it is free where the system says so."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not _MEMORY.exists():
        return gigabytes(total)
    lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines() if ":" in line)
    free = int(lines["MemAvailable"].split()[0]) * 1024
    return f"{gigabytes(total)}, {gigabytes(free)} free"
