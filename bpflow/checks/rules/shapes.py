"""The pages of the rules that are found on the way to the graph: in the shape of the file and in its values.

The rooms that find them stand above this one and know nothing of it; `test_rules.py` sees to it that every finding has its page.
"""

from bpflow.checks.rule import page

page(
    "unknown-key",
    """
    A key must be one of those that stand in its place.

    A key that nobody reads would be silently without effect: a deadline written as `deu` would never come. The keys of a step are
    those of its activity, and `id`, `title`, `next`, `notes`.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready, titel: News}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready, title: News}
    """,
)

page(
    "missing-key",
    """
    What an activity cannot do without must be written.

    A question that is put to nobody, an event without a time: it is not guessed what was meant.

    Bad:

        steps:
          - {activity: notify, text: Ready}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "wrong-kind",
    """
    A value must be of the kind that its key takes: a text, a list, a set of keys, a number, true or false.

    In YAML a list has a `-` before each item, and a set of keys has a `:` behind each key; they are easily mixed up. The words yes
    and no are texts here; what is true or false is written `true` or `false`.

    Bad:

        steps:
          activity: notify
          to: initiator
          text: Ready

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Ready
    """,
)

page(
    "not-allowed",
    """
    Where a key takes one of several words, it must be one of them.

    The finding says which words there are.

    Bad:

        inputs:
          day_count: {type: int, title: How many days}
        steps:
          - {activity: notify, to: initiator, text: $(day_count) days}

    Good:

        inputs:
          day_count: {type: integer, title: How many days}
        steps:
          - {activity: notify, to: initiator, text: $(day_count) days}
    """,
)

page(
    "exactly-one",
    """
    Of keys that exclude each other, exactly one must be written.

    A pause is `for` some time or `until` something; a branch has `steps` of its own or goes to the `next` step. With both, one would
    be without effect; with neither, nothing is said at all.

    Bad:

        steps:
          - {activity: pause, for: 1d, until: document.deadline}

    Good:

        steps:
          - {activity: pause, for: 1d}
    """,
)

page(
    "unknown-activity",
    """
    A step names an activity of the language, or one that the embedding program adds.

    Bad:

        steps:
          - {activity: notfy, to: initiator, text: Ready}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "missing-activity",
    """
    Every step says with `activity` what it does.

    Bad:

        steps:
          - {to: initiator, text: Ready}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "too-short",
    """
    A list that is written must have something in it.

    An empty list of branches or steps does nothing. Where a branch has nothing to do, `next: go-on` says so.

    Bad:

        steps:
          - activity: condition
            branches: []
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "new", next: go-on}
            otherwise: {next: go-on}
    """,
)
