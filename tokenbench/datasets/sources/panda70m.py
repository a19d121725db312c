"""Panda-70M: clips of YouTube's videos, as the publisher's downloader, or a user's own, has fetched them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tokenbench.datasets.sources.found import Found, refuse_missing
from tokenbench.datasets.sources.panda_clip import PandaClip, one_line
from tokenbench.datasets.sources.panda_files import PandaFiles, look
from tokenbench.datasets.sources.panda_rows import parse_entries, read_rows
from tokenbench.datasets.sources.source import Match, Source
from tokenbench.errors import TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.member import Member

# Between the times of the list and of a sidecar, in milliseconds.
TOLERANCE = 50

_UNCUT = "is a whole video, and no table says where its clips are"


def find(root: Path) -> Found:
    """The clips under a folder, by "<video>_<start>_<end>" in milliseconds, which they are in every layout.

    What holds a clip, the best first: a file with a sidecar that says so; a whole video, which is cut by the rows of
    the tables in the folder; a numbered piece of a video, where a table lists all clips of that video. A whole video
    of which no table speaks is found under its own id, for `match` to cut, with a flaw.

    Args:
        root: of a download: shards of clips and sidecars, in folders or in .tar archives; or videos named by their id
            and the csv files that describe them.

    Raises:
        TokenBenchError: the folder holds no such clips, one of them twice, or a damaged table.
    """
    refuse_missing(root)
    files = look(root)
    whole = _unique(root, (_clip(video, video, content) for video, content in files.whole))
    rows = _rows(files, whole)
    cuts = {row.id: _cut(row, whole[row.video]) for row in rows if row.video in whole}
    uncut = {video: whole[video] for video in whole.keys() - {row.video for row in rows}}
    numbered, untold = _pieces(files, rows)
    pieces = _unique(root, (_clip(row.id, row.video, content) for row, content in numbered))
    alone = _unique(root, (_clip(row.id, row.video, content) for row, content in files.clips))
    clips = pieces | uncut | cuts | alone
    if not clips:
        raise TokenBenchError(f"{root}: {_what_it_is(files, untold)}")
    failed = (f"{count} downloads: {why}" for why, count in files.failed.items())
    described = (*rows, *(row for row, _ in files.clips))
    return Found(
        name="panda70m",
        clips=tuple(clips[key] for key in sorted(clips)),
        expected=0,
        flaws={row.id: row.flaw for row in described if row.flaw and row.id in clips} | dict.fromkeys(uncut, _UNCUT),
        skipped=tuple(map(one_line, (*failed, *files.skipped, *untold))),
    )


def match(found: Found, entries: Sequence[str]) -> list[Match]:
    """Rows of the list by video and times: the clip's own file, or else a cut of the whole video.

    Raises:
        TokenBenchError: a row is malformed.
    """
    rows = parse_entries(entries)
    clips: dict[str, list[Clip]] = {row.video: [] for row in rows}
    for clip in found.clips:
        if clip.source in clips:
            clips[clip.source].append(clip)
    return [Match(str(row), _fitting(row, clips[row.video])) for row in rows]


def _fitting(row: PandaClip, clips: Sequence[Clip]) -> tuple[Clip, ...]:
    whole = [clip for clip in clips if clip.end or clip.id == clip.source]
    alone = tuple(clip for clip in clips if clip not in whole and _is_near(row, clip))
    return alone or tuple(_cut(row, clip) for clip in whole[:1])


def _is_near(row: PandaClip, clip: Clip) -> bool:
    pairs = zip(row.id.split("_")[-2:], clip.id.split("_")[-2:], strict=True)
    return all(abs(int(one) - int(other)) <= TOLERANCE for one, other in pairs)


def _rows(files: PandaFiles, whole: Mapping[str, Clip]) -> list[PandaClip]:
    """What the tables say of the videos that need them, which are few where the downloader was used."""
    videos = {*whole, *(video for video, _, _ in files.pieces)}
    return [row for table in files.tables for row in read_rows(table, videos)] if videos else []


def _pieces(files: PandaFiles, rows: Sequence[PandaClip]) -> tuple[list[tuple[PandaClip, Path | Member]], list[str]]:
    """Numbered pieces with the clip that each is, and a line for each of which it cannot be told."""
    told: dict[tuple[str, int], dict[str, PandaClip]] = defaultdict(dict)
    for row in rows:
        if row.number is not None:
            told[row.video, row.number][row.id] = row
    from_zero = any(number == 0 for _, number, _ in files.pieces)
    pieces, untold = [], []
    for video, number, content in files.pieces:
        fitting = list(told[video, number].values())
        if from_zero and len(fitting) == 1:
            pieces.append((fitting[0], content))
            continue
        if not fitting:
            why = f"no table in the folder has a clip {number} of the video"
        elif not from_zero:
            why = "no piece has the number 0, so that its number tells no clip"
        else:
            why = "the tables in the folder disagree on the number"
        untold.append(f"{content}: {why}; put a sidecar beside it, or the publisher's csv file into the folder")
    return pieces, untold


def _unique(root: Path, clips: Iterable[Clip]) -> dict[str, Clip]:
    found: dict[str, Clip] = {}
    for clip in clips:
        other = found.setdefault(clip.id, clip)
        if other is not clip:
            raise TokenBenchError(f"{root}: {other.content} and {clip.content} are the same clip; remove one of them")
    return found


def _clip(key: str, video: str, content: Path | Member) -> Clip:
    path, member = (content, "") if isinstance(content, Path) else (content.archive, content.name)
    return Clip(id=key, domain="panda70m", path=path, member=member, kind="video", source=video)


def _cut(row: PandaClip, whole: Clip) -> Clip:
    return replace(whole, id=row.id, start=row.start, end=row.end)


def _what_it_is(files: PandaFiles, untold: Sequence[str]) -> str:
    if files.packed:
        return (
            f"{files.packed[0].name} is in a form that is not read; download Panda-70M again with the downloader's "
            "output format set to files or webdataset"
        )
    if files.failed:
        reasons = ", ".join(f"{count} x {why}" for why, count in files.failed.items())
        return f"holds what is left of downloads that failed ({reasons}); download them again"
    if problems := [*untold, *files.skipped]:
        return f"holds no clip of Panda-70M that can be used: {problems[0]}"
    if files.tables:
        return f"{files.tables[0].name} is a table of Panda-70M, and there are no videos; download those that it names"
    return (
        "looks like no Panda-70M: there is no file such as 00000/0000000_00000.mp4 with its .json, and no "
        "<videoID>.mp4; give the folder that the downloader wrote"
    )


SOURCE = Source(
    name="panda70m",
    title="Panda-70M: clips of YouTube's videos, of many kinds",
    home="https://snap-research.github.io/Panda-70M",
    license="research licence of Snap; the videos belong to their makers",
    find=find,
    section="Panda70M",
    match=match,
)
