"""The page about dunning shows what the policy does: each table is worked out, each figure is the one in force."""

from __future__ import annotations

import pytest

from billing.authority import Role
from billing.policy.dunning import DUNNING, Notice
from billing.policy.payments import PAYMENTS
from billing.rungs import Rung
from tests.architecture.dunning_tables import tables
from tests.architecture.guides import HERE, as_one_line
from tests.billing.debtors import DAY, HOUR

PAGE = (HERE / "docs" / "dunning-policy.md").read_text()
SENTENCES = as_one_line(PAGE)
TABLES = tables()


@pytest.mark.parametrize("heading", TABLES)
def test_each_table_is_what_the_ladder_does(heading: str) -> None:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]

    assert TABLES[heading] in section


def test_each_figure_is_the_one_in_force() -> None:
    stays = {DUNNING.least_stay[rung] / DAY for rung in (Rung.GRACE, Rung.RATE_LIMITED, Rung.BLOCKED)}
    contact, granted = DUNNING.contact, DUNNING.arrangements
    extension, exemption = granted.extension, granted.exemption
    hours = [wait // HOUR for wait in PAYMENTS.charge_after[1:]]

    said = [
        f"last at least {stays.pop():g} days each",
        f"kept for {DUNNING.kept_for.days} days from the real suspension",
        f"{DUNNING.deletion_notices[0].days} and {DUNNING.deletion_notices[1].days} days before",
        f"after {hours[0]}, {hours[1]} and {hours[2]} hours",
        f"At most {contact.at_most} dunning mails in any {contact.within.days} days, none within "
        f"{contact.apart // HOUR} hours of the last, between {contact.opens:%H:%M} and {contact.closes:%H:%M}",
        f"for at most {granted.promise_within} days, and a case has at most {granted.promises}",
        f"agent {extension[Role.AGENT]} days, account manager and lead {extension[Role.LEAD]}, "
        f"finance {extension[Role.FINANCE]}, VP {extension[Role.VP]}",
        f"a lead up to {extension[Role.LEAD]} days, the VP up to {extension[Role.VP]}",
        f"a lead up to {exemption[Role.LEAD]} days, the VP up to {exemption[Role.VP]}",
    ]

    assert not stays
    assert not [sentence for sentence in said if sentence not in SENTENCES]


def test_each_notice_that_does_not_wait_has_its_reason() -> None:
    rows = {
        Notice.PAYMENT_FAILED: "| payment failed |",
        Notice.FINAL_WARNING: "| final warning |",
        Notice.SERVICE_REDUCED: "| service limited, blocked, suspended |",
        Notice.DELETION: "| deletion in 30 and in 7 days |",
        Notice.RESTORED: "| service restored or eased |",
        Notice.PROMISE_NOTED: "| promise noted |",
    }

    assert set(rows) == DUNNING.contact.required
    assert all(row in PAGE for row in rows.values())
