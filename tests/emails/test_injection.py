"""What a customer writes is only ever read: no text becomes a template, a tag, a second subject or a command."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest

from adapters.mail.render import House, render
from billing.emails import CaseEscalated, DisputeClosed, DisputeResolved, Recipient
from tests.emails.samples import READERS, letter, payloads
from tests.fakes.postman import HOUSE

AS_TEMPLATE = (
    "{{7*7}}",
    "{{ 7*'7' }}",
    "${7*7}",
    "#{7*7}",
    "{% for x in range(10**9) %}x{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'frames/operator.html' %}",
    "{% import 'os' as os %}{{ os.popen('id').read() }}",
    "{{ config }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ request.application.__globals__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ 'x'*10**9 }}",
    "{{ question|safe }}",
    "{# a comment that would vanish #}",
    "{% raw %}{{ 1 }}{% endraw %}",
    "{%- set x = 1 -%}{{ x }}",
    "<%= 7*7 %>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>You owe us nothing</h1>",
    "&lt;b&gt;&amp;nbsp;",
    '" style="display:none" x=\'',
)


def flat(text: str) -> str:
    return " ".join(text.split())


def tags_of(markup: str) -> list[tuple[str, ...]]:
    """Every element in order with the names of its attributes."""
    elements: list[tuple[str, ...]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: elements.append((tag, *(name for name, _ in attrs)))  # type: ignore[method-assign]
    parser.feed(markup)
    return elements


@pytest.mark.parametrize("hostile", AS_TEMPLATE)
def test_what_a_customer_writes_arrives_literally(hostile: str) -> None:
    asked = payloads("USD")["customer_asked"].model_copy(update={"question": hostile})

    rendered = render(letter(asked, Recipient(name=hostile, email="a@b.example")), HOUSE)

    assert flat(rendered.text).count(flat(hostile)) == 2
    assert flat(html.unescape(rendered.html)).count(flat(hostile)) >= 2


@pytest.mark.parametrize("hostile", AS_TEMPLATE)
def test_hostile_words_add_no_markup(hostile: str) -> None:
    tame = payloads("USD")["dispute_resolved.credited"]
    assert isinstance(tame, DisputeResolved)
    wild = tame.model_copy(update={"summary": hostile, "findings": (hostile, hostile), "issue": hostile})

    rendered = render(letter(wild, READERS["en-US"]), House(hostile))

    expected = render(letter(tame, READERS["en-US"]), HOUSE)
    assert tags_of(rendered.html) == tags_of(expected.html)


@pytest.mark.parametrize(
    "hostile", ["T-1\r\nBcc: everyone@acme.example", "T-1\n\nfree text", "T-1\x00\x0b\x0c\x85\u2028\u2029end", "T-1\tx"]
)
def test_a_subject_is_one_line_whatever_it_quotes(hostile: str) -> None:
    closed = DisputeClosed(ticket_id=hostile, ending="withdrawn by the customer", explanation="")

    rendered = render(letter(closed, READERS["en-US"]), HOUSE)

    assert rendered.subject.isprintable()
    assert len(rendered.subject.splitlines()) == 1


def test_a_command_to_copy_runs_nothing_else() -> None:
    escalated = payloads("USD")["case_escalated"]
    assert isinstance(escalated, CaseEscalated)
    wild = escalated.model_copy(update={"case_id": "dispute/T-1; rm -rf ~ #"})

    rendered = render(letter(wild, READERS["en-US"]), HOUSE)

    assert "    runbooks case show 'dispute/T-1; rm -rf ~ #'\n" in rendered.text
