from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbench.datasets.building.names import file_stem, refuse_equal_stems
from tokenbench.errors import TokenBenchError


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_becomes_one_plain_file_in_the_folder(name: str) -> None:
    stem = file_stem(name)
    assert Path("folder", f"{stem}.mp4").parent == Path("folder")
    assert stem.isascii()
    assert stem.isprintable()
    assert 0 < len(stem) <= 200
    assert not stem.startswith((".", "-"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), max_size=8, unique=True))
def test_names_that_differ_give_files_that_differ(names: list[str]) -> None:
    stems = {file_stem(name) for name in names}
    assert len(stems) == len(names)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("0114bdd0-f317da84", "0114bdd0-f317da84"),
        ("cmu_bike01_2/cam01", "cmu_bike01_2__cam01"),
        ('a "b"\nc', "a %22b%22%0Ac"),
        ("../../etc/passwd", "__..__etc__passwd~"),
        ("-TfD4eKDfbI_0_5", "TfD4eKDfbI_0_5~"),
        ("Zürich", "Z%C3%BCrich"),
    ],
)
def test_readable_names_stay_readable(name: str, stem: str) -> None:
    assert file_stem(name).startswith(stem)


def test_clips_that_would_share_a_file_are_refused() -> None:
    refuse_equal_stems(["a", "b", "a/b", "b"])
    with pytest.raises(TokenBenchError, match="'AB' and 'ab' would have the same file name"):
        refuse_equal_stems(["AB", "ab"])
    with pytest.raises(TokenBenchError, match="same file name"):
        refuse_equal_stems(["a/b", "a__b"])
