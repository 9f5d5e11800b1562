"""The guide to invoice corrections quotes the policy: each figure in it is the one in force."""

from billing.policy.standard import STANDARD
from tests.architecture.guides import HERE, as_one_line
from tests.architecture.test_docs_figures import words

PAGE = as_one_line((HERE / "docs" / "runbooks" / "invoice-correction.md").read_text())


def test_limits_and_waits_are_the_policys() -> None:
    credits, waits = STANDARD.credits, STANDARD.approvals
    first, second, *daily = STANDARD.provider.look_up_after

    said = [
        f"| up to ${credits.corrected_invoice_above.major:.0f}, unless you say",
        f"credits of the last {credits.window.days} days",
        f"up to ${credits.agent_limit.major:.0f} another agent or anyone above, up to ${credits.lead_limit.major:.0f} a lead",
        f"repeated every {words(waits.remind_every)}, climbs after {words(waits.escalate_after)}",
        f"expires after {words(waits.expire_after)}",
        f"after {words(first)}, {words(second)} and then daily {len(daily)} times",
    ]

    assert not [sentence for sentence in said if sentence not in PAGE]
    assert credits.payback == "balance"
    assert "| above, by default | is lowered | into the customer's balance" in PAGE
