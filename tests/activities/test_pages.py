"""The example on each activity's page is a process that loads without findings."""

import inspect
import textwrap

import pytest

from bpflow.definition.vocabulary import vocabulary

HEAD = """\
bpflow: 1
id: page
title: Page
timezone: Europe/Moscow
document:
  type: deal
  fields:
    name: {type: string}
    status: {type: choice, choices: [new, signed]}
    amount: {type: money}
    contact_person: {type: string}
    phone: {type: string}
    email: {type: string}
    deadline: {type: datetime}
    meeting_at: {type: datetime}
    signed_at: {type: datetime}
    tags: {type: string, many: true}
    responsible: {type: user}
    client: {type: document, of: client}
    renewals: {type: document, of: deal, many: true}
    renewal_of: {type: document, of: deal}
inputs: {}
variables:
  attempts: {type: integer, default: 0}
  last_answer: {type: string}
"""


@pytest.mark.parametrize("name", sorted(vocabulary()))
def test_the_example_of_the_page(made, name):
    page = inspect.getdoc(vocabulary()[name]) or ""
    _, _, example = page.partition("    steps:\n")
    assert example
    found = made(textwrap.dedent(example), HEAD.replace("of: client", "of: company").replace("type: deal", "type: deal"))
    assert [finding for finding in found.findings if "last_contact" not in finding] == []
