"""Whether the lines of a correction still stand as they were when it was worked out: nobody gives the same line back twice.

A credit note restates its lines in a new revision; a small credit to the next invoice leaves no document, so its lines are
looked up in what was frozen.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Integer, func, or_, select

from adapters.postgres.invoices import newest_revision
from adapters.postgres.tables import effects, invoice_lines
from billing.corrections import CreditRequest
from billing.effects import EffectKind, EffectState
from billing.invoices import LineKind

# These follow from the charges, so two corrections may both move them.
_FOLLOW = (LineKind.MINIMUM.value, LineKind.DISCOUNT.value, LineKind.FIXED_DISCOUNT.value, LineKind.TAX.value)


def moved_meanwhile(connection: Connection, request: CreditRequest, pending: ColumnElement[bool]) -> str | None:
    """Why the lines of an ordered correction are not what they were, with what to do; None when they are, or when it
    corrects none. `pending` are the credits that go before it. The revisions are locked."""
    if request.resolution is not None or not request.lines:
        return None
    newest = newest_revision(connection, request.invoice_id)
    if newest != request.invoice_id:
        return f"invoice {request.invoice_id} was corrected meanwhile: order its lines for the newest revision {newest}"
    line = func.jsonb_array_elements(effects.c.request["lines"]).table_valued("value").render_derived()
    number = line.c.value.op("->>")("line_number").cast(Integer)
    given_back = (
        select(number, effects.c.case_id)
        .select_from(effects)
        .join(line, onclause=effects.c.op_key.is_not(None))
        .join(invoice_lines, (invoice_lines.c.invoice_id == request.invoice_id) & (invoice_lines.c.number == number))
        .where(effects.c.tenant_id == request.tenant_id, effects.c.kind == EffectKind.CREDIT.value)
        .where(effects.c.op_key != request.op_key, effects.c.request["invoice_id"].astext == request.invoice_id)
        .where(or_(effects.c.state == EffectState.CONFIRMED.value, pending))
        .where(invoice_lines.c.kind.not_in(_FOLLOW), number.in_([line.line_number for line in request.lines]))
        .order_by(number)
        .limit(1)
    )
    first = connection.execute(given_back).one_or_none()
    if first is None:
        return None
    return f"line {first[0]} was given back by {first[1]} already: look at it, and give an amount if more is due"
