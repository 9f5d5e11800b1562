"""Assessments on record: what was found, and for every finding the complete list of its rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from activities.ports import DisputeScope
from billing.disputes import Category, Resolution
from billing.evidence import EvidencePack, RowSet
from billing.failures import BillingFailure, FailureCode
from billing.findings import Assessment, Finding, FindingKind
from billing.money import Money
from tests.adapters.evidence.world import World


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def finding(kind: FindingKind, rows: RowSet | None, **differences: Any) -> Finding:
    ordinary = {"kind": kind, "meter": "api_calls", "statement": "Told in words.", "amount": usd(1_20), "rows": rows}
    return Finding.model_validate(ordinary | differences)


def assessment(*findings: Finding) -> Assessment:
    return Assessment(
        findings=findings,
        lines=(),
        overbilled=usd(1_20),
        already_credited=usd(0),
        credit=usd(1_20),
        resolution=Resolution.CUSTOMER_CORRECT,
        conclusive=True,
    )


def recorded(world: World, scope: DisputeScope, pack: EvidencePack, *findings: Finding) -> str:
    return world.room.record_assessment(scope, pack.evidence_id, assessment(*findings))


def rows_of(world: World, number: int) -> list[tuple[str, Decimal]]:
    statement = "select event_id, quantity from finding_rows where finding = :number order by event_id"
    return [(str(row["event_id"]), row["quantity"]) for row in world.rows(statement, number=number)]


def test_every_finding_names_all_of_its_rows(world: World) -> None:
    copies = world.again(world.call("2026-10-05 10:00", "2"), times=12)
    lost = world.request("2026-10-05 11:00", "7")
    taken = world.event("2026-11-01 00:30", "5")
    world.roll_up("2026-10-31", clock="Etc/GMT+1")
    scope = world.scope()
    pack = world.collect(scope)
    facts = world.room.facts(pack.evidence_id)

    recorded(
        world,
        scope,
        pack,
        finding(FindingKind.MISDATED_EVENTS, facts.misdated[0].rows),
        finding(FindingKind.DUPLICATE_EVENTS, facts.duplicates[0].rows),
        finding(FindingKind.WRONG_RATE, None),
        finding(FindingKind.MISSING_EVENTS, facts.missing[0].rows),
    )

    assert rows_of(world, 1) == [(str(taken), 5)]
    assert rows_of(world, 2) == [(str(copy), 2) for copy in copies]
    assert rows_of(world, 3) == []
    assert rows_of(world, 4) == [(str(lost), 7)]


def test_a_stolen_keys_finding_names_the_events_of_that_key_and_network(world: World) -> None:
    world.call("2026-10-05 10:00")
    stolen = world.call("2026-10-05 11:00", "40", network="203.0.113.0/24")
    scope = world.scope(Category.UNAUTHORIZED_USAGE)
    pack = world.collect(scope)
    (usage,) = [found for found in world.room.facts(pack.evidence_id).key_usage if found.network != "198.51.100.0/24"]

    recorded(world, scope, pack, finding(FindingKind.COMPROMISED_KEY, usage.rows))

    assert rows_of(world, 1) == [(str(stolen), 40)]


def test_findings_are_kept_in_their_order_with_what_they_say(world: World) -> None:
    world.event("2026-10-05 10:00")
    scope = world.scope()
    pack = world.collect(scope)

    assessment_id = recorded(
        world,
        scope,
        pack,
        finding(FindingKind.WRONG_RATE, None, systematic=True, excess_quantity=Decimal("2.5")),
        finding(FindingKind.ROLLUP_MISMATCH, None, conclusive=False, amount=None),
    )

    kept = world.rows(
        "select kind, conclusive, systematic, excess_quantity, amount_minor, currency from findings order by finding"
    )
    assert [tuple(row.values()) for row in kept] == [
        ("wrong_rate", True, True, Decimal("2.5"), 120, "USD"),
        ("rollup_mismatch", False, False, 0, None, None),
    ]
    assert world.room.assessment(assessment_id).findings[0].systematic


def test_recording_again_replaces_nothing(world: World) -> None:
    world.event("2026-10-05 10:00")
    scope = world.scope()
    pack = world.collect(scope)
    first = recorded(world, scope, pack, finding(FindingKind.WRONG_RATE, None))

    again = recorded(world, scope, pack)

    assert again == first
    assert len(world.room.assessment(first).findings) == 1


def test_rows_that_were_changed_on_disk_are_refused_and_nothing_is_recorded(world: World) -> None:
    original = world.call("2026-10-05 10:00")
    (copy,) = world.again(original)
    scope = world.scope()
    pack = world.collect(scope)
    rows = world.room.facts(pack.evidence_id).duplicates[0].rows
    file = world.file(pack, "fact_rows.csv")
    file.write_text(file.read_text().replace(str(copy), str(original)))

    with pytest.raises(BillingFailure, match=r"fact_rows\.csv no longer holds the 1 rows") as refusal:
        recorded(world, scope, pack, finding(FindingKind.DUPLICATE_EVENTS, rows))

    assert refusal.value.code is FailureCode.CONFLICT
    assert world.rows("select * from assessments") == world.rows("select * from finding_rows") == []


def test_a_worker_without_the_evidence_folder_says_what_it_lacks(world: World) -> None:
    world.again(world.call("2026-10-05 10:00"))
    scope = world.scope()
    pack = world.collect(scope)
    rows = world.room.facts(pack.evidence_id).duplicates[0].rows
    world.file(pack, "fact_rows.csv").unlink()

    with pytest.raises(BillingFailure, match="every worker needs the same evidence directory") as refusal:
        recorded(world, scope, pack, finding(FindingKind.DUPLICATE_EVENTS, rows))

    assert refusal.value.code is FailureCode.UNAVAILABLE


def test_what_was_never_collected_or_assessed_is_not_found(world: World) -> None:
    scope = world.scope()

    with pytest.raises(BillingFailure, match="there is no evidence dispute-T-1/r1") as no_evidence:
        world.room.record_assessment(scope, "dispute-T-1/r1", assessment())
    with pytest.raises(BillingFailure, match="there is no assessment x") as no_assessment:
        world.room.assessment("x")

    assert {no_evidence.value.code, no_assessment.value.code} == {FailureCode.NOT_FOUND}
