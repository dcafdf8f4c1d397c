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


class OrderOvertaken(DomainError):
    """What the subscriber did since has overtaken a billing order; sending it would undo his last word."""

    def __init__(self, action: str, code: str) -> None:
        super().__init__(f"the subscriber has decided otherwise since this order to {action} {code!r}; settle it instead")
        self.action, self.code = action, code


class BadMsisdn(DomainError):
    """What was given is not a subscriber's number."""
