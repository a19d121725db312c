"""Files that were cut short: the bytes that a container says it has."""

from __future__ import annotations

from pathlib import Path

from av.video.stream import VideoStream

# EBML element ids and the one size that means "until the end" (RFC 8794, 6.2 and 11.2; RFC 9559, 5.1).
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_HEAD_BYTES = 4096


def needed_bytes(path: Path, stream: VideoStream) -> int:
    """Length that the file must have at least; 0 where its container does not say.

    mp4 and AVI have an index of their packets, which in a fragmented file grows while it is read; Matroska and WebM
    state the length of the whole. MPEG streams, FLV and others say nothing.
    """
    indexed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    return max(indexed, _segment_end(path))


def _segment_end(path: Path) -> int:
    """Where the segment of a Matroska file ends; 0 for an unknown length, as of a live recording, or another file."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    position, expected = 0, _EBML
    while position < len(head):
        element, position = _number(head, position, keep_marker=True)
        if expected and element != expected:
            return 0
        size, position = _number(head, position, keep_marker=False)
        if element == _SEGMENT:
            return position + size if size >= 0 else 0
        position, expected = position + size, 0
    return 0


def _number(data: bytes, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer and the position behind it; -1 where all bits are set or the data end (RFC 8794, 4)."""
    length = 9 - data[position].bit_length() if position < len(data) else 9
    end = position + length
    if length > 8 or end > len(data):
        return -1, len(data)
    value, marker = int.from_bytes(data[position:end], "big"), 1 << 7 * length
    if not keep_marker and value == 2 * marker - 1:
        return -1, end
    return value if keep_marker else value - marker, end
