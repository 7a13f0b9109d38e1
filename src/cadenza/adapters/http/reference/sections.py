"""The parts of the page that are made of the operations, the models and the registry of errors."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cadenza.adapters.http.errors import status_of
from cadenza.adapters.http.reference.markup import Html, anchor, code, join, json_text, link, prose, tag
from cadenza.adapters.http.reference.schemas import (
    Schema,
    example_of,
    field,
    field_names,
    fields,
    kind,
    model_link,
    model_name,
)
from cadenza.wire.errno import REGISTRY
from cadenza.wire.examples import BODY_EXAMPLES, QUERY_EXAMPLES
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operations import OPERATIONS

_PREFIX = "/api/v3"
_JSON = "application/json"
_SLASH = Html("<wbr>/")


def tags() -> dict[str, list[ApiOperation]]:
    """Return the operations by tag, both in the order of the table."""
    found: dict[str, list[ApiOperation]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.tag, []).append(operation)
    return found


def operation_contents() -> Html:
    """Return the operations' part of the contents."""
    groups = []
    for name, operations in tags().items():
        rows = [tag("li", link(operation.id, _entry(operation))) for operation in operations]
        groups.append(tag("li", link(anchor("tag", name), name), tag("ul", *rows), data_group=True))
    return join(groups)


def operation_sections(document: Mapping[str, Any]) -> Html:
    """Return a section for each tag, an article for each operation."""
    sections = []
    for name, operations in tags().items():
        place = anchor("tag", name)
        articles = [_article(operation, document) for operation in operations]
        heading = tag("h2", name, id=place)
        sections.append(tag("section", heading, *articles, aria_labelledby=place, data_group=True))
    return join(sections)


def model_articles(models: Mapping[str, Schema]) -> Html:
    """Return an article for each model."""
    articles = []
    for name, schema in models.items():
        place = f"model-{name}"
        heading = tag("h3", name, id=place)
        description_row = [tag("p", prose(schema["description"]))] if "description" in schema else []
        finding = _finding([name, *field_names(schema)])
        articles.append(
            tag(
                "article",
                heading,
                *description_row,
                fields(schema),
                class_="model",
                aria_labelledby=place,
                data_find=finding,
            )
        )
    return join(articles)


def model_contents(models: Mapping[str, Schema]) -> Html:
    return join(tag("li", link(f"model-{name}", name)) for name in models)


def error_rows() -> Html:
    """Return a row for each registered error."""
    rows = []
    for registered in sorted(REGISTRY, key=lambda registered: -registered.errno):
        cells = [
            tag("th", code(registered.code), scope="row", id=f"error-{registered.code}"),
            tag("td", str(registered.errno)),
            tag("td", str(status_of(registered.cause))),
            tag("td", prose(registered.meaning)),
        ]
        finding = _finding([registered.code, str(registered.errno), registered.meaning])
        rows.append(tag("tr", *cells, data_find=finding))
    return join(rows)


def curl_of(operation: ApiOperation) -> str:
    """Return a command that asks for the operation, once $API and $TOKEN are set."""
    query = QUERY_EXAMPLES.get(operation)
    url = operation.path.removeprefix(_PREFIX) + (f"?{query}" if query else "")
    method = "" if operation.method == "GET" else f"-X {operation.method} "
    lines = [f'curl -sS {method}"$API{url}"']
    if not operation.is_public:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if operation in BODY_EXAMPLES:
        body = json.dumps(BODY_EXAMPLES[operation], indent=2).replace("'", "'\\''")
        lines += [f"-H 'Content-Type: {_JSON}'", f"-d '{body}'"]
    return " \\\n  ".join(lines)


def _entry(operation: ApiOperation) -> Html:
    return join([_method(operation), tag("span", join(_short(operation).split("/"), _SLASH), class_="path")])


def _short(operation: ApiOperation) -> str:
    return operation.path.removeprefix(_PREFIX) or _PREFIX


