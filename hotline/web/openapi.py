"""The OpenAPI 3.1 document, made from the endpoints and the types of their bodies.

Source: OpenAPI Specification 3.1.0; JSON Schema 2020-12 (msgspec writes it).
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from hotline.web.endpoints import Endpoint, Parameter
from hotline.web.http import Error

REFERENCES = "#/components/schemas/{name}"


def document(endpoints: Sequence[Endpoint], version: str) -> dict[str, Any]:
    """The whole document as JSON values; every endpoint given is in it, and nothing else."""
    types = list(dict.fromkeys(kind for each in endpoints for kind in (each.returns, each.body, Error) if _described(kind)))
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCES)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shouwen",
            "version": version,
            "description": "The customer hotline: subscribers, orders, timelines, outbox. Times are ISO 8601 UTC, money is fen.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A secret of web.tokens"}},
        },
        "security": [{"bearer": []}],
    }


def _described(kind: Any) -> bool:
    return kind is not None and kind is not Any


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    refusals = (*endpoint.refusals, *(() if endpoint.open else (401,)), 500)
    responses = {str(endpoint.status): _success(endpoint, schemas)}
    responses |= {str(status): _response(status, schemas[Error]) for status in sorted(set(refusals))}
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.about, "responses": responses}
    if endpoint.parameters:
        operation["parameters"] = [_parameter(each) for each in endpoint.parameters]
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(schemas[endpoint.body])}
    if endpoint.open:
        operation["security"] = []
    return operation


def _success(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    if endpoint.returns is None:
        return {"description": HTTPStatus(endpoint.status).phrase, "content": {"text/plain": {"schema": {"type": "string"}}}}
    schema = {"type": "object"} if endpoint.returns is Any else schemas[endpoint.returns]
    return _response(endpoint.status, schema)


def _response(status: int, schema: Any) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": _json(schema)}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.about,
        "schema": parameter.schema,
    }
