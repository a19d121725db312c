"""The page: one file that carries its styles and script, and loads nothing but sheets and clips from its server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenbench.datasets.review.decisions import Decisions
from tokenbench.datasets.review.items import Item
from tokenbench.datasets.review.sheets import sheet_frames
from tokenbench.media.clip import Clip
from tokenbench.pages import page_template

_TIMES = "\N{MULTIPLICATION SIGN}"


def render_page(items: Sequence[Item], decisions: Decisions, nonce: str) -> str:
    """The page's HTML.

    Args:
        items: the clips, in their order.
        decisions: as they stand.
        nonce: of this answer, which marks the page's own style and script.
    """
    return page_template("tokenbench.datasets.review", "review.html.j2").render(
        clips=[_clip(item, decisions) for item in items], nonce=nonce
    )


def is_played(clip: Clip) -> bool:
    """Whether browsers can be expected to play a clip: an MP4, which builds write unless they store losslessly."""
    return clip.kind == "video" and clip.path.suffix.lower() == ".mp4"


def _clip(item: Item, decisions: Decisions) -> dict[str, Any]:
    """All that the page says of a clip."""
    clip = item.clip
    decision = decisions.of(item.set_name, clip.id)
    return {
        "set": item.set_name,
        "id": clip.id,
        "facts": _facts(clip),
        "sheet": len(sheet_frames(clip.frames)),
        "played": is_played(clip),
        "scores": [[name, _number(score)] for name, score in item.screened.scores.items()],
        "reasons": list(item.screened.reasons),
        "choice": decision.choice if decision else "",
        "reason": decision.reason if decision else "",
        "changed": bool(decision and decision.sha256 != clip.sha256),
    }


def _facts(clip: Clip) -> str:
    size = f"{clip.width} {_TIMES} {clip.height}"
    if clip.kind == "image":
        return f"{clip.domain} · {size}"
    length = f"{clip.frames} frames at {clip.fps:.5g} fps" + (f", {clip.frames / clip.fps:.3g} s" if clip.fps else "")
    return f"{clip.domain} · {size} · {length}"


def _number(score: float | list[float]) -> str:
    return ", ".join(map(_number, score)) or "none" if isinstance(score, list) else f"{score:.4g}"
