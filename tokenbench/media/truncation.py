"""Files that were cut short: the bytes that a container says it has."""

from __future__ import annotations

from av.video.stream import VideoStream

# EBML element ids (RFC 8794, 11.2.1; RFC 9559, 5.1).
_HEADER, _SEGMENT = 0x1A45DFA3, 0x18538067
HEAD_BYTES = 4096


def needed_bytes(head: bytes, stream: VideoStream) -> int:
    """Length that the file must have at least; 0 where its container does not say.

    mp4 and AVI have an index of their packets, Matroska and WebM state the length of the whole; MPEG streams, FLV,
    GIF and others say nothing.

    Args:
        head: the file's first `HEAD_BYTES`.
        stream: of its container.
    """
    indexed = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    return max(indexed, _segment_end(head))


def _segment_end(head: bytes) -> int:
    """Where the one segment of a Matroska file ends, or begins if its length is unknown; 0 for another file."""
    position = 0
    for expected in (_HEADER, _SEGMENT):
        element, position = _number(head, position, keep_marker=True)
        if element != expected:
            return 0
        size, position = _number(head, position, keep_marker=False)
        position += size
    return position


def _number(data: bytes, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer, and the position behind it (RFC 8794, 4); 0 for "unknown", or where the data end."""
    length = 9 - data[position].bit_length() if position < len(data) else 9
    end = position + length
    if length > 8 or end > len(data):
        return 0, len(data)
    value, marker = int.from_bytes(data[position:end], "big"), 1 << 7 * length
    if keep_marker:
        return value, end
    return (0 if value == 2 * marker - 1 else value - marker), end