def _method(operation: ApiOperation) -> Html:
    short = {"DELETE": "DEL"}.get(operation.method, operation.method)
    return tag("span", short, class_=f"method {operation.method.lower()}")


def _article(operation: ApiOperation, document: Mapping[str, Any]) -> Html:
    described = document["paths"][operation.path][operation.method.lower()]
    models = document["components"]["schemas"]
    names = [parameter["name"] for parameter in described["parameters"]]
    body = _body_schema(described, models)
    finding = [operation.id, operation.method, operation.path, operation.tag, operation.summary, *names]
    head = [
        tag("h3", link(operation.id, operation.summary.removesuffix("."))),
        tag("p", _method(operation), code(operation.path), _scope(operation), class_="endpoint"),
    ]
    words = [*_parameters(described), *_body(described, body), *_responses(operation, described, document)]
    samples = [_sample("Request", curl_of(operation), "curl"), _answer_sample(operation, described, models)]
    return tag(
        "article",
        *head,
        tag("div", tag("div", *words, class_="words"), tag("div", *samples, class_="samples"), class_="sides"),
        id=operation.id,
        class_="operation",
        data_find=_finding([*finding, *field_names(body)]),
    )


def _scope(operation: ApiOperation) -> Html:
    if operation.scope is None:
        return tag("span", "public", class_="scope")
    return tag("span", "scope ", tag("b", operation.scope.value), class_="scope")


def _body_schema(described: Schema, models: Mapping[str, Schema]) -> Schema:
    if "requestBody" not in described:
        return {}
    return models[model_name(described["requestBody"]["content"][_JSON]["schema"]) or ""]


def _parameters(described: Schema) -> list[Html]:
    if not described["parameters"]:
        return []
    rows = [field(p["name"], p["schema"], p["required"], p.get("description", "")) for p in described["parameters"]]
    return [tag("h4", "Query parameters"), tag("ul", *rows, class_="fields")]


def _body(described: Schema, body: Schema) -> list[Html]:
    if not body:
        return []
    description_row = [tag("p", prose(body["description"]))] if "description" in body else []
    return [tag("h4", "Body"), *description_row, fields(body)]


def _responses(operation: ApiOperation, described: Schema, document: Mapping[str, Any]) -> list[Html]:
    rows = []
    for status, response in described["responses"].items():
        if "$ref" in response:
            shared = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
            meaning = tag("span", prose(shared["description"].partition(". Codes:")[0]))
        else:
            meaning = tag("span", prose(response["description"]), ": ", _data(operation, response))
        rows.append(tag("li", tag("code", status, class_=f"status s{status[0]}"), " ", meaning))
    note = tag(
        "p",
        "Failures are described by ",
        model_link("Failure"),
        ": see ",
        link("errors", "errors"),
        ".",
        class_="quiet",
    )
    return [tag("h4", "Responses"), tag("ul", *rows, class_="responses"), note]


def _data(operation: ApiOperation, response: Schema) -> Html:
    schema = response["content"][_JSON]["schema"]
    if operation.is_bare:
        return join([kind(schema), ", without envelope"])
    paged = [", with ", code("pagination"), " (", model_link("Pagination"), ")"] if operation.is_paged else []
    return join([code("data"), " is ", _articled(schema["properties"]["data"]), *paged])


def _articled(schema: Schema) -> Html:
    return join(["a " if schema.get("type") == "array" else "", kind(schema)])


def _answer_sample(operation: ApiOperation, described: Schema, models: Mapping[str, Schema]) -> Html:
    schema = described["responses"]["200"]["content"][_JSON]["schema"]
    answer = json.dumps(example_of(schema, models), indent=2, ensure_ascii=False)
    return _sample("Response", json_text(answer), "200 · example of the shape")


def _sample(title: str, content: str, note: str) -> Html:
    caption = tag("div", tag("b", title), tag("span", note), class_="caption")
    block = tag("pre", tag("code", content), tabindex="0")
    return tag("div", caption, block, class_="sample")


def _finding(words: Iterable[str]) -> str:
    return " ".join(words).lower()
