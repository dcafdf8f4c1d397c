"""Errors of the domain: what an asker asked for cannot be done, and why.

They are neither our bug nor a peer's broken protocol; edges turn them into words for whoever asked.
"""

from __future__ import annotations


class DomainError(Exception):
    """Base of everything that the rules can refuse."""


class UnknownService(DomainError):
    """No service has that code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"no service has the code {code!r}; `[[service]]` in the configuration lists them")
        self.code = code


class NotPaidByUse(DomainError):
    """A use was reported of a service that the subscriber does not have, or does not pay by use; nothing is charged."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the subscriber has not agreed to pay {code!r} by use, or not any more; nothing was charged")
        self.code = code


class OrderOvertaken(DomainError):
    """What the subscriber did since has overtaken a billing order; sending it would undo his last word."""

    def __init__(self, action: str, code: str) -> None:
        super().__init__(f"the subscriber has decided otherwise since this order to {action} {code!r}; settle it instead")
        self.action, self.code = action, code


class BadMsisdn(DomainError):
    """What was given is not a subscriber's number."""


class AgentRefused(DomainError):
    """What was asked of an agent's state can't be: no name, no endpoint, no reason, or he is not logged in."""


class SurgeRefused(DomainError):
    """A surge can't be declared so: its end has passed, or its announcement can't be said."""


class TestCallRefused(DomainError):
    """What was asked of a test plan, a test call or a form can't be; the message says why, and what can."""

    __test__ = False


class NotProved(DomainError):
    """A caller with a hidden number wants what only the subscriber may; his number must be proved first."""

    def __init__(self) -> None:
        super().__init__("it is not known whose call this is; the caller must prove his number first")


class TooManyCodes(DomainError):
    """Codes were texted to one number often enough within the hour."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} codes were texted to this number within the hour; no more are")


class UnknownCase(DomainError):
    """The subscriber has no such open case."""

    def __init__(self, number: str) -> None:
        super().__init__(f"there is no open case {number!r}")


class BadScore(DomainError):
    """A mark that is none from 1 to 5."""

    def __init__(self) -> None:
        super().__init__("a mark is a whole number from 1 to 5")


class BadOutcome(DomainError):
    """An attempt to call back ended in a way that is not known."""

    def __init__(self, outcome: str) -> None:
        super().__init__(f"{outcome!r} is no outcome of a call-back")
