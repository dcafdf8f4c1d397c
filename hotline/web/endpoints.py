"""A route of the API with all that its description needs; klein and the OpenAPI document are both fed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hotline.web.http import Answer


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path or the query, with its JSON Schema."""

    name: str
    where: Literal["path", "query"]
    about: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route.

    Attributes:
        method, path: as in HTTP, path parameters in braces.
        name: the OpenAPI operationId.
        about: what it does, one line.
        answer: makes the response.
        status: of success.
        returns: type of the successful body; None for text that is no JSON, `Any` for any object.
        body: type of the request's body.
        parameters: of path and query.
        refusals: other statuses that it answers with an Error.
        open: needs no token.
    """

    method: str
    path: str
    name: str
    about: str
    answer: Answer
    status: int = 200
    returns: Any = None
    body: Any = None
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    open: bool = False


def klein_path(path: str) -> str:
    """The path with its parameters as klein writes them."""
    return path.replace("{", "<").replace("}", ">")
