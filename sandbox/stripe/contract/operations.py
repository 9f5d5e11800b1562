"""The operations of the SDK: for a method and path, which parameters may be sent and what the answer looks like."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from threading import RLock

from sandbox.stripe.contract.schemas import Schema, Schemas
from sandbox.stripe.contract.source import Definition, find_class, imports, module_tree

# Every resource the simulator answers with, by the word in its `object` field.
RESOURCES = {
    "customer": ("stripe._customer", "Customer"),
    "customer_balance_transaction": ("stripe._customer_balance_transaction", "CustomerBalanceTransaction"),
    "payment_method": ("stripe._payment_method", "PaymentMethod"),
    "invoice": ("stripe._invoice", "Invoice"),
    "line_item": ("stripe._invoice_line_item", "InvoiceLineItem"),
    "invoiceitem": ("stripe._invoice_item", "InvoiceItem"),
    "invoice_payment": ("stripe._invoice_payment", "InvoicePayment"),
    "credit_note": ("stripe._credit_note", "CreditNote"),
    "credit_note_line_item": ("stripe._credit_note_line_item", "CreditNoteLineItem"),
    "refund": ("stripe._refund", "Refund"),
    "payment_intent": ("stripe._payment_intent", "PaymentIntent"),
    "charge": ("stripe._charge", "Charge"),
    "dispute": ("stripe._dispute", "Dispute"),
    "balance_transaction": ("stripe._balance_transaction", "BalanceTransaction"),
    "event": ("stripe._event", "Event"),
    "webhook_endpoint": ("stripe._webhook_endpoint", "WebhookEndpoint"),
}
SERVICES = (
    "customer",
    "customer_balance_transaction",
    "customer_payment_method",
    "payment_method",
    "invoice",
    "invoice_line_item",
    "invoice_item",
    "invoice_payment",
    "credit_note",
    "credit_note_line_item",
    "credit_note_preview_lines",
    "refund",
    "payment_intent",
    "charge",
    "dispute",
    "balance_transaction",
    "event",
    "webhook_endpoint",
)


@dataclass(frozen=True)
class Operation:
    """One method and path of the API, as a service class of the SDK calls it."""

    method: str
    path: str
    """With placeholders, such as `/v1/invoices/{invoice}/pay`."""
    params: Definition | None
    answer: ast.expr
    scope: Definition


def shape(path: str) -> str:
    """A path without the names of its placeholders, which differ between the SDK and its users."""
    return re.sub(r"\{\w+\}", "{}", path)


_DERIVING = RLock()


def _one_at_a_time(derive: Callable[..., Schema]) -> Callable[..., Schema]:
    """Simulators in several threads share the schemas, and one that is half derived would refuse whatever is sent."""

    @wraps(derive)
    def derived(*words: str) -> Schema:
        with _DERIVING:
            return derive(*words)

    return derived


@cache
def schemas() -> Schemas:
    """The schemas of everything used so far in this process; they grow on demand."""
    known = (find_class(*place) for place in RESOURCES.values())
    return Schemas(modelled=frozenset(definition.name for definition in known if definition))


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """Every operation of the services above by (method, path shape)."""
    return {
        (operation.method, shape(operation.path)): operation
        for service in SERVICES
        for operation in _operations_of(f"stripe._{service}_service")
    }


@_one_at_a_time
@cache
def request_schema(method: str, path: str) -> Schema:
    """The parameters of an operation; raises `LookupError` when the SDK has no such operation."""
    operation = operations().get((method, shape(path)))
    if operation is None:
        raise LookupError(f"the installed stripe SDK has no operation {method} {path}")
    if operation.params is None:
        return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    return schemas().of_class(operation.params)


@_one_at_a_time
@cache
def answer_schema(method: str, path: str) -> Schema:
    """The successful answer of an operation; raises `LookupError` when the SDK has no such operation."""
    operation = operations().get((method, shape(path)))
    if operation is None:
        raise LookupError(f"the installed stripe SDK has no operation {method} {path}")
    return schemas().of_annotation(operation.answer, operation.scope)


@_one_at_a_time
@cache
def resource_schema(word: str) -> Schema:
    """A resource by its `object` word; raises `LookupError` for one that is not imitated."""
    place = RESOURCES.get(word)
    definition = find_class(*place) if place else None
    if definition is None:
        raise LookupError(f"no imitated resource is called {word!r}")
    return schemas().of_class(definition)


def resolved(schema: Schema) -> Schema:
    """The schema itself, or the one it refers to."""
    reference = schema.get("$ref")
    return schema if reference is None else schemas().definitions[reference.removeprefix("#/$defs/")]


def _operations_of(module: str) -> list[Operation]:
    found = []
    for service in (node for node in module_tree(module).body if isinstance(node, ast.ClassDef)):
        for function in (node for node in service.body if isinstance(node, ast.FunctionDef)):
            call = next((node for node in ast.walk(function) if _is_request(node)), None)
            if isinstance(call, ast.Call) and function.returns is not None:
                method, path = (_text(argument) for argument in call.args[:2])
                params = _params(module, function)
                scope = Definition(module, service)
                found.append(Operation(method.upper(), path, params, function.returns, scope))
    return found


def _is_request(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_request"


def _text(node: ast.expr) -> str:
    """A string, or the template of `"...".format(...)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return str(ast.literal_eval(node))


def _params(module: str, function: ast.FunctionDef) -> Definition | None:
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation is not None:
            named = re.search(r"\w+Params", ast.unparse(argument.annotation))
            if named and named.group() in imports(module):
                return find_class(module, named.group())
    return None
