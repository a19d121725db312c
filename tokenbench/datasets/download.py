"""Download the videos of Panda-70M, which its publisher gives as a list of links.

Each video is fetched once, whole, to FOLDER/<videoID>.<ext>. FOLDER/clips.csv says which parts of it are clips, so that
"panda70m:FOLDER" finds them; they are cut out by their time stamps when they are read.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tokenbench.datasets.fetch_video import NotFetched, Unreachable, fetch_video, require_yt_dlp
from tokenbench.datasets.folder import VIDEO_SUFFIXES
from tokenbench.datasets.official_list import read_official_list
from tokenbench.datasets.sources.panda70m import SOURCE
from tokenbench.datasets.sources.panda_clip import PandaClip, clock, is_video_id
from tokenbench.datasets.sources.panda_rows import is_table, parse_entries, read_rows
from tokenbench.errors import TokenBenchError
from tokenbench.files import locked, write_text

CLIPS, FAILED = "clips.csv", "failed.csv"

NOTICE = (
    "Panda-70M is a list of links under a research licence of Snap; the videos belong to their makers, and YouTube's "
    "terms hold. Download them for research only, and pass none on."
)

# Videos in a row whose site gives no answer, after which there is no network.
_HOPELESS = 3

_COLUMNS = ("videoID", "url", "timestamp", "desirable_filtering", "shot_boundary_detection")


@dataclass(frozen=True)
class Failure:
    """A clip whose video cannot be had.

    Args:
        clip: as the list has it.
        reason: why, in one line.
    """

    clip: PandaClip
    reason: str

    def __str__(self) -> str:
        return "".join(mark if mark.isprintable() else "?" for mark in f"{self.clip}: {self.reason}")


def read_list(path: Path, limit: int | None = None) -> list[PandaClip]:
    """The clips of a list.

    Args:
        path: one of Panda-70M's csv files, or the list of the benchmark's authors.
        limit: only the clips of the first so many videos.

    Raises:
        TokenBenchError: the file cannot be read, or is none of these.
    """
    clips = read_rows(path) if is_table(path) else parse_entries(read_official_list(path).sections[SOURCE.section])
    first = set(list(dict.fromkeys(clip.video for clip in clips))[:limit])
    return [clip for clip in clips if clip.video in first]


def download(
    clips: Sequence[PandaClip],
    folder: Path,
    *,
    height: int,
    workers: int,
    on_video: Callable[[str, str], None] = lambda video, trouble: None,
) -> list[Failure]:
    """Fetch the videos of clips; those that are in the folder already are not asked for again.

    FOLDER/clips.csv then holds these clips and those of earlier downloads, FOLDER/failed.csv the clips that failed.

    Args:
        clips: of `read_list`.
        folder: for the videos; it is made where there is none.
        height: lines of the picture (`tokenbench.datasets.fetch_video`).
        workers: downloads at a time.
        on_video: called for every video with its id, and what is wrong with it.

    Returns:
        The clips whose video cannot be had, in the order of the list.

    Raises:
        TokenBenchError: yt-dlp is not installed, there is no network, or another download runs in the folder.
        OutputError: the folder cannot be written.
    """
    require_yt_dlp()
    busy = f"{folder}: another download runs there; wait for it, or choose another folder"
    with locked(folder / ".download.lock", busy):
        _write_clips(folder / CLIPS, clips)
        urls = {clip.video: clip.url for clip in clips}
        present = _present(folder)
        troubles = _clashes(folder, urls, present)
        for video in urls.keys() & (present | troubles.keys()):
            on_video(video, troubles.get(video, ""))
        wanted = {video: url for video, url in urls.items() if video not in present | troubles.keys()}
        try:
            with closing(_fetched(folder, wanted, height, workers)) as results:
                for video, trouble in results:
                    on_video(video, trouble)
                    if trouble:
                        troubles[video] = trouble
        finally:
            failures = [Failure(clip, troubles[clip.video]) for clip in clips if clip.video in troubles]
            _write_failures(folder / FAILED, failures)
    return failures


def _fetched(folder: Path, urls: Mapping[str, str], height: int, workers: int) -> Generator[tuple[str, str]]:
    """Videos as they come, with what is wrong with them."""
    stopped = Event()
    unreachable = 0
    with ThreadPoolExecutor(workers) as pool:
        tasks = {
            pool.submit(fetch_video, url, folder / video, height=height, stopped=stopped): video
            for video, url in urls.items()
        }
        try:
            for task in as_completed(tasks):
                error = task.exception()
                if error is not None and not isinstance(error, NotFetched):
                    raise error
                unreachable = unreachable + 1 if isinstance(error, Unreachable) else 0
                if unreachable == min(_HOPELESS, len(urls)):
                    raise TokenBenchError(f"no network: {error}; check the connection, and type the same command again")
                yield tasks[task], str(error or "")
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _present(folder: Path) -> set[str]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    return {path.stem for path in files if is_video_id(path.stem)}


def _clashes(folder: Path, videos: Iterable[str], present: set[str]) -> dict[str, str]:
    """Videos that would take the place of others, where a file system takes "A" for "a"."""
    owners = {video.lower(): video for video in sorted(present)}
    taken = {}
    for video in videos:
        owner = owners.setdefault(video.lower(), video)
        if owner != video:
            taken[video] = f"the file system of {folder} takes its name for that of {owner}; download it to another one"
    return taken if taken and _ignores_case(folder) else {}


def _ignores_case(folder: Path) -> bool:
    with tempfile.NamedTemporaryFile(prefix=".case-", dir=folder) as probe:
        return (folder / Path(probe.name).name.upper()).exists()


def _write_clips(path: Path, clips: Sequence[PandaClip]) -> None:
    """Clips of earlier downloads stay."""
    header = ",".join(_COLUMNS)
    earlier: list[PandaClip] = []
    if path.exists():
        if not is_table(path) or header not in path.read_text(encoding="utf-8").splitlines()[:1]:
            raise TokenBenchError(f"{path} was not written by a download; move it to another folder")
        earlier = read_rows(path)
    rows = {clip.id: clip for clip in (*earlier, *clips)}
    write_text(path, _table(_COLUMNS, map(_row, rows.values())))


def _write_failures(path: Path, failures: Sequence[Failure]) -> None:
    if failures:
        write_text(path, _table((*_COLUMNS, "reason"), ((*_row(each.clip), each.reason) for each in failures)))
    else:
        path.unlink(missing_ok=True)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _row(clip: PandaClip) -> tuple[str, ...]:
    """In the form of the benchmark's list: Python literals, of one clip."""
    label = repr([clip.label]) if clip.label else ""
    shot = repr([clock(0), clock(clip.first_shot)]) if clip.first_shot else ""
    return clip.video, clip.url, repr([(clock(clip.start), clock(clip.end))]), label, shot
