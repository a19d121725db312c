"""What tells runs apart, and which runs may be told apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diff_support import Scores, write_scores
from scipy.stats import wilcoxon

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.clips import read_clips
from tokenbench.reporting.diff import Diff, diff_runs, write_diff
from tokenbench.reporting.differences import Difference
from tokenbench.reporting.gate import broken_gates, read_gate
from tokenbench.reporting.runs import load_run

Make = Callable[..., Path]


def scores(shift: float = 0.0, *, videos: int = 20, photographs: int = 8, seed: int = 1) -> Scores:
    """PSNR and LPIPS of clips, better by `shift` dB (and by a hundredth of it) up to a little noise."""
    base, noise = np.random.default_rng(0), np.random.default_rng(seed)
    names = [f"video-{i}" for i in range(videos)] + [f"photo-{i}" for i in range(photographs)]
    return {
        name: {
            "psnr": base.normal(30, 3) + shift + noise.normal(0, 0.05),
            "lpips": base.uniform(0.1, 0.3) - shift / 100 + noise.normal(0, 0.0005),
        }
        for name in names
    }


def without(clips: Scores, *names: str) -> Scores:
    return {clip: values for clip, values in clips.items() if clip not in names}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a run: `make(name, scores, ...)`."""

    def write(name: str, clips: Scores | None = None, **more: Any) -> Path:
        return write_scores(tmp_path / name, clips or scores(), **more)

    return write


def diff(*folders: Path, metrics: tuple[str, ...] = ()) -> Diff:
    return diff_runs([load_run(folder) for folder in folders], metrics)


def row(found: Diff, metric: str, media: str = "video", run: str = "B") -> Difference:
    (only,) = (row for row in found.rows if (row.metric, row.media, row.run) == (metric, media, run))
    return only


def test_differences_of_real_runs_are_those_of_their_clips(runs: dict[str, Path]) -> None:
    found = diff(runs["jpeg-q20"], runs["jpeg-q70"])
    assert [(row.media, row.metric) for row in found.rows] == [
        (media, metric) for media in ("video", "image") for metric in ("psnr", "ssim", "bits_per_pixel")
    ]
    for each in found.rows:
        one, other = (
            json.loads((runs[name] / "result.json").read_text())["media"][each.media]["metrics"][each.metric]["value"]
            for name in ("jpeg-q20", "jpeg-q70")
        )
        assert (each.mean_a, each.mean_b) == pytest.approx((one, other))
        assert each.difference == pytest.approx(other - one)
        assert (each.difference or 0) > 0
        # Four clips are too few to be sure, however large the difference.
        assert each.verdict == "no difference"
        assert each.significance is not None
        assert each.significance.p_value == 2 / 2**4


def test_a_run_does_not_differ_from_itself(make: Make) -> None:
    found = diff(make("a"), make("again"))
    for each in found.rows:
        assert each.significance is not None
        assert (each.difference, each.significance.p_value, each.adjusted) == (0.0, 1.0, 1.0)
        assert each.verdict == "no difference"
    assert [dict(ranking.ranks) for ranking in found.rankings] == [{"A": 1, "B": 1}] * 4


def test_better_and_worse_follow_the_direction_of_the_metric(make: Make) -> None:
    found = diff(make("a"), make("gain", scores(0.5, seed=2)), make("loss", scores(-0.5, seed=3)))
    assert row(found, "psnr").difference == pytest.approx(0.5, abs=0.05)
    assert row(found, "lpips").difference == pytest.approx(-0.005, abs=0.0005)
    assert {each.verdict for each in found.rows if each.run == "B"} == {"better"}
    assert {each.verdict for each in found.rows if each.run == "C"} == {"worse"}
    ranks = {(ranking.media, ranking.metric): dict(ranking.ranks) for ranking in found.rankings}
    assert ranks["video", "psnr"] == ranks["video", "lpips"] == {"A": 2, "B": 1, "C": 3}


def test_a_metric_of_unknown_direction_is_higher_or_lower_and_not_ranked(make: Make) -> None:
    def rated(rate: float) -> Scores:
        return {clip: {"bits_per_pixel": rate + i / 1000} for i, clip in enumerate(scores())}

    found = diff(make("a", rated(0.1)), make("b", rated(0.2)))
    assert row(found, "bits_per_pixel").verdict == "higher"
    assert found.rankings == ()


