"""The pages that explain the interface to people, made from the document that describes it to programs."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template

from cadenza.adapters.http.openapi import openapi_document
from cadenza.adapters.http.reference.markup import Html
from cadenza.adapters.http.reference.sections import (
    error_rows,
    model_articles,
    model_contents,
    operation_contents,
    operation_sections,
)

_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


@cache
def reference_page() -> str:
    """Return the whole page: it needs nothing else, from here or elsewhere."""
    document = openapi_document()
    models = document["components"]["schemas"]
    parts = {
        "version": document["info"]["version"],
        "operation_contents": operation_contents(),
        "operation_sections": operation_sections(document),
        "model_contents": model_contents(models),
        "model_articles": model_articles(models),
        "error_rows": error_rows(),
        "style": Html(_packaged("page.css")),
    }
    return Template(_packaged("page.html")).substitute(parts)


@cache
def content_policy() -> str:
    """Return the Content-Security-Policy of the page: its own style and script, known by their hash, and nothing
    else."""
    hashes = {kind: _hash(content) for kind, content in _INLINE.findall(reference_page())}
    return (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _packaged(name: str) -> str:
    return files(__package__).joinpath(name).read_text()


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
