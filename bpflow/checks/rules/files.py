"""The pages of the rules about the text of a file, which are found while it is read."""

from bpflow.checks.rule import page
from bpflow.diagnostics import Severity

page(
    "yaml-syntax",
    """
    A file must be readable as YAML.

    The finding says what stands at the place and how it is to be written. Most often a line is indented otherwise than those beside
    it, a quote is not closed, or a text with a colon and a blank in it stands without quotes.

    Bad:

        title: Call the client: urgent
        steps:
          - {activity: notify, to: initiator, text: Ready}

    Good:

        title: "Call the client: urgent"
        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "duplicate-key",
    """
    A key stands once in its place.

    Of two equal keys only one would be read, and nobody could tell which.

    Bad:

        steps:
          - activity: notify
            to: initiator
            text: Ready
            text: Really

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Really
    """,
)

page(
    "alias",
    """
    The language has no anchors, aliases and merges (`&name`, `*name`, `<<`).

    They make a file that cannot be read from top to bottom. What is needed twice is written twice, or becomes a name under `people`
    or `variables`, a loop, or a process of its own. A text that begins with `&` or `*` is put in quotes.

    Bad:

        steps:
          - {activity: notify, to: &who initiator, text: Ready}

    Good:

        people:
          who: initiator
        steps:
          - {activity: notify, to: who, text: Ready}
    """,
)

page(
    "tag",
    """
    The language has no YAML tags (`!name`).

    A text that begins with `!` is put in quotes.

    Bad:

        steps:
          - activity: notify
            to: initiator
            text: !important Ready

    Good:

        steps:
          - activity: notify
            to: initiator
            text: "!important Ready"
    """,
)

page(
    "empty-value",
    """
    A key that is written has a value.

    A key without one may have been forgotten, or its value may have become a comment. Nothing is taken for it.

    Bad:

        steps:
          - activity: notify
            to: initiator
            title:
            text: Ready

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Ready
    """,
)

page(
    "empty-file",
    """
    A file has something in it.

    An empty file, or one with comments only, is most often one that was not saved.

    Bad:

        # the process comes here

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "hash-glued",
    """
    A `#` inside a word is part of the value.

    A comment begins only after a blank. Without it, `manager# the head` is a value of its own, which was hardly meant.

    Bad:

        steps:
          - activity: notify
            to: initiator
            text: Ready# at last

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Ready # at last
    """,
    Severity.WARNING,
)

page(
    "hash-cut",
    """
    A `#` after a blank begins a comment, and what follows is no longer part of the value.

    `Order #5` is the value `Order`. If the number belongs to it, the value is put in quotes.

    Bad:

        steps:
          - activity: notify
            to: initiator
            text: Order #5 is ready

    Good:

        steps:
          - activity: notify
            to: initiator
            text: "Order #5 is ready"
    """,
    Severity.WARNING,
)

page(
    "key-not-text",
    """
    A key is a word.

    Lists, tables, `null` and nothing at all cannot be keys.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready, null: more}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "lookalike",
    """
    A name is written in the letters of one alphabet.

    The Cyrillic letters а, с, е, о, р, х, у look like Latin ones, and are others: a name with one of them is another name. The
    finding says which letter it is.

    Bad:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - {activity: set-variables, set: {attempts: $(аttempts + 1)}}

    Good:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - {activity: set-variables, set: {attempts: $(attempts + 1)}}
    """,
)

page(
    "multiple-documents",
    """
    A file holds one process.

    The line `---` begins another document of YAML, which would not be read.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready}
        ---
        steps:
          - {activity: notify, to: initiator, text: Really}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
          - {activity: notify, to: initiator, text: Really}
    """,
)

page(
    "no-break-space",
    """
    Outside of texts in quotes, only ordinary spaces stand between words.

    No-break spaces and other invisible characters come with text that is copied from web pages and documents. They cannot be seen,
    and YAML does not take them for spaces.

    Bad:

        steps:
          - {activity: pause, for: 2\u00a0working days}

    Good:

        steps:
          - {activity: pause, for: 2 working days}
    """,
)

page(
    "number",
    """
    A word that looks like a number is one.

    `007` would lose its zeros and `+79991234567` its plus. What is no number, such as a telephone number or a code, is put in quotes.

    Bad:

        variables:
          code: {type: string, default: 007}
        steps:
          - {activity: notify, to: initiator, text: $(code)}

    Good:

        variables:
          code: {type: string, default: "007"}
        steps:
          - {activity: notify, to: initiator, text: $(code)}
    """,
    Severity.WARNING,
)

page(
    "tab",
    """
    Lines are indented by spaces, never by tabs.

    How far a tab goes depends on the editor; so YAML does not accept it.

    Bad:

        steps:
          - activity: notify
        \tto: initiator
            text: Ready

    Good:

        steps:
          - activity: notify
            to: initiator
            text: Ready
    """,
)

page(
    "torn-value",
    """
    Inside `{…}` and `[…]` a comma ends a value.

    A text or a call with commas, brackets or a colon in it is put in quotes there, or written on a line of its own.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Ready, at last}

    Good:

        steps:
          - {activity: notify, to: initiator, text: "Ready, at last"}
    """,
)

page(
    "control-character",
    """
    A file has no invisible control characters.

    They come from broken copies and exports, and mean nothing in a text.

    Bad:

        steps:
          - {activity: notify, to: initiator, text: Re\u0007ady}

    Good:

        steps:
          - {activity: notify, to: initiator, text: Ready}
    """,
)

page(
    "encoding",
    """
    A file is text in UTF-8.

    In another encoding, such as Windows-1251, letters would be read as others. The finding says which one it seems to be; editors can
    save a file in UTF-8.
    """,
)

page("file-missing", "A file or folder that is named must be there.")
page("file-unreadable", "A file that is named must be a file, and one that may be read.")
page("too-large", "A file has at most 10 MB. Nobody reads a longer one: divide it into several.")
page("too-many", "A file has at most 500,000 lines and 200,000 values. Divide it into several.")
page("too-deep", "Values are nested at most 60 deep. What is nested deeper becomes a process of its own.")
