"""Documents of every kind to print: several steps and discounts, a correction, a yen invoice, one of many pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.documents import (
    DocumentKind,
    Party,
    PriceStep,
    PrintedDocument,
    PrintedFact,
    PrintedLine,
    PrintedSum,
)

SELLER = Party(
    name="Meterstone Cloud GmbH",
    address="Speicherstraße 12\n20457 Hamburg",
    country="Germany",
    tax_id="DE 304 118 220",
    email="billing@meterstone.example",
    bank_details="IBAN DE02 1203 0000 0000 2020 51",
)
BUYER = Party(
    name="Pellingrove Assurance AG",
    address="Accounts Payable\nFriedrichswall 3\n30159 Hannover",
    country="Germany",
    tax_id="DE 811 907 445",
)
OCTOBER = PrintedFact(label="Service period", value=(date(2026, 10, 1), date(2026, 10, 31)))


def invoice(locale: str = "de-DE") -> PrintedDocument:
    """USD-free: fees, tiers with an allowance, a discount, tax, a credit that was applied."""
    return PrintedDocument(
        kind=DocumentKind.INVOICE,
        number="MSC-2026-000417",
        issued_on=date(2026, 11, 1),
        currency="EUR",
        locale=locale,
        seller=SELLER,
        buyer=BUYER,
        facts=(
            OCTOBER,
            PrintedFact(label="Customer", value="pellingrove"),
            PrintedFact(label="Due on", value=date(2026, 11, 15)),
        ),
        lines=(
            PrintedLine(
                description="Platform fee",
                detail="15 of 31 days",
                quantity=Decimal(1),
                unit_amount=Decimal(171_000),
                amount_minor=82_742,
            ),
            PrintedLine(
                description="API calls",
                quantity=Decimal(184_000),
                steps=(
                    PriceStep(quantity=Decimal(10_000), unit_amount=Decimal(0), words="included"),
                    PriceStep(quantity=Decimal(40_000), unit_amount=Decimal("1.98")),
                    PriceStep(quantity=Decimal(134_000), unit_amount=Decimal("1.71"), flat_minor=500),
                ),
                amount_minor=308_840,
            ),
            PrintedLine(
                description="Embedded tokens",
                quantity=Decimal("88412007.5"),
                unit_amount=Decimal("0.00081"),
                amount_minor=71_614,
            ),
            PrintedLine(description="Partner discount", detail="10 % of 4,631.96", amount_minor=-46_320),
        ),
        sums=(
            PrintedSum(label="Net", amount_minor=416_876),
            PrintedSum(label="VAT 19 %", amount_minor=79_206),
            PrintedSum(label="Total", amount_minor=496_082, strong=True),
            PrintedSum(label="Credit of 12 October", amount_minor=-2_650),
            PrintedSum(label="Amount due", amount_minor=493_432, strong=True),
        ),
        notes=("The amount due is charged to the payment method on record on 15 November 2026.",),
    )


def yen_invoice() -> PrintedDocument:
    """No decimals, an East Asian name, amounts the Japanese way."""
    return invoice("ja-JP").model_copy(
        update={
            "currency": "JPY",
            "buyer": Party(
                name="雲空システムズ株式会社", address="千代田区丸の内 1-9-2\n東京都 100-0005", country="Japan"
            ),
        }
    )


def credit_note() -> PrintedDocument:
    """Points at the invoice it corrects and at the one that follows."""
    return invoice("en-US").model_copy(
        update={
            "kind": DocumentKind.CREDIT_NOTE,
            "number": "CN-2026-000031",
            "currency": "USD",
            "facts": (
                OCTOBER,
                PrintedFact(label="Corrects", value="MSC-2026-000417"),
                PrintedFact(label="Followed by", value="MSC-2026-000417-R2"),
            ),
            "lines": (
                PrintedLine(
                    description="Embedded tokens counted twice",
                    detail="Billed 88,412,007.5, correct 84,412,007.5",
                    quantity=Decimal(4_000_000),
                    amount_minor=-3_240,
                ),
            ),
            "sums": (PrintedSum(label="Credited", amount_minor=-3_240, strong=True),),
            "notes": ("The credit lowers what is due on the corrected invoice.",),
        }
    )


def long_invoice(lines: int = 120) -> PrintedDocument:
    """As many lines as a page cannot hold, and a name that must be wrapped."""
    many = tuple(
        PrintedLine(
            description=f"GPU seconds of the training cluster in region {number:03} with reserved capacity and burst",
            quantity=Decimal(number),
            unit_amount=Decimal(7),
            amount_minor=7 * number,
        )
        for number in range(1, lines + 1)
    )
    total = sum(line.amount_minor for line in many)
    return invoice("en-GB").model_copy(
        update={"lines": many, "sums": (PrintedSum(label="Amount due", amount_minor=total, strong=True),)}
    )
