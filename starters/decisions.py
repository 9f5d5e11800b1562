"""An operator's answer to an open question: signed here with their token, judged by the database (C8, U3)."""

from __future__ import annotations

from datetime import datetime

from temporalio.client import Client

from adapters.operator_keys import operator_of, sign
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision, Verdict
from starters import disputes
from starters.card_numbers import without_card_numbers


def signed(question: PendingApproval, verdict: Verdict, reason: str, token: str, now: datetime) -> SignedDecision:
    """The decision of the token's holder about exactly the request that was asked about."""
    decision = SignedDecision(
        approval_id=question.approval_id,
        request_sha256=question.request_sha256,
        verdict=verdict,
        operator_id=operator_of(token),
        reason=reason,
        decided_at=now,
    )
    return sign(without_card_numbers(decision), token)


async def answer(
    client: Client, question: PendingApproval, verdict: Verdict, reason: str, *, token: str, now: datetime
) -> DecisionReceipt:
    """Sign and hand in; the receipt says whether it counted. The same answer again returns the first receipt."""
    return await disputes.decide(client, question.case_id, signed(question, verdict, reason, token, now))
