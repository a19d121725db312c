"""Fetch one video from a site such as YouTube, with yt-dlp (https://github.com/yt-dlp/yt-dlp)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from tokenbench.datasets.folder import VIDEO_SUFFIXES
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import cannot_write
from tokenbench.media.video import probe_video

# Streams that need no ffmpeg to be put together: pictures alone, or with sound where no stream is without.
_STREAMS = "bv[protocol^=http]/b[protocol^=http]"

_LONGEST_REASON = 200


class NotFetched(TokenBenchError):
    """One video cannot be had (gone, private, no video); the others go on."""


class Unreachable(NotFetched):
    """The site gave no answer at all."""


def require_yt_dlp() -> None:
    """Refuse to start without the tool.

    Raises:
        TokenBenchError: yt-dlp is not installed.
    """
    try:
        import yt_dlp  # noqa: F401
    except ImportError as error:
        raise TokenBenchError("downloading needs yt-dlp; type pip install 'tokenbench[download]'") from error


def fetch_video(url: str, stem: Path, *, height: int, stopped: Event) -> Path:
    """Download a video, whole or not at all.

    It is the smallest stream with at least `height` lines, or the largest where none has as many; of several of one
    size the one with the highest rate, and H.264 before other codecs. Until it is whole it is a hidden file beside the
    result, which a later call continues.

    Args:
        url: of the page that shows the video, or of its file; http or https.
        stem: path of the result without its suffix, which the site decides.
        height: lines of the picture.
        stopped: once it is set, the download breaks off.

    Returns:
        The path of the result.

    Raises:
        NotFetched: there is no such video, or what came is none; Unreachable where there is no connection.
        OutputError: the file cannot be written.
    """
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import DownloadCancelled

    if urlsplit(url).scheme not in ("http", "https"):
        raise NotFetched("its address is not one of http or https")

    def watch(_: Mapping[str, Any]) -> None:
        if stopped.is_set():
            raise DownloadCancelled

    try:
        with YoutubeDL(_options(height)) as tool:
            tool.add_progress_hook(watch)
            info = tool.extract_info(url, download=False)
            hidden = _hidden_file(stem, info)
            tool.dl(str(hidden), info)
        result = stem.with_name(f"{stem.name}{hidden.suffix}")
        _refuse_no_video(hidden)
        hidden.replace(result)
        for leftover in stem.parent.glob(f".{stem.name}-*"):
            leftover.unlink()
    except NotFetched:
        raise
    except Exception as error:  # sites make yt-dlp raise nearly anything
        raise _explained(error, url, stem) from error
    return result


def _options(height: int) -> dict[str, Any]:
    return {
        "format": _STREAMS,
        # "+height:360" prefers 360 lines, then the next larger, and below 360 the largest.
        "format_sort": [f"+height:{height}", "fps", "vcodec:h264"],
        "noplaylist": True,
        "extract_flat": "in_playlist",
        "retries": 5,
        "fragment_retries": 5,
        "skip_unavailable_fragments": False,
        "socket_timeout": 30,
        "logger": _Silent(),
        "quiet": True,
        "noprogress": True,
        "color": "never",
    }


class _Silent:
    """What yt-dlp has to say is in its exceptions."""

    def debug(self, message: str) -> None:
        """Say nothing."""

    info = warning = error = debug


def _hidden_file(stem: Path, info: Mapping[str, Any]) -> Path:
    """Where a stream is downloaded to; another stream of the video, or a later state of it, must not continue it."""
    if info.get("_type", "video") != "video":
        raise NotFetched("its address leads to a list of videos")
    if info.get("is_live"):
        raise NotFetched("it is a live broadcast, which has no end")
    suffix = f".{info.get('ext')}".lower()
    if suffix not in VIDEO_SUFFIXES:
        raise NotFetched(f"its address leads to a {suffix[:20]} file, which is no video")
    identity = tuple(info.get(key) for key in ("extractor", "format_id", "filesize", "timestamp"))
    stream = hashlib.sha256(repr(identity).encode()).hexdigest()[:8]
    return stem.with_name(f".{stem.name}-{stream}{suffix}")


def _refuse_no_video(path: Path) -> None:
    try:
        probe_video(path)
    except ClipError as error:
        path.unlink(missing_ok=True)
        raise NotFetched("what came is not a readable video") from error


def _explained(error: Exception, url: str, stem: Path) -> TokenBenchError:
    from yt_dlp.networking.exceptions import IncompleteRead, RequestError, TransportError

    causes = list(_causes(error))
    stated = [cause.orig_msg for cause in causes if hasattr(cause, "orig_msg")]
    reason = " ".join(str(stated[0] if stated else error).removeprefix("ERROR:").split())[:_LONGEST_REASON]
    if any(isinstance(cause, TransportError) and not isinstance(cause, IncompleteRead) for cause in causes):
        return Unreachable(f"{urlsplit(url).hostname} cannot be reached ({reason})")
    if not any(isinstance(cause, RequestError) for cause in causes):
        for cause in causes:
            if isinstance(cause, OSError) and cause.errno is not None:
                return cannot_write(stem, cause)
    return NotFetched(reason or type(error).__name__)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it; yt-dlp keeps some of them in attributes of its own."""
    waiting, seen = [error], set()
    while waiting:
        error = waiting.pop(0)
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            kept = getattr(error, "exc_info", None) or (None, None)
            waiting += [kept[1], getattr(error, "cause", None), error.__cause__, error.__context__]
