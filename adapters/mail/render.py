"""Letters from templates: subject, plain text and HTML of one payload.

Templates are ours and nobody else's text ever becomes one: values are inserted as plain words, in a sandbox that can
neither call into our objects nor leave a gap where a field is missing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

import emails
from adapters.mail.headers import header_text
from adapters.mail.wording import plain_words
from billing.emails import Letter
from billing.failures import BillingFailure, FailureCode
from billing.policy.raci import RACI

TEXT_WIDTH = 72

# How the lines after the first begin, by how the first began: under the dash of a list item, inside a quotation.
_HANGING = {"- ": "  ", "> ": "> "}


class House(NamedTuple):
    """Who writes: `name` signs, `contact` is the address to ask at, and `billing_portal_url` where customers change how
    they pay; without one, letters ask them to reply."""

    name: str
    contact: str = ""
    billing_portal_url: str = ""


class RenderedLetter(NamedTuple):
    """What leaves the house; the subject is one line, the text is wrapped at 72 columns."""

    subject: str
    text: str
    html: str


def render(letter: Letter, house: House) -> RenderedLetter:
    """Write the letter out for its recipient; `house` signs it. Raises INVALID when the template lacks a field."""
    template = letter.payload.template
    words = {
        **plain_words(letter.payload, letter.to),
        "name": letter.to.name,
        "case": letter.case_id,
        "house": house.name,
        "contact": house.contact,
        "billing_portal_url": house.billing_portal_url,
    }
    if teams := RACI.get(template):
        words |= {"responsible": teams.responsible, "accountable": teams.accountable}
    try:
        subject = header_text(_TEMPLATES.get_template(f"{template}/subject.txt").render(words))
        words["subject"] = subject
        text = _TEMPLATES.get_template(f"{template}/body.txt").render(words)
        html = _TEMPLATES.get_template(f"{template}/body.html").render(words)
    except TemplateError as error:
        what = error.message or type(error).__name__
        raise BillingFailure(
            FailureCode.INVALID,
            f"template {template} cannot be written out: {what}; add the field or mend the template",
        ) from error
    return RenderedLetter(subject, "\n".join(_wrapped(text)) + "\n", html)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(emails.__file__).parent),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shell"] = shlex.quote  # a command from a letter is pasted into a shell as it stands
    return environment


def _wrapped(text: str) -> Iterator[str]:
    """Wrap each line; an indented line (a command) stays whole to be copied."""
    for line in text.strip().splitlines():
        if line.startswith("    ") or len(line) <= TEXT_WIDTH:
            yield line.rstrip()
            continue
        hanging = _HANGING.get(line[:2], "")
        yield from wrap(line, TEXT_WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


_TEMPLATES = _environment()
