"""All probes, in the order in which they run and are shown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tokenbench.errors import TokenBenchError
from tokenbench.probing import (
    colour_bars,
    edge,
    first_frame,
    flash,
    flat,
    noise,
    pan,
    shift,
    still,
    zone_plate,
)
from tokenbench.probing.probe import Probe

PROBES: tuple[Probe, ...] = (
    flat.PROBE,
    zone_plate.PROBE,
    colour_bars.PROBE,
    edge.PROBE,
    shift.PROBE,
    noise.PROBE,
    pan.PROBE,
    flash.PROBE,
    first_frame.PROBE,
    still.PROBE,
)


def find_probes(names: Sequence[str]) -> tuple[Probe, ...]:
    """The probes of these names, in their own order; all where none is named.

    Raises:
        TokenBenchError: there is no such probe; the message has near names.
    """
    known = [probe.name for probe in PROBES]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=2) or known
            raise TokenBenchError(f"unknown probe {name!r}: did you mean {' or '.join(near)}?")
    return tuple(probe for probe in PROBES if not names or probe.name in names)
