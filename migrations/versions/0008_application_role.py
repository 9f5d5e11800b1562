"""A role for the running application: it may work, and it may not rewrite the decision log or issued documents.

Roles belong to the whole server. Where the upgrading user may not create one, nothing happens here, and whoever runs the
server creates `runbooks_app` before the upgrade; a login role is then made a member of it.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CREATE_ROLE = """
    do $$
    begin
        if to_regrole('runbooks_app') is null
            and (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
        then
            create role runbooks_app nologin;
        end if;
    exception when duplicate_object or unique_violation then
        null; -- another database of this server was upgraded at the same moment
    end $$
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant usage on schema public to runbooks_app;
            grant select, insert, update on all tables in schema public to runbooks_app;
            grant usage on all sequences in schema public to runbooks_app;
            grant execute on function create_month_partitions(regclass, date, integer) to runbooks_app;
            revoke update on decisions, credits, credit_notes, billing_corrections, approval_refusals, invoice_lines,
                usage_events, request_logs, authentication_logs, alembic_version from runbooks_app;
            revoke insert on decisions_head, alembic_version from runbooks_app;
        end if;
    end $$
"""

REVOKE = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            revoke all on all tables in schema public from runbooks_app;
            revoke all on all sequences in schema public from runbooks_app;
            revoke all on all functions in schema public from runbooks_app;
            revoke all on schema public from runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    op.execute(CREATE_ROLE)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute(REVOKE)
