"""The rule about the channels by which people are told."""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.activities.notify import Notify
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity, did_you_mean, each_quoted, say
from bpflow.graph.written import is_template


@rule("unknown-channel", Severity.WARNING)
def unknown_channel(subject: Subject) -> Iterator[Diagnostic]:
    """A channel by which somebody is told is one of those that the workspace has.

    The settings of a workspace name the channels by which notices reach people, and the directory knows each person's address on them. On a
    channel that is misspelt nobody has an address: the message stays where it is. Nothing is said where the settings name no channels, nor of
    one that an expression chooses.

    Bad:

        # bpflow.yaml
        channels: {email: {title: Mail}}

        # hello.yaml
        bpflow: 1
        id: hello
        steps:
          - {id: greet, activity: notify, to: initiator, text: Hello, channel: emial}

    Good:

        # bpflow.yaml
        channels: {email: {title: Mail}}

        # hello.yaml
        bpflow: 1
        id: hello
        steps:
          - {id: greet, activity: notify, to: initiator, text: Hello, channel: email}
    """
    known = subject.settings.channels if subject.settings else {}
    for step in subject.process.all_steps() if known else ():
        name = step.channel if isinstance(step, Notify) else None
        if name is not None and not is_template(name) and str(name) not in known:
            message = say('the workspace has no channel "{name}"', name=str(name))
            hint = did_you_mean(str(name), known) or say("its channels are: {names}", names=each_quoted(known))
            yield Diagnostic(step.value_span("channel"), "unknown-channel", message, hint, Severity.WARNING)
