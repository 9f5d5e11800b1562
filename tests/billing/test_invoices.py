from __future__ import annotations

import pytest
from pydantic import ValidationError

from billing.invoices import Invoice
from tests.billing.world import METER, fee_line, invoice, price, usage_line, usd


def test_the_lines_of_an_invoice_sum_to_its_total() -> None:
    issued = invoice(usage_line(price(), "1200"), fee_line(500), fee_line(-100))

    assert issued.total == usd("16.00")


def test_an_invoice_whose_lines_miss_its_total_cannot_exist() -> None:
    issued = invoice(usage_line(price(), "1200"))

    with pytest.raises(ValidationError, match="invoice inv-1: lines sum to 1200, the total says 1201"):
        Invoice.model_validate(dict(issued) | {"total_minor": 1201})


def test_an_issued_invoice_is_never_edited() -> None:
    issued = invoice(usage_line(price(), "1200"))

    with pytest.raises(ValidationError, match="frozen"):
        issued.total_minor = 0  # type: ignore[misc]


def test_a_meter_is_found_by_its_line_and_a_fee_is_no_meter() -> None:
    line = usage_line(price(), "1200", number=2)

    issued = invoice(fee_line(500, number=1), line)

    assert issued.line_for(METER) == line
    assert issued.line_for("storage_gb") is None
