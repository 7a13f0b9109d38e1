"""Schemas of the OpenAPI document as people read them: fields with types and limits, and examples."""

from collections.abc import Mapping
from typing import Any

from cadenza.adapters.http.openapi import NO_CONTROLS_PUBLIC
from cadenza.adapters.http.reference.markup import Html, code, join, link, prose, tag
from cadenza.wire.base import DECIMAL_PATTERN, NEVER_SENT_KEY

Schema = Mapping[str, Any]

ENUM_SHOWN_MAX = 12
"""Enums with more values are folded."""

EXAMPLE_DEPTH_MAX = 8

_FORMATS = {"uuid": "UUID", "date-time": "RFC 3339 instant", "email": "e-mail address"}
_UUID_EXAMPLE = "0199f2a4-c5d0-7c1e-9b62-3f8a1d2e4c5b"
_EMAIL_EXAMPLE = "user@example.com"


def model_name(schema: Schema) -> str | None:
    """Return the name of the model that a schema refers to, also where it may be null."""
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", []) if "$ref" in part), None)
    return None if reference is None else reference.rpartition("/")[2]


def model_link(name: str) -> Html:
    return link(f"model-{name}", name)


def kind(schema: Schema) -> Html:
    """Return the type in words, models linked."""
    if (name := model_name(schema)) is not None:
        return model_link(name)
    match schema.get("type"):
        case "array":
            return join(["list of ", kind(schema["items"])])
        case "string" if schema.get("pattern") == DECIMAL_PATTERN:
            return Html("decimal")
        case "string":
            return join([_FORMATS.get(schema.get("format", ""), "enum" if "enum" in schema else "text")])
        case other:
            return join([str(other or "any")])


def limits(schema: Schema) -> list[str]:
    """Return what a value must keep to, one saying each."""
    found = []
    if "minLength" in schema or "maxLength" in schema:
        found.append(f"{_between(schema.get('minLength'), schema.get('maxLength'))} characters")
    if "minItems" in schema or "maxItems" in schema:
        found.append(f"{_between(schema.get('minItems'), schema.get('maxItems'))} items")
    if "minimum" in schema or "maximum" in schema:
        below = schema.get("exclusiveMaximum") is True
        maximum = schema["maximum"] - 1 if below else schema.get("maximum")
        found.append(_between(schema.get("minimum"), maximum))
    if schema.get("pattern") == NO_CONTROLS_PUBLIC:
        found.append("no control characters")
    elif "pattern" in schema and schema["pattern"] != DECIMAL_PATTERN:
        found.append(f"matches `{schema['pattern']}`")
    if "default" in schema:
        found.append(f"default `{_literal(schema['default'])}`")
    if schema.get("nullable"):
        found.append("may be null")
    return found


def fields(schema: Schema) -> Html:
    """Return the list of an object's fields."""
    required = schema.get("required", ())
    rows = [field(name, part, name in required) for name, part in schema.get("properties", {}).items()]
    return tag("ul", *rows, class_="fields") if rows else tag("p", "No fields.", class_="quiet")


def field(name: str, schema: Schema, is_required: bool, description: str = "") -> Html:
    """Return the row of a field or parameter; `description` counts where the schema has none."""
    head = [code(name), tag("span", kind(schema), class_="kind")]
    if is_required:
        head.append(tag("span", "required", class_="required"))
    rows = [tag("div", *head, class_="field-head")]
    inner = schema.get("items", {})
    if described := schema.get("description") or description or inner.get("description"):
        rows.append(tag("div", prose(described)))
    if kept := limits(schema) + [f"each {limit}" for limit in limits(inner)]:
        rows.append(tag("div", prose(" · ".join(kept)), class_="quiet"))
    if values := schema.get("enum") or inner.get("enum"):
        rows.append(_values(values))
    return tag("li", *rows)


def field_names(schema: Schema) -> list[str]:
    return list(schema.get("properties", {}))


def example_of(schema: Schema, models: Mapping[str, Schema], depth: int = 0) -> Any:
    """Return a value of the schema's shape, made of its examples, first enum values and least numbers. Fields that are
    never sent are left out."""
    if (name := model_name(schema)) is not None:
        return example_of(models[name], models, depth)
    if "example" in schema:
        return schema["example"]
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != "")
    if schema.get("nullable"):
        return None
    match schema.get("type"):
        case "array":
            return [example_of(schema["items"], models, depth + 1)] if depth < EXAMPLE_DEPTH_MAX else []
        case "object":
            parts = schema.get("properties", {}) if depth < EXAMPLE_DEPTH_MAX else {}
            sent = {name: part for name, part in parts.items() if part.get(NEVER_SENT_KEY) is not True}
            return {name: example_of(part, models, depth + 1) for name, part in sent.items()}
        case "boolean":
            return schema.get("default", True)
        case "integer":
            return schema.get("default", schema.get("minimum", 1))
        case _:
            return {"uuid": _UUID_EXAMPLE, "email": _EMAIL_EXAMPLE}.get(schema.get("format", ""), "text")


def _values(values: list[Any]) -> Html:
    shown = join([code(_literal(value)) for value in values], " ")
    if len(values) <= ENUM_SHOWN_MAX:
        return tag("div", shown, class_="values")
    return tag("details", tag("summary", f"{len(values)} values"), tag("div", shown, class_="values"))


def _literal(value: Any) -> str:
    if value == "":
        return '""'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _between(least: int | None, most: int | None) -> str:
    if least is None or most is None:
        return f"at most {most:,}" if least is None else f"at least {least:,}"
    return f"{least:,} to {most:,}"
