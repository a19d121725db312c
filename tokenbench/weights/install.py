"""Import weights: copy files that fit a tokenizer into its folder, under their usual names, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import whole_folder
from tokenbench.weights.digest import sha256_of
from tokenbench.weights.local import weights_root
from tokenbench.weights.locate import WeightFiles, locate
from tokenbench.weights.parts import parts_of
from tokenbench.weights.provenance import PROVENANCE, Provenance, write_provenance
from tokenbench.weights.source import HubSource
from tokenbench.weights.tensors import PICKLES, SAFETENSORS, TORCHSCRIPT, read_tensors, weight_format

_SUFFIXES_OF = {"torchscript": (TORCHSCRIPT,), "safetensors": (SAFETENSORS,), "pickle": PICKLES}


def sources(
    name: str, given: Sequence[str], hub: HubSource | None, file_sets: Sequence[Sequence[str]], *, hint: str = ""
) -> WeightFiles:
    """The files that a user names: one file, folder or "hf:owner/name[@revision]", or several files.

    Raises:
        TokenBenchError: they are not there, or cannot be fetched.
        OutputError: the disk is full.
    """
    if len(given) == 1:
        return locate(name, given[0], hub, file_sets=file_sets, hint=hint)
    paths = tuple(Path(path).expanduser() for path in given)
    for path in paths:
        if not path.is_file():
            raise TokenBenchError(f"{path} is no file; name files, or one folder or hf:owner/name alone")
    return WeightFiles(paths, " + ".join(given))


def install(
    name: str,
    files: WeightFiles,
    file_sets: Sequence[Sequence[str]],
    *,
    check: Callable[[Path], object],
    force: bool = False,
) -> Path:
    """Copy weights into `weights_root() / name`, with a `provenance.json` that says where they came from.

    Args:
        name: of the tokenizer.
        files: under any names.
        file_sets: what the tokenizer's files are called.
        check: loads the tokenizer strictly from a folder; raises where the weights are not its own.
        force: replace other weights that are there.

    Returns:
        The folder.

    Raises:
        TokenBenchError: the files do not fit, or other weights are there; nothing is changed.
        OutputError: the disk is full or cannot be written; nothing is changed.
    """
    folder = weights_root() / name
    names = usual_names(name, files.paths, file_sets)
    digests = dict(zip(names, map(sha256_of, files.paths), strict=True))
    if not force:
        _refuse_other_weights(folder, digests)
    with whole_folder(folder) as staged:
        for path, usual in zip(files.paths, names, strict=True):
            shutil.copyfile(path, staged / usual)
        write_provenance(staged, Provenance(source=files.source, revision=files.revision, files=digests))
        try:
            check(staged)
        except TokenBenchError as error:
            message = str(error)
            for path, usual in zip(files.paths, names, strict=True):
                message = message.replace(str(staged / usual), str(path))
            raise TokenBenchError(message) from error
    return folder


def usual_names(name: str, paths: Sequence[Path], file_sets: Sequence[Sequence[str]]) -> list[str]:
    """What a tokenizer calls its files, for files under any names.

    Files that make up a set are told by their names, or by their content: by its format, and where a set has several
    files by their tensors, "encoder.jit" being the one with tensors called "encoder.*".

    Raises:
        TokenBenchError: no set has as many files of these formats, or it cannot be told which file is which.
    """
    own = [path.name for path in paths]
    parts = {part.name for part in parts_of(paths)}
    if not file_sets or set(own) - parts in [set(names) for names in file_sets]:
        _refuse_twins(own)
        return own
    formats = [weight_format(path) for path in paths]
    for names in file_sets:
        if len(names) == len(paths) and all(Path(names[0]).suffix in _SUFFIXES_OF[format] for format in formats):
            return [names[0]] if len(names) == 1 else _by_tensors(paths, names)
    wanted = ", or ".join(" + ".join(names) for names in file_sets)
    raise TokenBenchError(f"{name} takes {wanted}; {' + '.join(own)} is none of these ({', '.join(formats)})")


def _by_tensors(paths: Sequence[Path], names: Sequence[str]) -> list[str]:
    keys = [read_tensors(path).keys() for path in paths]
    held = [[name for name in names if any(key.startswith(Path(name).stem + ".") for key in own)] for own in keys]
    found = [own[0] for own in held if len(own) == 1]
    if set(found) != set(names):
        raise TokenBenchError(
            f"it cannot be told which of {' and '.join(map(str, paths))} is which; name them {' and '.join(names)}"
        )
    return found


def _refuse_twins(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise TokenBenchError(f"two files are called alike: {' and '.join(names)}; give each a name of its own")


def _refuse_other_weights(folder: Path, digests: dict[str, str]) -> None:
    if not folder.is_dir():
        return
    there = [path for path in sorted(folder.iterdir()) if path.name != PROVENANCE]
    if any(not path.is_file() or digests.get(path.name) != sha256_of(path) for path in there):
        raise TokenBenchError(f"{folder} holds other weights; replace the folder with --force, or move it away")
