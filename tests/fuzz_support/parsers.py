"""Who reads a damaged file: every parser as a function of a folder, and what may come of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Literal

import click

from fuzz_support.mutations import mutate
from tokenbench.errors import TokenBenchError

Outcome = Literal["read", "refused"]

# The longest line that a user is shown.
_LONGEST_MESSAGE = 20_000


def attempt(kind: str, corpus: Path, place: Path, number: int) -> Outcome:
    """Damage one file of a kind, and read it.

    Args:
        kind: of `PARSERS`.
        corpus: folder of that kind's whole files, of `write_corpus`.
        place: for the damaged copy; it is made, and removed again.
        number: decides the damage.

    Returns:
        Whether it was read or refused. Any other exception is a fault of the parser.
    """
    random = Random(f"{kind} {number}")
    seed = random.choice(sorted(corpus.iterdir()))
    try:
        shutil.copytree(seed, place)
        victim = random.choice(sorted(path for path in place.rglob("*") if path.is_file()))
        victim.write_bytes(mutate(victim.name, victim.read_bytes(), random))
        PARSERS[kind](place)
    except (TokenBenchError, click.UsageError) as error:
        message = str(error)
        if not message.strip() or len(message) > _LONGEST_MESSAGE:
            raise AssertionError(f"{len(message)} letters are no line for a user: {message[:200]!r}") from error
        return "refused"
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return "read"


def _only(folder: Path) -> Path:
    return next(path for path in sorted(folder.rglob("*")) if path.is_file())


def _video(folder: Path) -> None:
    from tokenbench.media.comment import read_comment
    from tokenbench.media.video import probe_video, read_chunks

    path = _only(folder)
    read_comment(path)
    probe_video(path)
    for chunk in read_chunks(path, 4):
        assert chunk.ndim == 4


def _image(folder: Path) -> None:
    from tokenbench.media.image import image_size, read_image

    path = _only(folder)
    size = image_size(path)
    assert read_image(path).shape == (*size, 3)


def _archive(folder: Path) -> None:
    from tokenbench.media import parquet, tar

    path = _only(folder)
    module = tar if path.suffix == ".tar" else parquet
    for name in module.members(path):
        assert module.read_member(path, name) is not None


def _manifest(folder: Path) -> None:
    from tokenbench.datasets.manifest import read_entries, read_manifest

    path = next(folder.glob("*.toml"))
    read_entries(path)
    for clip in read_manifest(path).clips:
        clip.probed()


def _protocol(folder: Path) -> None:
    from tokenbench.datasets.building.protocol import read_protocol

    assert read_protocol(str(_only(folder))).sha256


def _recipe(folder: Path) -> None:
    from tokenbench.trainers import trainer_of
    from tokenbench_cosmos.training.recipe import read_recipe

    paths = sorted(map(str, folder.iterdir()))
    trainer_of(paths)
    read_recipe(paths, ["data.sources=['x']"]).fingerprint()


def _result(folder: Path) -> None:
    from tokenbench.reporting.comparisons import compare_all
    from tokenbench.reporting.frame_scores import read_frames
    from tokenbench.reporting.json_form import json_text
    from tokenbench.reporting.leaderboard import group_runs
    from tokenbench.reporting.model_index import model_indexes
    from tokenbench.reporting.page import render_page
    from tokenbench.reporting.runs import load_run
    from tokenbench.reporting.shots import take_shots
    from tokenbench.reporting.slices import break_down
    from tokenbench.reporting.tables import csv_text, latex, markdown
    from tokenbench.verification.claim import read_claim
    from tokenbench.viewing.subjects import load_subjects

    run = load_run(folder)
    read_frames(folder, {clip.clip for clip in run.clips})
    groups = group_runs([run])
    no_plots = {(group.slug, table.media): [] for group in groups for table in group.tables}
    breakdowns = {group.slug: break_down(group) for group in groups}
    page = render_page(groups, no_plots, [*map(take_shots, groups)], compare_all(groups), breakdowns)
    texts = [write(groups) for write in (markdown, csv_text, latex)] + [json_text(groups, breakdowns)]
    for text in (page.html, *texts, *model_indexes(groups).values()):
        assert text.encode()
    read_claim(folder)
    load_subjects([folder])


def _list(folder: Path) -> None:
    from tokenbench.datasets.official_list import read_official_list
    from tokenbench.datasets.sources import SOURCES
    from tokenbench.datasets.sources.panda_rows import parse_entries

    found = read_official_list(_only(folder))
    assert SOURCES
    parse_entries(found.sections["Panda70M"])


def _decisions(folder: Path) -> None:
    from tokenbench.datasets.review.decisions import read_decisions

    read_decisions(folder).dropped("panda70m")


def _tokens(folder: Path) -> None:
    from tokenbench.tokens.files import read_header, read_tokens

    read_header(_only(folder))
    tokens, header = read_tokens(_only(folder))
    assert tokens.numel() >= 0
    assert header.frames


def _weights(folder: Path) -> None:
    from tokenbench.weights.tensors import read_tensors

    assert read_tensors(_only(folder))


def _index(folder: Path) -> None:
    from tokenbench.weights.parts import parts_of

    assert parts_of([_only(folder)])


def _string(folder: Path) -> None:
    read_string(_only(folder).read_bytes().decode(errors="replace"))


def read_string(text: str) -> None:
    """A text through everything that reads what users type; each reader may refuse it."""
    for read in _readers():
        with suppress(TokenBenchError, click.UsageError):
            read(text)


def _readers() -> list[Callable[[str], object]]:
    from tokenbench.cli import options, sweep
    from tokenbench.custom import is_custom
    from tokenbench.media.stored import stored_as
    from tokenbench.metrics.conventions import find_convention
    from tokenbench.recipes import read_layers
    from tokenbench.registry import find_card
    from tokenbench.reporting.gate import read_gate
    from tokenbench.weights.source import parse_hub_name

    context = click.Context(click.Command("x"))
    option = click.Option(["--x"])
    return [
        lambda text: options._parse_settings(context, option, (text,)),
        lambda text: options._parse_networks(context, option, (text,)),
        lambda text: sweep._parse_sweep(context, option, text),
        lambda text: click.IntRange(min=1).convert(text, option, context),
        lambda text: read_layers([], [text], Path()),
        lambda text: None if is_custom(text) or text.startswith("diffusers:") else find_card(text),
        stored_as,
        find_convention,
        read_gate,
        parse_hub_name,
    ]


PARSERS: dict[str, Callable[[Path], None]] = {
    "video": _video,
    "image": _image,
    "archive": _archive,
    "manifest": _manifest,
    "protocol": _protocol,
    "recipe": _recipe,
    "result": _result,
    "list": _list,
    "decisions": _decisions,
    "tokens": _tokens,
    "weights": _weights,
    "index": _index,
    "string": _string,
}
