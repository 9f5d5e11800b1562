"""The evidence folder's name: one plain folder below the directory, whatever the case is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.evidence.folder import folder_of

HOSTILE = (
    "dispute/../../etc/passwd",
    "dispute/..",
    "../dispute",
    "..",
    ".",
    "/",
    "//etc/passwd",
    "dispute/T-1\x00.csv",
    "dispute/T-1\n",
    "dispute/~root",
    "dispute/$(reboot)",
    "dispute/.hidden",
    "dispute/" + "x" * 300,
    "dispute/日本語",
    "dispute/C:\\temp",
    "\ud800",
)


def test_an_ordinary_case_reads_like_itself() -> None:
    assert folder_of("dispute/T-4711", 1) == "dispute-T-4711/r1"


@pytest.mark.parametrize("case_id", HOSTILE, ids=ascii)
def test_a_hostile_case_id_stays_in_the_evidence_directory(tmp_path: Path, case_id: str) -> None:
    folder = tmp_path / folder_of(case_id, 1)

    folder.mkdir(parents=True)

    assert folder.resolve().parent.parent == tmp_path.resolve()
    assert not folder.parent.name.startswith(".")


@given(st.lists(st.text(max_size=100).map(lambda text: f"dispute/{text}"), min_size=2, max_size=2, unique=True))
def test_two_cases_never_share_a_folder(case_ids: list[str]) -> None:
    one, other = case_ids

    assert folder_of(one, 1) != folder_of(other, 1)
