"""The page: it carries its styles, script and texts, and shows the files that lie beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tokenbench.pages import page_template
from tokenbench.reporting.formats import NOTHING, TIMES, quantity
from tokenbench.reporting.pictures import ERROR_GAIN, error_scale
from tokenbench.viewing.exhibit import Exhibit, Original, Rendering
from tokenbench.viewing.layers import Layer
from tokenbench.viewing.subjects import Subject

ORIGINAL = "original"
_ONE_OF = {"image": "photograph"}

# In dB; frames.csv has four digits.
_SAME = 0.001


def render_page(subjects: Sequence[Subject], exhibits: Sequence[Exhibit], media: str) -> str:
    """The page's HTML.

    Args:
        subjects: the runs, in the order in which they are shown.
        exhibits: the clips.
        media: the folder beside the page that the clips' folders lie in.
    """
    return page_template("tokenbench.viewing", "view.html.j2").render(
        # The report's own styles: one look for all that is read together.
        report_css=Markup(page_template("tokenbench.reporting", "report.css").render()),
        dataset=subjects[0].run.dataset.name,
        storage=subjects[0].protocol.common_storage,
        exhibits=[_exhibit(subjects, exhibit, media) for exhibit in exhibits],
        provenance=[(subject.label, _provenance(subject)) for subject in subjects],
        error_gain=ERROR_GAIN,
        error_limit=round(255 / ERROR_GAIN),
        error_scale=error_scale(),
        times=TIMES,
    )


def _exhibit(subjects: Sequence[Subject], exhibit: Exhibit, media: str) -> dict[str, Any]:
    """All that the page says and shows of one clip."""
    original, folder = exhibit.original, f"{media}/{exhibit.original.folder.name}"
    clip, moments = original.clip, original.moments
    shown = [subject for subject in subjects if exhibit.renderings[subject.label].reconstruction]
    layers = [_layer(ORIGINAL, ORIGINAL, original.layer, folder)]
    for kind in ("reconstruction", "error"):
        for subject in shown:
            layer = getattr(exhibit.renderings[subject.label], kind)
            name = subject.label if kind == "reconstruction" else f"error of {subject.label}"
            scores = _scores(subject, original)
            layers.append(_layer(name, kind, layer, folder) | {"psnr": scores, "run": subjects.index(subject)})
    left, right = _sides(original.choice.sides, [layer["name"] for layer in layers])
    return {
        "id": clip.id,
        "reasons": original.choice.reasons,
        "facts": _facts(original),
        "rows": [_row(subject, exhibit.renderings[subject.label], original) for subject in subjects],
        "data": {
            "clip": clip.id,
            "width": clip.width,
            "height": clip.height,
            "rate": clip.fps or 25,
            "frames": moments.stills,
            "start": moments.stills.index(moments.worst) if moments.worst is not None else 0,
            "loop": f"frames {moments.loop.start} to {moments.loop.stop - 1}" if moments.loop else "",
            "layers": layers,
            "left": left,
            "right": right,
        },
    }


def _layer(name: str, kind: str, layer: Layer, folder: str) -> dict[str, Any]:
    """What the script needs of a layer; the files' names are safe in addresses as they are."""
    return {
        "name": name,
        "kind": kind,
        "stills": [f"{folder}/{still}" for still in layer.stills],
        "loop": f"{folder}/{layer.loop}" if layer.loop else "",
    }


def _sides(labels: Sequence[str], names: Sequence[str]) -> tuple[int, int]:
    """Which layers lie left and right at first: original and reconstruction, or two reconstructions."""
    there = [names.index(label) for label in labels if label in names]
    if len(there) > 1:
        return there[0], there[1]
    return 0, there[0] if there else min(1, len(names) - 1)


def _facts(original: Original) -> str:
    """What of the clip is shown, in one line."""
    clip, moments = original.clip, original.moments
    facts = [
        _ONE_OF.get(clip.kind, clip.kind),
        f"{clip.width} {TIMES} {clip.height} pixels, not scaled and not cropped",
    ]
    if clip.kind == "video":
        facts.append(f"{clip.fps:.4g} frames a second")
        facts.append(f"{len(moments.stills)} still frames")
    if moments.worst is not None:
        facts.append(f"worst frame: {moments.worst}")
    return " · ".join(facts)


def _scores(subject: Subject, original: Original) -> list[str]:
    """PSNR of each still, from the run's files."""
    values = [subject.psnr_of_frame(original.clip.id, number) for number in original.moments.stills]
    return [quantity("psnr").format(value) for value in values]


def _row(subject: Subject, rendering: Rendering, original: Original) -> dict[str, Any]:
    """One run's line in the table under the pictures."""
    return {
        "name": subject.label,
        "psnr": quantity("psnr").format(subject.psnr(original.clip.id)),
        "protocol": subject.run.dataset.protocol,
        "origin": rendering.origin or NOTHING,
        "problem": rendering.problem or _difference(subject, rendering, original),
    }


def _difference(subject: Subject, rendering: Rendering, original: Original) -> str:
    """Where the pixels that are shown are not those that were scored."""
    if rendering.reconstruction is None or not subject.protocol.is_paper:
        return ""
    recorded = [subject.psnr_of_frame(original.clip.id, number) for number in original.moments.stills]
    pairs = zip(rendering.reconstruction.psnr, recorded, strict=True)
    most = max((abs(shown - value) for shown, value in pairs if value is not None), default=0.0)
    if most <= _SAME:
        return ""
    return f"these frames are not those that were scored: their PSNR differs from the run's by up to {most:.2g} dB"


def _provenance(subject: Subject) -> list[tuple[str, str]]:
    """Where a run's numbers come from."""
    run = subject.run
    facts = {
        "run": run.name,
        "protocol": run.dataset.protocol,
        "weights SHA-256": run.tokenizer.weights_sha256,
        "manifest SHA-256": run.dataset.manifest_sha256,
        **{key: run.environment.get(key) for key in ("tokenbench", "device", "dtype", "command")},
    }
    return [(key, str(value)) for key, value in facts.items() if value not in (None, "")]
