from __future__ import annotations

import re
from typing import Any

from tests.web.kit import Browser

METHODS = {"get", "post", "put", "delete", "patch"}


def document(browser: Browser) -> Any:
    return browser.ask("GET", "/api/openapi.json").json


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in walk(each))]
    return [found for each in value for found in walk(each)] if isinstance(value, list) else []


def test_every_route_is_described_and_every_description_is_routed(real: Browser) -> None:
    described = {(method.upper(), path) for path, item in document(real)["paths"].items() for method in item}
    routed = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in real.web.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/api", "/health", "/metrics"))
    }
    assert described == routed
    assert ("POST", "/api/v1/outbox/{id}/settle") in described


def test_structure(real: Browser) -> None:
    whole = document(real)
    assert whole["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(whole["info"])
    names = []
    for path, item in whole["paths"].items():
        assert set(item) <= METHODS
        for operation in item.values():
            names.append(operation["operationId"])
            assert operation["summary"]
            in_path = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert all(each["required"] is (each["in"] == "path") and each["schema"] for each in operation.get("parameters", ()))
            assert operation["responses"]
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[2-5]\d\d", status)
                assert response["description"]
                assert all("schema" in media for media in response["content"].values())
    assert len(names) == len(set(names))


def test_references_resolve(real: Browser) -> None:
    whole = document(real)
    found = [each["$ref"] for each in walk(whole) if "$ref" in each]
    assert found
    for reference in found:
        head, name = reference.rsplit("/", 1)
        assert head == "#/components/schemas"
        assert name in whole["components"]["schemas"]


def test_open_routes_say_so_and_others_ask_for_the_token(real: Browser) -> None:
    whole = document(real)
    assert whole["security"] == [{"bearer": []}]
    assert whole["paths"]["/health/live"]["get"]["security"] == []
    order = whole["paths"]["/api/v1/subscribers/{msisdn}/orders"]["post"]
    assert "security" not in order
    assert {"202", "400", "401", "422"} <= set(order["responses"])
    assert order["requestBody"]["required"] is True