def test_a_test_that_points_away_from_the_mean_is_called_mixed_and_beats_nobody(make: Make) -> None:
    a = {f"video-{i}": {"psnr": 30.0 + i / 10} for i in range(42)}
    gains = [5.0, 6.0, *(-0.1 - i / 1000 for i in range(40))]
    b = {clip: {"psnr": values["psnr"] + gain} for (clip, values), gain in zip(a.items(), gains, strict=True)}
    found = diff(make("a", a), make("b", b))
    assert row(found, "psnr").verdict == "mixed"
    assert (row(found, "psnr").difference or 0) > 0
    assert dict(found.rankings[0].ranks) == {"A": 1, "B": 1}
    assert broken_gates([read_gate("psnr>0.1")], found, significant=True) == []


def test_p_is_scipys_and_adjusted_for_all_comparisons_of_the_call(make: Make) -> None:
    """Holm by hand over the rows shown: two runs, two kinds of media, two metrics."""
    folders = make("a"), make("b", scores(0.02, seed=2)), make("c", scores(0.1, seed=3))
    found = diff(*folders)
    psnr = [[clip.scores["psnr"] for clip in load_run(f).clips if clip.media == "video"] for f in folders]
    p_values = [each.significance.p_value for each in found.rows if each.significance]
    assert row(found, "psnr", run="C").significance.p_value == wilcoxon(psnr[0], psnr[2]).pvalue  # type: ignore[union-attr]
    assert len(p_values) == 8
    least = 0.0
    for step, (p, adjusted) in enumerate(sorted(zip(p_values, [each.adjusted for each in found.rows], strict=True))):
        least = max(least, min(1.0, (8 - step) * p))
        assert adjusted == pytest.approx(least)
    alone = row(diff(*folders[::2], metrics=("psnr",)), "psnr")
    assert alone.significance is not None
    assert (row(found, "psnr", run="C").adjusted or 0) > alone.significance.p_value


def test_with_two_runs_ranks_and_verdicts_agree(make: Make) -> None:
    a = make("a")
    for number, shift in enumerate(np.linspace(0, 0.08, 9)):
        found = diff(a, make(f"b{number}", scores(shift, seed=number + 2)))
        for ranking in found.rankings:
            verdict = row(found, ranking.metric, ranking.media).verdict
            assert (
                dict(ranking.ranks)
                == {
                    "better": {"A": 2, "B": 1},
                    "worse": {"A": 1, "B": 2},
                    "no difference": {"A": 1, "B": 1},
                }[verdict]
            )


def test_clips_that_one_run_lacks_are_left_out_and_counted(make: Make) -> None:
    a, b = without(scores(), "video-3"), without(scores(0.5), "video-0", "video-1", "photo-2")
    found = diff(make("a", a), make("b", b))
    counts = {(each.media): (each.both, each.only_a, each.only_b) for each in found.overlaps}
    assert counts == {"video": (17, 2, 1), "image": (7, 1, 0)}
    each = row(found, "psnr")
    assert (each.n, each.only_a, each.only_b) == (17, 2, 1)
    common = sorted(clip for clip in a.keys() & b.keys() if clip.startswith("video"))
    assert each.mean_a == pytest.approx(np.mean([a[clip]["psnr"] for clip in common]))
    assert each.mean_b == pytest.approx(np.mean([b[clip]["psnr"] for clip in common]))


def test_a_metric_that_some_clips_lack_has_its_own_count(make: Make) -> None:
    b = {clip: dict(values) for clip, values in scores(0.5).items()}
    del b["video-5"]["lpips"]
    found = diff(make("a"), make("b", b))
    assert (row(found, "psnr").n, row(found, "lpips").n, row(found, "lpips").only_a) == (20, 19, 1)


def test_a_metric_that_one_run_lacks_is_shown_with_the_reason(make: Make) -> None:
    b = {clip: {"psnr": values["psnr"]} for clip, values in scores().items()}
    found = diff(make("a"), make("b", b), make("c"))
    assert (row(found, "lpips").difference, row(found, "lpips").reason) == (None, "B has no value")
    ranks = {(ranking.media, ranking.metric): dict(ranking.ranks) for ranking in found.rankings}
    assert ranks["video", "lpips"] == {"A": 1, "C": 1}


def test_runs_with_no_clip_in_common_have_no_difference(make: Make) -> None:
    found = diff(make("a", {"video-0": {"psnr": 30.0}}), make("b", {"video-1": {"psnr": 31.0}}))
    assert row(found, "psnr").reason == "no clip has a value in both"


def test_clips_of_one_source_are_tested_together(make: Make) -> None:
    sources = {f"video-{i}": f"take-{i % 4}" for i in range(20)}
    found = diff(make("a", sources=sources), make("b", scores(0.5), sources=sources))
    each = row(found, "psnr")
    assert each.significance is not None
    assert (each.n, each.clusters) == (20, 4)
    assert each.significance.test == "sign-flip permutation test over clusters"
    assert each.significance.p_value == 2 / 2**4
    photographs = row(found, "psnr", "image")
    assert photographs.significance is not None
    assert (photographs.clusters, photographs.significance.test) == (8, "Wilcoxon signed-rank test")


