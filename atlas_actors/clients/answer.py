"""Pure: what a hook answers, in the words of its client and with no key that it does not take."""

import attrs


@attrs.frozen(kw_only=True)
class Answer:
    """What Atlas has to say to one event; all empty: nothing is printed."""

    context: str = ""  # shown to the model
    deny: str = ""  # the tool is not run, and the model is told this
    line: str = ""  # of a status line
