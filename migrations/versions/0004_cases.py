"""The register of disputes with its evidence and findings."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DISPUTES = r"""
    create table disputes (
        case_id text not null,
        ticket_id text not null,
        tenant_id text not null,
        period text not null,
        category text not null,
        meters text[] not null,
        invoice_id text,
        disputed_minor bigint not null,
        currency char(3) not null,
        severity text not null,
        ticket jsonb not null,
        round integer default 1 not null,
        reopening jsonb,
        opened_at timestamptz not null,
        duplicate_of text,
        escalated boolean default false not null,
        clocks jsonb default '[]' not null,
        ending text,
        resolution text,
        credited_minor bigint,
        resolved_by text,
        story jsonb default '[]' not null,
        closed_at timestamptz,
        constraint pk_disputes primary key (case_id),
        constraint ck_disputes_category_known check (
            category in ('usage_calculation', 'unauthorized_usage', 'service_quality', 'pricing')
        ),
        constraint ck_disputes_severity_known check (severity in ('low', 'normal', 'high', 'critical')),
        constraint ck_disputes_ending_known check (
            ending in ('credited', 'partially credited', 'billing confirmed', 'withdrawn by the customer',
            'closed without an answer', 'duplicate of an open case', 'not accepted', 'already closed')
        ),
        constraint ck_disputes_resolution_known check (
            resolution in ('customer_correct', 'billing_correct', 'partial')
        ),
        constraint ck_disputes_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
        constraint ck_disputes_round_counts_from_one check (round >= 1),
        constraint ck_disputes_closed_has_an_ending check ((ending is null) = (closed_at is null)),
        constraint ck_disputes_no_duplicate_of_itself check (duplicate_of <> case_id),
        constraint ck_disputes_contests_a_meter check (cardinality(meters) > 0),
        constraint uq_disputes_ticket_id unique (ticket_id),
        constraint fk_disputes_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint fk_disputes_duplicate_of foreign key (duplicate_of) references disputes (case_id)
    );
    create index ix_disputes_pattern on disputes (category, opened_at);
    create unique index uq_disputes_open on disputes (tenant_id, period, category, meters)
        where ending is null
"""

DISPUTE_ROUNDS = r"""
    create table dispute_rounds (
        case_id text not null,
        round integer not null,
        opened_at timestamptz not null,
        closed_at timestamptz default now() not null,
        ending text not null,
        resolution text,
        credited_minor bigint,
        currency char(3),
        resolved_by text not null,
        root_cause text not null,
        clocks jsonb not null,
        story jsonb not null,
        constraint pk_dispute_rounds primary key (case_id, round),
        constraint ck_dispute_rounds_ending_known check (
            ending in ('credited', 'partially credited', 'billing confirmed', 'withdrawn by the customer',
            'closed without an answer', 'duplicate of an open case', 'not accepted', 'already closed')
        ),
        constraint ck_dispute_rounds_resolution_known check (
            resolution in ('customer_correct', 'billing_correct', 'partial')
        ),
        constraint fk_dispute_rounds_case_id foreign key (case_id) references disputes (case_id)
    )
"""

TICKET_NOTES = r"""
    create table ticket_notes (
        op_key text not null,
        ticket_id text not null,
        text text not null,
        noted_at timestamptz default now() not null,
        constraint pk_ticket_notes primary key (op_key)
    );
    create index ix_ticket_notes_ticket_id on ticket_notes (ticket_id)
"""

EVIDENCE_PACKS = r"""
    create table evidence_packs (
        evidence_id text not null,
        case_id text not null,
        round integer not null,
        events bigint not null,
        facts jsonb not null,
        facts_sha256 char(64) not null,
        files jsonb not null,
        collected_at timestamptz default now() not null,
        constraint pk_evidence_packs primary key (evidence_id),
        constraint uq_evidence_packs_case_id_round unique (case_id, round),
        constraint fk_evidence_packs_case_id foreign key (case_id) references disputes (case_id)
    )
"""

ASSESSMENTS = r"""
    create table assessments (
        assessment_id text not null,
        evidence_id text not null,
        case_id text not null,
        round integer not null,
        assessment jsonb not null,
        assessed_at timestamptz default now() not null,
        constraint pk_assessments primary key (assessment_id),
        constraint uq_assessments_case_id_round unique (case_id, round),
        constraint uq_assessments_evidence_id unique (evidence_id),
        constraint fk_assessments_evidence_id foreign key (evidence_id) references evidence_packs (evidence_id),
        constraint fk_assessments_case_id foreign key (case_id) references disputes (case_id)
    )
"""

FINDINGS = r"""
    create table findings (
        case_id text not null,
        round integer not null,
        finding integer not null,
        tenant_id text not null,
        kind text not null,
        meter text not null,
        statement text not null,
        conclusive boolean not null,
        systematic boolean not null,
        excess_quantity numeric(24, 6) not null,
        amount_minor bigint,
        currency char(3),
        found_at timestamptz default now() not null,
        constraint pk_findings primary key (case_id, round, finding),
        constraint fk_findings_case_id foreign key (case_id, round) references assessments (case_id, round),
        constraint ck_findings_kind_known check (
            kind in ('duplicate_events', 'missing_events', 'misdated_events', 'rollup_mismatch',
            'billed_quantity_mismatch', 'wrong_rate', 'compromised_key', 'suspicious_key', 'quality_breach')
        )
    );
    create index ix_findings_pattern on findings (kind, meter, found_at)
"""

FINDING_ROWS = r"""
    create table finding_rows (
        case_id text not null,
        round integer not null,
        finding integer not null,
        event_id uuid not null,
        event_time timestamptz not null,
        quantity numeric(24, 6) not null,
        constraint pk_finding_rows primary key (case_id, round, finding, event_time, event_id),
        constraint fk_finding_rows_case_id foreign key (case_id, round, finding) references findings (case_id, round, finding)
    )
"""


def upgrade() -> None:
    for statement in (DISPUTES, DISPUTE_ROUNDS, TICKET_NOTES, EVIDENCE_PACKS, ASSESSMENTS, FINDINGS, FINDING_ROWS):
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "finding_rows",
        "findings",
        "assessments",
        "evidence_packs",
        "ticket_notes",
        "dispute_rounds",
        "disputes",
    ):
        op.execute(f"drop table {table}")
