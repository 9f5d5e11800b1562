"""Plans and their hash: equal plans have one hash, every difference has a sentence, and only the word itself confirms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from billing.holds import HeldEffect, HoldOrder
from billing.policy.retention import Fate
from billing.retention import (
    CertifiedRow,
    Confirmation,
    DeletionCertificate,
    PlanRow,
    PurgeOrder,
    PurgePlan,
    Spared,
    drift,
    objection_to,
)

MONDAY = datetime(2026, 11, 23, 7, tzinfo=UTC)
KEYS = PlanRow(tenant_id="acme", table="api_keys", fate=Fate.DELETE, rows=3)
NAME = PlanRow(tenant_id="acme", table="tenants", fate=Fate.REDACT, rows=1)
MONTH = PlanRow(tenant_id=None, table="usage_events_y2024m01", fate=Fate.DELETE, rows=1_204)
HELD = Spared(subject="bolt", why="deletion is held by lead-1: a court asked")


def plan(*rows: PlanRow, spared: tuple[Spared, ...] = (), **changes: Any) -> PurgePlan:
    plain = {"as_of": MONDAY, "usage_before": MONDAY - timedelta(days=800), "policy": "2026-11"}
    return PurgePlan.model_validate(plain | {"rows": rows, "spared": spared} | changes)


def test_equal_plans_have_one_hash_that_survives_storage() -> None:
    made = plan(KEYS, NAME, MONTH, spared=(HELD,))

    read = PurgePlan.model_validate_json(made.canonical())

    assert read == made
    assert read.sha256() == made.sha256() == plan(KEYS, NAME, MONTH, spared=(HELD,)).sha256()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (plan(KEYS, NAME), ()),
        (
            plan(KEYS.model_copy(update={"rows": 4}), NAME),
            ("3 rows of api_keys of acme planned, 4 rows of api_keys of acme now",),
        ),
        (plan(NAME), ("3 rows of api_keys of acme planned, nothing now",)),
        (
            plan(spared=(HELD.model_copy(update={"subject": "acme"}),)),
            (
                "3 rows of api_keys of acme planned, nothing now",
                "1 row of tenants of acme planned, nothing now",
                "acme stays now: deletion is held by lead-1: a court asked",
            ),
        ),
        (plan(KEYS, NAME, policy="2026-12"), ("policy was 2026-11, is 2026-12",)),
    ],
)
def test_every_difference_has_a_sentence_and_another_hash(now: PurgePlan, words: tuple[str, ...]) -> None:
    planned = plan(KEYS, NAME)

    told = drift(planned, now)

    assert told == words
    assert (now.sha256() == planned.sha256()) is (not words)


@pytest.mark.parametrize(
    "now",
    [
        plan(KEYS, NAME, spared=(HELD,)),
        plan(KEYS, NAME),
        plan(KEYS, NAME, KEYS.model_copy(update={"tenant_id": "bolt"})),
        plan(KEYS, NAME, MONTH),
    ],
    ids=["stays all the same", "waits no more", "would go by now", "a month that would go by now"],
)
def test_who_is_no_part_of_the_plan_changes_nothing(now: PurgePlan) -> None:
    assert drift(plan(KEYS, NAME, spared=(Spared(subject="bolt", why="dispute T-1 is open"),)), now) == ()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((), "nothing to delete"),
        ((KEYS, NAME), "4 rows of 1 customer"),
        ((MONTH,), "1,204 rows of 1 month of raw data"),
        ((KEYS, MONTH), "1,207 rows of 1 customer and 1 month of raw data"),
    ],
)
def test_a_plan_says_how_much_it_is(rows: tuple[PlanRow, ...], words: str) -> None:
    assert plan(*rows).in_words() == words


@pytest.mark.parametrize(
    ("word", "sha256", "refused"),
    [
        ("CONFIRM", "a" * 64, False),
        ("confirm", "a" * 64, True),
        ("CONFIRM ", "a" * 64, True),
        ("", "a" * 64, True),
        ("CONFIRM", "b" * 64, True),
    ],
)
def test_only_the_word_and_the_hash_confirm(word: str, sha256: str, refused: bool) -> None:
    confirmation = Confirmation(by="finance-1", plan_sha256=sha256, word=word)

    assert (objection_to(confirmation, "a" * 64) is not None) is refused


@pytest.mark.parametrize(
    "name", ["", "next week", "2026-11-23/1", "2026-11-23-", "2026-11-23-UP", "2026-11-23-" + "a" * 21]
)
def test_a_plan_is_named_after_its_day(name: str) -> None:
    with pytest.raises(ValidationError):
        PurgeOrder(plan_id=name, requested_by="finance-1")


def test_a_legal_hold_covers_a_customer_or_everybody_and_no_meter() -> None:
    order = {"effect": HeldEffect.DELETION, "reason": "a court asked", "by": "lead-1"}

    held = [HoldOrder.model_validate(order | cover) for cover in ({}, {"tenant_id": "acme"})]

    assert len(held) == 2
    with pytest.raises(ValidationError, match="not for a meter"):
        HoldOrder.model_validate(order | {"meter": "api_calls"})


def test_a_certificate_counts_what_went_and_what_is_left() -> None:
    rows = (
        CertifiedRow(tenant_id="acme", table="api_keys", fate=Fate.DELETE, planned=3, gone=3, left=0),
        CertifiedRow(tenant_id="bolt", table="api_keys", fate=Fate.DELETE, planned=2, gone=0, left=2, held=True),
    )
    certificate = DeletionCertificate(
        plan_id="2026-11-23",
        plan_sha256="a" * 64,
        as_of=MONDAY,
        confirmed_by="finance-1",
        approved_by=("vp-1",),
        begun_at=MONDAY,
        finished_at=MONDAY,
        rows=rows,
        spared=(),
    )

    assert certificate.in_words() == "3 rows deleted or redacted, 2 rows left"
