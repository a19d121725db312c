"""Fetch one file from its public address, whole or not at all. Costs no torch."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench.errors import TokenBenchError
from tokenbench.files import whole_file
from tokenbench.weights.digest import sha256_of

_CHUNK = 1 << 20

# Seconds without a single byte.
_PATIENCE = 60

_HEADERS = {"User-Agent": "tokenbench"}

# What a server may raise while it is asked or read, errors of the operating system's sockets among them.
_BROKEN = (OSError, http.client.HTTPException)


def download(url: str, path: Path, *, sha256: str | None = None, advice: str) -> None:
    """Fetch a file; a bar on stderr shows how far it is, where that is a terminal.

    Args:
        url: http or https.
        path: that the file gets; a file that is there is replaced. Missing folders are made.
        sha256: that it must have, whole or its first digits; None where that is not known.
        advice: what else the user can do, for the message when the file cannot be had.

    Raises:
        TokenBenchError: no connection, another answer than the file, a download that broke off, or another digest.
        OutputError: the disk is full, or the folder cannot be written.
    """
    with whole_file(path) as temporary:
        _fetch(url, temporary, path.name, advice)
        found = sha256_of(temporary)
        if sha256 is not None and not found.startswith(sha256):
            raise TokenBenchError(
                f"what {_host(url)} sends is not the published {path.name}: its sha256 begins with "
                f"{found[: len(sha256)]}, expected {sha256}; try again, or {advice}"
            )


def _fetch(url: str, path: Path, name: str, advice: str) -> None:
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=_HEADERS), timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        raise TokenBenchError(f"{_host(url)} answered {error.code} for {name}; try again later, or {advice}") from error
    except _BROKEN as error:
        raise TokenBenchError(
            f"{_host(url)} cannot be reached for {name} ({_reason(error)}); check the network, or {advice}"
        ) from error
    with answer, path.open("wb") as file:
        if answer.headers.get_content_type() == "text/html":
            raise TokenBenchError(f"{_host(url)} sends a web page in place of {name}; try again later, or {advice}")
        length = answer.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        done = 0
        with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, dynamic_ncols=True) as progress:
            while chunk := _read(answer, name, done, advice):
                file.write(chunk)
                done += len(chunk)
                progress.update(len(chunk))
    # A server that leaves early is no error to the client's library.
    if total is not None and done != total:
        raise TokenBenchError(f"the download of {name} broke off at {done} of {total} bytes; try again, or {advice}")


def _read(answer: Any, name: str, done: int, advice: str) -> bytes:
    try:
        return answer.read(_CHUNK)
    except _BROKEN as error:
        raise TokenBenchError(
            f"the download of {name} broke off at {done} bytes ({_reason(error)}); try again, or {advice}"
        ) from error


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or url


def _reason(error: BaseException) -> str:
    """Why, on one line, without the number that the operating system gives it."""
    reason = getattr(error, "reason", error)
    return " ".join(str(getattr(reason, "strerror", None) or reason or type(error).__name__).split())
