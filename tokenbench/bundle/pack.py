"""Write a bundle: a folder, or a tar archive."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm
from tqdm.utils import CallbackIOWrapper

from tokenbench.bundle.contents import README, open_bundle, verify
from tokenbench.bundle.readme import readme
from tokenbench.bundle.record import RECORD, Bundle, dump, parse
from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file, whole_file, write_text

_CHUNK = 1 << 20


def is_archive(out: Path) -> bool:
    """Whether a bundle of that name is an archive, and not a folder."""
    return out.suffix == ".tar"


def pack(bundle: Bundle, paths: Mapping[str, Path], out: Path) -> None:
    """Write a bundle, and read all of it again to compare every file with its digest.

    Files of a folder that are there already, from a call that was interrupted, are kept; an archive is written whole or
    not at all. A bar on stderr shows how far it is, where that is a terminal.

    Args:
        bundle: of `gather`.
        paths: where each of its files lies on this machine, by its place in the bundle.
        out: a name that ends in ".tar", or a folder.

    Raises:
        TokenBenchError: something else is there; a file changes while it is copied.
        OutputError: the disk is full, or cannot be written.
    """
    refuse_foreign(out)
    is_there = _is_there(bundle, out)
    with tqdm(total=2 * bundle.bytes, desc=out.name, unit="B", unit_scale=True, disable=None) as progress:
        if not is_archive(out):
            _write_folder(bundle, paths, out, progress)
        elif not is_there:
            with whole_file(out) as temporary:
                _write_archive(bundle, paths, temporary, progress)
                _verify(temporary, out, progress)
            return
        _verify(out, out, progress)


def refuse_foreign(out: Path) -> None:
    """Refuse a place where something is that is no bundle; costs nothing, so it is asked before any download.

    Raises:
        TokenBenchError: something else is there.
    """
    if not is_archive(out) and out.is_file():
        raise TokenBenchError(f"{out} is a file; name a folder, or a new file that ends in .tar")
    if is_archive(out) and out.is_dir():
        raise TokenBenchError(f"{out} is a folder; name a file that ends in .tar, or a folder of another name")
    if is_archive(out) and out.is_file() and not tarfile.is_tarfile(out):
        raise TokenBenchError(f"{out} is another file; name a new one")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise TokenBenchError(f"{out} holds other files; name a new folder")


def _is_there(bundle: Bundle, out: Path) -> bool:
    """Whether a place has this bundle, or, of a folder, a part of it.

    Raises:
        TokenBenchError: it has another one.
    """
    if is_archive(out):
        if not out.exists():
            return False
        with open_bundle(out) as contents:
            same = contents.bundle == bundle
    elif not (out / RECORD).is_file():
        return False
    else:
        same = parse((out / RECORD).read_bytes(), str(out)) == bundle
    if not same:
        raise TokenBenchError(f"{out} holds another bundle; name a new place, or delete that one")
    return True


def _write_folder(bundle: Bundle, paths: Mapping[str, Path], out: Path, progress: tqdm) -> None:
    # The record comes first: by it the next call knows what an interrupted one has left.
    write_text(out / RECORD, dump(bundle))
    write_text(out / README, readme(bundle))
    for place, file in bundle.files:
        target = out / place
        if target.is_file() and target.stat().st_size == file.bytes and sha256_of_file(target) == file.sha256:
            progress.update(file.bytes)
            continue
        with whole_file(target) as temporary, paths[place].open("rb") as source, temporary.open("wb") as copy:
            shutil.copyfileobj(CallbackIOWrapper(progress.update, source, "read"), copy, _CHUNK)


def _write_archive(bundle: Bundle, paths: Mapping[str, Path], path: Path, progress: tqdm) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in ((RECORD, dump(bundle)), (README, readme(bundle))):
            tar.addfile(_member(name, len(text.encode())), io.BytesIO(text.encode()))
        for place, file in bundle.files:
            with paths[place].open("rb") as source:
                tar.addfile(_member(place, file.bytes), CallbackIOWrapper(progress.update, source, "read"))


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Without times and owners: the same weights are the same archive."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _verify(path: Path, out: Path, progress: tqdm) -> None:
    try:
        with open_bundle(path) as contents:
            verify(contents, progress.update)
    except TokenBenchError as error:
        raise TokenBenchError(f"{out} was not written as it should be: {error}; type the same command again") from error
