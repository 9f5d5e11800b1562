"""What the story of a dispute says of its findings, of what is proposed and of what was credited: one sentence each."""

from billing.authority import RUNBOOK
from billing.cases import Judgement
from billing.corrections import CreditReceipt, Destination
from billing.disputes import Resolution, in_words
from billing.money import Money
from billing.proposals import Outcome
from billing.wording import counted


def found(findings: int, *, conclusive: bool, credit: Money) -> str:
    """What an analysis came to; `credit` is what it suggests to give back, earlier credits taken off."""
    if not findings:
        return "nothing wrong was found" if conclusive else "nothing was found that settles it"
    certainty = "conclusive" if conclusive else "not conclusive"
    worth = f"{credit} too much was billed" if credit else "nothing is to be given back"
    return f"{counted(findings, 'finding')}, {certainty}; {worth}"


def proposed(outcome: Outcome) -> str:
    """What is proposed and by whom."""
    by = "the runbook" if outcome.requested_by == RUNBOOK else outcome.requested_by
    return f"{by} proposes: {_terms(outcome.resolution, outcome.credit, goodwill=outcome.goodwill)}"


def judged(judgement: Judgement) -> str:
    """What a person put in place of the computed proposal, and why."""
    terms = _terms(judgement.resolution, judgement.amount, goodwill=judgement.goodwill)
    return f"{judgement.by} judged: {terms}; {judgement.reason}"


def credited(receipt: CreditReceipt) -> str:
    """What was given back, by which document, and the provider's id to look it up."""
    by_note = receipt.destination is Destination.CREDIT_NOTE
    way = f"by credit note {receipt.credit_note_number}" if by_note else "off the next invoice"
    return f"credited {receipt.amount} {way} ({receipt.provider_id})"


def _terms(resolution: Resolution, amount: Money, *, goodwill: bool) -> str:
    back = f"{amount} {'as goodwill' if goodwill else 'to give back'}" if amount else "nothing to give back"
    return f"{in_words(resolution)}, {back}"
