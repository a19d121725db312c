from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenbench.evaluation.padding import crop, pad
from tokenbench.tokenizer import Padding

OFFICIAL = Padding(frames=(8, 1), size=(16, 16), space="black", centred=True)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 40), st.integers(1, 40)),
    rule=st.builds(
        Padding,
        frames=st.sampled_from([(1, 0), (4, 1), (8, 1), (8, 0)]),
        size=st.sampled_from([(1, 1), (8, 8), (16, 16)]),
        space=st.sampled_from(["edge", "black", "grey"]),
        centred=st.booleans(),
    ),
)
def test_padding_meets_the_rule_and_cropping_undoes_it(shape: tuple[int, int, int], rule: Padding) -> None:
    video = torch.rand(2, 3, *shape)
    padded = pad(video, rule)
    assert padded.shape[2] % rule.frames[0] == rule.frames[1] % rule.frames[0]
    assert padded.shape[3] % rule.size[0] == padded.shape[4] % rule.size[1] == 0
    assert all(big - small >= 0 for big, small in zip(padded.shape, video.shape, strict=True))
    assert torch.equal(crop(padded, video, rule), video)


def test_the_published_rule_centres_black_borders_and_repeats_edge_frames() -> None:
    video = torch.rand(1, 3, 6, 10, 16)
    padded = pad(video, OFFICIAL)
    assert padded.shape == (1, 3, 9, 16, 16)
    assert (padded[..., :3, :] == -1).all()
    assert (padded[..., 13:, :] == -1).all()
    middle = padded[..., 3:13, :]
    assert torch.equal(middle[:, :, 0], video[:, :, 0])
    assert torch.equal(middle[:, :, 1], video[:, :, 0])
    assert torch.equal(middle[:, :, 7:], video[:, :, -1:].expand(-1, -1, 2, -1, -1))


def test_borders_hold_what_the_rule_says() -> None:
    video = torch.full((1, 3, 1, 4, 6), 0.5)
    for space, level in (("edge", 0.5), ("black", -1.0), ("grey", 0.0)):
        padded = pad(video, Padding(size=(8, 8), space=space))
        assert (padded[..., 4:, :] == level).all()
        assert (padded[..., 6:] == level).all()
        assert torch.equal(padded[..., :4, :6], video)


def test_nothing_is_copied_where_nothing_is_missing() -> None:
    video = torch.rand(1, 3, 9, 16, 32)
    assert pad(video, OFFICIAL) is video