def test_sources_are_known_if_one_of_the_runs_names_them(make: Make) -> None:
    named = make("a", sources={f"video-{i}": f"take-{i % 4}" for i in range(20)})
    bare = make("b", scores(0.5))
    assert row(diff(named, bare), "psnr").clusters == row(diff(bare, named), "psnr").clusters == 4


def test_the_column_of_sources_is_read_where_there_is_one(make: Make) -> None:
    clips = read_clips(make("a", sources={"video-1": "take"}) / "clips.csv", ["psnr"])
    assert [clip.source for clip in clips[:3]] == ["", "take", ""]
    assert [clip.cluster for clip in clips[:3]] == ["video-0", "take", "video-2"]
    assert {clip.source for clip in read_clips(make("b") / "clips.csv", ["psnr"])} == {""}


def test_a_set_has_a_difference_and_no_p(make: Make) -> None:
    one, other = ({"video": {"fvd": (value, 20)}} for value in (40.0, 38.5))
    each = row(diff(make("a", sets=one), make("b", scores(0.5), sets=other)), "fvd")
    assert (each.mean_a, each.mean_b, each.difference, each.n) == (40.0, 38.5, -1.5, 20)
    assert (each.significance, each.adjusted, each.ci95, each.verdict, each.reason) == (None, None, None, "", "")


def test_sets_of_different_size_are_refused(make: Make) -> None:
    one, other = ({"image": {"fid": (12.0, n)}} for n in (8, 7))
    each = row(diff(make("a", sets=one), make("b", sets=other)), "fid", "image")
    assert each.difference is None
    assert each.reason == "over 8 samples in A and 7 in B, and its value depends on their number"


def test_sets_of_different_clips_are_refused(make: Make) -> None:
    one = make("a", without(scores(), "video-0"), sets={"video": {"fvd": (40.0, 19)}})
    other = make("b", without(scores(), "video-1"), sets={"video": {"fvd": (41.0, 19)}})
    assert "scored different clips" in row(diff(one, other), "fvd").reason


