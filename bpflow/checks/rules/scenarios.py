"""The pages of the rules about scenarios."""

from bpflow.checks.rule import page

page(
    "unknown-result",
    """
    A scenario ends with a result that the process can have.

    Bad:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: end, result: done}
        # tell.test.yaml
        process: tell
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, ends: {result: finished}}

    Good:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: end, result: done}
        # tell.test.yaml
        process: tell
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, ends: {result: done}}
    """,
)

page(
    "unknown-outcome",
    """
    An answer of a scenario chooses an outcome that the task has, and that people can choose.

    Bad:

        # ask.yaml
        bpflow: 1
        id: ask
        steps:
          - {id: question, activity: request-info, to: initiator, due: 1d}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: An answer
            at: 2026-03-02T10:00+03:00
            by: ivanov
            play:
              - answer: {task: question, by: ivanov, outcome: ready}

    Good:

        # ask.yaml
        bpflow: 1
        id: ask
        steps:
          - {id: question, activity: request-info, to: initiator, due: 1d}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: An answer
            at: 2026-03-02T10:00+03:00
            by: ivanov
            play:
              - answer: {task: question, by: ivanov, outcome: done}
    """,
)

page(
    "unknown-command",
    """
    A command that a scenario presses is one that the process has.

    Bad:

        # ask.yaml
        bpflow: 1
        id: ask
        steps:
          - {id: question, activity: request-info, to: initiator, due: 1d}
        meanwhile:
          - {command: withdraw, by: initiator, cancels: true, steps: [{activity: end, result: withdrawn}]}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: The author withdraws it
            at: 2026-03-02T10:00+03:00
            by: ivanov
            play:
              - command: {name: cancel, by: ivanov}

    Good:

        # ask.yaml
        bpflow: 1
        id: ask
        steps:
          - {id: question, activity: request-info, to: initiator, due: 1d}
        meanwhile:
          - {command: withdraw, by: initiator, cancels: true, steps: [{activity: end, result: withdrawn}]}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: The author withdraws it
            at: 2026-03-02T10:00+03:00
            by: ivanov
            play:
              - command: {name: withdraw, by: ivanov}
    """,
)

page(
    "unknown-document",
    """
    A document that a scenario changes is its process's own, or one that it has named under `documents`.

    Bad:

        # ask.yaml
        bpflow: 1
        id: ask
        document: {type: letter, fields: {author: {type: user}}}
        steps:
          - {id: question, activity: request-info, to: document.author, due: 1d}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: A change
            at: 2026-03-02T10:00+03:00
            document: {author: ivanov}
            documents: {letter: {other: {author: petrova}}}
            play:
              - change: {of: another, document: {author: ivanov}}

    Good:

        # ask.yaml
        bpflow: 1
        id: ask
        document: {type: letter, fields: {author: {type: user}}}
        steps:
          - {id: question, activity: request-info, to: document.author, due: 1d}
        # ask.test.yaml
        process: ask
        scenarios:
          - title: A change
            at: 2026-03-02T10:00+03:00
            document: {author: ivanov}
            documents: {letter: {other: {author: petrova}}}
            play:
              - change: {of: other, document: {author: ivanov}}
    """,
)

page(
    "unknown-message",
    """
    A message that a scenario sends is one that some process receives.

    Bad:

        # wait.yaml
        bpflow: 1
        id: wait
        steps:
          - {id: payment, activity: wait-message, message: order-paid}
        # wait.test.yaml
        process: wait
        scenarios:
          - title: It is paid
            at: 2026-03-02T10:00+03:00
            play:
              - message: {name: order-payed}

    Good:

        # wait.yaml
        bpflow: 1
        id: wait
        steps:
          - {id: payment, activity: wait-message, message: order-paid}
        # wait.test.yaml
        process: wait
        scenarios:
          - title: It is paid
            at: 2026-03-02T10:00+03:00
            play:
              - message: {name: order-paid}
    """,
)

page(
    "uncalled-service",
    """
    A service of which a scenario speaks is one that a process calls.

    Bad:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: notify, to: initiator, text: Ready}
        # tell.test.yaml
        process: tell
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, by: ivanov, service: {credit: {limit: 100}}}

    Good:

        # tell.yaml
        bpflow: 1
        id: tell
        steps:
          - {activity: notify, to: initiator, text: Ready}
        # tell.test.yaml
        process: tell
        scenarios:
          - {title: It ends, at: 2026-03-02T10:00+03:00, by: ivanov}
    """,
)
