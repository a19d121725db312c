"""The same again is the same, whatever was done before, and nothing that is given is changed."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.checking.compare import difference, share_changed, tolerance
from tokenbench.checking.finding import Finding, verdict
from tokenbench.checking.subject import Subject, copied, data_of


def determinism(subject: Subject) -> Finding:
    """Two calls give the same, bit for bit."""
    again = subject.round_trip(subject.clip)
    problems = []
    if not _same(again.data, subject.first.data):
        problems.append(
            f"a second encode gives other tokens ({_apart(again.data, subject.first.data)}): {_hint(subject)}"
        )
    elif not torch.equal(again.video, subject.first.video):
        apart = difference(again.video, subject.first.video)
        problems.append(f"the same tokens decode to other frames, up to {apart.largest:.3g} apart: {_hint(subject)}")
    return verdict(problems, "two calls give the same, bit for bit")


def state(subject: Subject) -> Finding:
    """What other clips did before changes nothing: not the network, not tokens given out, not the next clip."""
    before = _fingerprint(subject)
    tokens = subject.encode(subject.clip)
    kept = copied(tokens)
    other = subject.round_trip(subject.other)
    alone = subject.round_trip(subject.other, subject.fresh())
    problems = []
    if not _same(data_of(tokens), data_of(kept)):
        problems.append("a later encode changes tokens that were given out before: return a copy")
    apart = difference(other.video, alone.video)
    if not apart.relative <= tolerance(subject.compute.dtype):
        problems.append(
            f"after another clip, a clip comes back up to {apart.largest:.3g} off from what a fresh copy gives: "
            "something is kept from clip to clip (or random weights have no seed)"
        )
    after = _fingerprint(subject)
    if changed := [name for name in before if before[name] != after.get(name)]:
        problems.append(f"encoding changes {changed[0]} of the network ({len(changed)} tensors): put it in eval mode")
    return verdict(problems, "another clip changes nothing that comes after it")


def inputs(subject: Subject) -> Finding:
    """Neither encode nor decode writes into what it is given."""
    video = subject.clip.squeeze(2).clone() if subject.is_image else subject.clip.clone()
    kept = video.clone()
    with torch.inference_mode():
        tokens = subject.tokenizer.encode(video)
        tokens_kept = copied(tokens)
        subject.tokenizer.decode(tokens)
    problems = []
    if not torch.equal(video, kept):
        problems.append("encode writes into the clip that it is given: clone it first")
    if not _same(data_of(tokens), data_of(tokens_kept)):
        problems.append("decode writes into the tokens that it is given: clone them first")
    return verdict(problems, "clips and tokens are left as they were")


def gradients(subject: Subject) -> Finding:
    """No graph for gradients is kept, which would hold every layer's activations in memory."""
    # A fresh copy: what the runner's inference mode left in the buffers of another one cannot be used outside of it.
    tokenizer = subject.fresh()
    with torch.enable_grad():
        video = subject.clip.squeeze(2).clone() if subject.is_image else subject.clip.clone()
        tokens = tokenizer.encode(video)
        decoded = tokenizer.decode(tokens)
    given = {"encode": data_of(tokens), "decode": decoded}
    keep = [name for name, value in given.items() if isinstance(value, Tensor) and value.requires_grad]
    problem = f"a graph for gradients is kept by {' and '.join(keep)}: decorate with torch.no_grad()"
    return verdict([problem] if keep else [], "neither encode nor decode keeps a graph")


def _hint(subject: Subject) -> str:
    if subject.module is not None and subject.module.training:
        return "the network is in training mode, call .eval()"
    return "take the mode of the posterior, not a sample, and draw no random numbers"


def _same(given: object, expected: object) -> bool:
    """Whether tokens are the same; what is no tensor is judged by what it decodes to."""
    if not isinstance(given, Tensor) or not isinstance(expected, Tensor):
        return True
    return given.dtype == expected.dtype and torch.equal(given, expected)


def _apart(given: Tensor, expected: Tensor) -> str:
    if given.shape != expected.shape:
        return f"{tuple(given.shape)} after {tuple(expected.shape)}"
    if given.is_floating_point():
        return f"{difference(given, expected).relative:.2g} of their size"
    return f"{share_changed(given, expected):.1%} of them"


def _fingerprint(subject: Subject) -> dict[str, str]:
    """A number for each tensor of the network that changes with it; as text, because NaN is not itself."""
    if subject.module is None:
        return {}
    state = subject.module.state_dict(keep_vars=True)
    return {name: repr(value.detach().double().sum().item()) for name, value in state.items() if value.numel()}