def test_a_metric_that_is_defined_differently_is_refused(make: Make) -> None:
    one, other = make("a", definitions={"psnr": "one"}), make("b", definitions={"psnr": "other", "lpips": "x"})
    found = diff(one, other)
    assert row(found, "psnr").reason == "A and B define it differently"
    assert row(found, "lpips").difference == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": "native/1+frames=17"}, r"a by protocol native/1 and .*b by protocol native/1\+frames=17"),
        ({"storage": "h264"}, r"a by protocol native/1 and .*b by protocol native/1 with storage h264"),
        ({"protocol": "native/1+storage=h264", "storage": "h264"}, r"b by protocol native/1\+storage=h264:"),
        (
            {"manifest": "77" * 32},
            r"a on data set tiny \(manifest 6a1f6a1f6a1f\) and .*b on .* \(manifest 777777777777",
        ),
        ({"manifest": None}, r"b on data set tiny \(manifest unknown\)"),
    ],
)
def test_runs_that_were_not_judged_alike_are_refused_and_both_named(
    make: Make, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(TokenBenchError, match=message):
        diff(make("a"), make("b", **change))


def test_a_run_without_its_clips_is_refused(make: Make) -> None:
    bare = make("b")
    (bare / "clips.csv").unlink()
    with pytest.raises(TokenBenchError, match=r"no clips in .*clips\.csv: runs are compared clip by clip"):
        diff(make("a"), bare)


def test_a_clip_that_is_listed_twice_is_refused(make: Make) -> None:
    twice = make("b")
    with (twice / "clips.csv").open("a", newline="") as file:
        csv.writer(file).writerow(["video-4", "talk", 17, 25, 30.0, 0.2])
    with pytest.raises(TokenBenchError, match="has clip 'video-4' 2 times"):
        diff(make("a"), twice)


def test_an_infinite_value_is_named(make: Make) -> None:
    endless = {clip: dict(values) for clip, values in scores().items()}
    endless["video-2"]["psnr"] = float("inf")
    with pytest.raises(TokenBenchError, match="psnr of clip 'video-2' is inf"):
        diff(make("a"), make("b", endless))
    assert row(diff(make("c"), make("d", endless), metrics=("lpips",)), "lpips").difference == 0.0


def test_an_unknown_metric_is_named_with_those_that_there_are(make: Make) -> None:
    with pytest.raises(TokenBenchError, match="no run has the metric 'psrn': they have lpips, psnr"):
        diff(make("a"), make("b"), metrics=("psrn",))


def test_one_run_is_not_enough(make: Make) -> None:
    with pytest.raises(TokenBenchError, match="give two runs or more"):
        diff(make("a"))


def test_exchanging_the_runs_negates_every_difference(make: Make) -> None:
    sources = {f"video-{i}": f"take-{i % 7}" for i in range(20)}
    a, b = make("a", sources=sources), make("b", scores(0.02, seed=2), sources=sources)
    for forth, back in zip(diff(a, b).rows, diff(b, a).rows, strict=True):
        assert forth.difference is not None
        assert forth.ci95 is not None
        assert back.difference == -forth.difference
        assert back.ci95 == (-forth.ci95[1], -forth.ci95[0])
        assert back.adjusted == forth.adjusted


def test_the_json_holds_every_number(make: Make, tmp_path: Path) -> None:
    found = diff(make("a", sets={"image": {"fid": (3.0, 8)}}), make("b", scores(0.5)))
    write_diff(tmp_path / "new" / "diff.json", found)
    written = json.loads((tmp_path / "new" / "diff.json").read_text())
    assert written["schema"] == "tokenbench.diff/1"
    assert written["dataset"] == {"name": "tiny", "protocol": "native/1", "manifest_sha256": "6a1f" * 16}
    assert {label: run["tokenizer"] for label, run in written["runs"].items()} == {
        "A": "tokenizer-a",
        "B": "tokenizer-b",
    }
    for each, stated in zip(found.rows, written["differences"], strict=True):
        assert (stated["metric"], stated["difference"], stated["adjusted"]) == (
            each.metric,
            each.difference,
            each.adjusted,
        )
        assert stated["p"] == (each.significance.p_value if each.significance else None)
        assert stated["ci95"] == (list(each.ci95) if each.ci95 else None)
    assert written["rankings"][0] == {"media": "video", "metric": "psnr", "ranks": {"A": 2, "B": 1}}


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("psnr<-0.05", True),
        (" psnr < -5e-2 ", True),
        ("psnr<-0.9", False),
        ("psnr>0", False),
        ("lpips>0.001", True),
        ("lpips>0.009", False),
    ],
)
def test_a_limit_is_on_the_difference_of_means(make: Make, text: str, fails: bool) -> None:
    found = diff(make("a"), make("b", scores(-0.5, seed=2)))
    assert bool(broken_gates([read_gate(text)], found)) == fails


def test_the_limit_itself_is_within_it(make: Make) -> None:
    one, other = ({"video-0": {"psnr": value}} for value in (30.0, 29.5))
    found = diff(make("a", one), make("b", other))
    assert broken_gates([read_gate("psnr<-0.5")], found) == []
    assert broken_gates([read_gate("psnr<-0.49")], found) == [
        "psnr<-0.49: psnr (video) of B differs from A by -0.5, adjusted p 1"
    ]


def test_a_limit_can_ask_for_significance(make: Make) -> None:
    found = diff(make("a"), make("b", scores(-0.5, photographs=4)))
    gates = [read_gate("psnr<-0.05")]
    assert [line.split(": ")[1].split(" of")[0] for line in broken_gates(gates, found)] == [
        "psnr (video)",
        "psnr (image)",
    ]
    assert [line.split(": ")[1].split(" of")[0] for line in broken_gates(gates, found, significant=True)] == [
        "psnr (video)"
    ]


def test_a_limit_that_cannot_be_judged_is_no_pass(make: Make) -> None:
    one, other = ({"image": {"fid": (12.0, n)}} for n in (8, 7))
    found = diff(
        make("a", sets=one | {"video": {"fvd": (9.0, 20)}}), make("b", sets=other | {"video": {"fvd": (9.0, 20)}})
    )
    with pytest.raises(TokenBenchError, match=r"cannot judge fid>1: fid \(image\) of B: over 8 samples"):
        broken_gates([read_gate("fid>1")], found)
    with pytest.raises(TokenBenchError, match=r"cannot judge fvd>1: fvd \(video\) of B has no p-value"):
        broken_gates([read_gate("fvd>1")], found, significant=True)
    with pytest.raises(TokenBenchError, match="cannot judge vmaf<-1: the metrics compared are fid, fvd, lpips, psnr"):
        broken_gates([read_gate("vmaf<-1")], found)


@pytest.mark.parametrize("text", ["psnr", "psnr<", "psnr<=1", "psnr<x", "<1", "psnr<nan", "psnr<inf", "a b<1", ""])
def test_a_limit_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(TokenBenchError, match="write METRIC<NUMBER or METRIC>NUMBER"):
        read_gate(text)
