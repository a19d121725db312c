from __future__ import annotations

import pytest
from viewing_support import subject

from tokenbench.errors import TokenBenchError
from tokenbench.viewing.choice import choose_clips

SHARP = subject("sharp", {"walk": 40.0, "run": 31.0, "talk": 35.0, "photo-1": 39.0, "photo-2": 38.5})
SOFT = subject("soft", {"walk": 28.0, "run": 27.5, "talk": 33.0, "photo-1": 30.0})
IDENTITY = subject("identity", {"walk": 186.0, "run": 186.0, "talk": 186.0})


def test_the_worst_clip_of_each_run_videos_and_photographs_apart() -> None:
    choices = choose_clips([SHARP, SOFT], [], worst=1, disagreements=0)
    assert [(choice.clip, choice.media, choice.sides) for choice in choices] == [
        ("run", "video", ("sharp",)),
        ("photo-2", "image", ("sharp",)),
        ("photo-1", "image", ("soft",)),
    ]
    assert choices[0].reasons == ("worst of sharp: 31.00 dB", "worst of soft: 27.50 dB")


def test_further_clips_come_from_the_lowest_on() -> None:
    choices = choose_clips([SHARP], [], worst=2, disagreements=0)
    assert [choice.clip for choice in choices if choice.media == "video"] == ["run", "talk"]
    assert choices[1].reasons == ("2nd from below of sharp: 35.00 dB",)


def test_the_clip_that_runs_differ_most_on_has_both_beside_the_divider() -> None:
    (video, image) = choose_clips([SHARP, SOFT], [], worst=0, disagreements=1)
    assert (video.clip, video.sides) == ("walk", ("soft", "sharp"))
    assert video.reasons == ("runs differ here by 12.00 dB: soft 28.00, sharp 40.00",)
    assert image.clip == "photo-1"


def test_identity_neither_has_a_worst_clip_nor_disagrees() -> None:
    choices = choose_clips([SHARP, IDENTITY], [], worst=1, disagreements=1)
    assert [choice.clip for choice in choices] == ["run", "photo-2"]


def test_a_clip_that_is_asked_for_comes_first_and_once() -> None:
    choices = choose_clips([SHARP, SOFT], ["talk", "run"], worst=1, disagreements=0)
    assert [choice.clip for choice in choices][:2] == ["talk", "run"]
    assert [choice.clip for choice in choices].count("run") == 1
    assert choices[1].reasons[0] == "asked for"


def test_an_unknown_clip_is_refused_with_near_names() -> None:
    with pytest.raises(TokenBenchError, match=r"no clip 'walks' in the runs: did you mean walk or talk\?"):
        choose_clips([SHARP], ["walks"], worst=1, disagreements=1)


def test_without_any_psnr_a_clip_must_be_named() -> None:
    blind = subject("blind", {"walk": None})
    with pytest.raises(TokenBenchError, match=r"nothing to show.*--clip"):
        choose_clips([blind], [], worst=1, disagreements=1)
    assert [choice.clip for choice in choose_clips([blind], ["walk"], worst=0, disagreements=0)] == ["walk"]


def test_the_hardest_clip_has_the_lowest_mean_over_the_runs_and_the_worst_and_best_of_them_beside_the_divider() -> None:
    choices = choose_clips([SHARP, SOFT, IDENTITY], [], worst=0, disagreements=0, hardest=1)
    assert [(choice.clip, choice.sides, choice.reasons) for choice in choices] == [
        ("run", ("soft", "sharp"), ("29.25 dB in the mean over 2 runs",)),
        ("photo-1", ("soft", "sharp"), ("34.50 dB in the mean over 2 runs",)),
    ]
    alone = choose_clips([SHARP], [], worst=0, disagreements=0, hardest=2)
    assert [choice.sides for choice in alone] == [("sharp",)] * 4
    assert alone[1].reasons == ("35.00 dB in the mean over 1 run",)
