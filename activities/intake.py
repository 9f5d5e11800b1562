"""Opening a dispute: read everything a case keeps for life, judge how grave it is, and enter it in the register."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.clock import Now
from activities.ports import CalendarSource, CaseBook, InvoiceArchive, PolicyShelf, TenantDirectory
from billing.cases import OpenedCase, Opening
from billing.disputes import case_id
from billing.triage import escalation_reasons, intake_problems, severity


@dataclass(frozen=True)
class Intake:
    """The first verb of a case: whatever it needs of the books for life is read here."""

    tenants: TenantDirectory
    invoices: InvoiceArchive
    policies: PolicyShelf
    calendars: CalendarSource
    register: CaseBook
    now: Now

    @activity.defn(name="open_dispute", no_thread_cancel_exception=True)
    def open_case(self, opening: Opening) -> OpenedCase:
        """Read tenant, invoice, policy and calendar once, and register the case; repeating it opens nothing twice (D2)."""
        return self.register.register(self._read(opening, self.now()), opening)

    def _read(self, opening: Opening, now: datetime) -> OpenedCase:
        ticket = opening.ticket
        tenant = self.tenants.find(ticket.tenant_id)
        invoice = self.invoices.latest(ticket.tenant_id, ticket.period) if tenant else None
        policy = self.policies.in_force(tenant)
        window = now - policy.disputes.pattern_window
        similar = self.register.similar_tenants(opening, window)
        is_pattern = policy.disputes.is_pattern(similar)
        reasons = escalation_reasons(ticket, similar, policy)
        tier = tenant.tier if tenant else None
        return OpenedCase(
            case_id=case_id(ticket.ticket_id),
            round=1,
            ticket=ticket,
            tenant=tenant,
            invoice_id=invoice.invoice_id if invoice else None,
            invoice_number=invoice.number if invoice else None,
            severity=severity(ticket.disputed, tier, bool(reasons), policy),
            escalation_reasons=tuple(reasons),
            pattern=self.register.similar_cases(opening, window) if is_pattern else (),
            policy=policy,
            calendar=self.calendars.calendar(tenant, now),
            problems=tuple(intake_problems(ticket, tenant, invoice, self.tenants.known_meters(), now)),
        )
