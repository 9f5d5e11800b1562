"""What an invoice says at the payment provider besides what it bills."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class InvoicePushPolicy(BaseModel):
    """`days_until_due` for customers who pay on receipt; who is charged automatically is due at once."""

    model_config = ConfigDict(frozen=True)

    version: str
    days_until_due: Annotated[int, Field(ge=1)]
