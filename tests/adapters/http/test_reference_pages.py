"""/docs: everything the interface has is there, nothing of it is fetched from elsewhere, and nothing can break out."""

import gzip
import json
import re
import shlex
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.adapters.http.http_world import World

from cadenza.adapters.http.errors import status_of
from cadenza.adapters.http.openapi import openapi_document
from cadenza.adapters.http.reference import reference_page
from cadenza.adapters.http.reference.markup import Html, code, join, json_text, prose, tag
from cadenza.adapters.http.reference.schemas import example_of, field, limits
from cadenza.adapters.http.reference.sections import curl_of
from cadenza.adapters.realtime.channels import ChannelKind
from cadenza.adapters.realtime.codes import DISCONNECTS, ERRORS, UNSUBSCRIBES
from cadenza.adapters.realtime.websocket import PATH
from cadenza.wire.errno import REGISTRY
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operations import OPERATIONS
from cadenza.wire.reading import read_body, read_query

VOID = {"meta", "link", "input", "wbr"}
MODELS = openapi_document()["components"]["schemas"]
EVIL = '<script>alert("1")</script> & \' `<b>`'


class Page(HTMLParser):
    """What a browser sees; refuses tags that are not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._articles: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((name, attributes))
        if (place := attributes.get("id")) is not None:
            self.ids.append(place)
        if name == "article":
            self._articles.append(place or attributes.get("aria-labelledby") or "")
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name, f"</{name}> at {self.getpos()}"
        if name == "article":
            self._articles.pop()

    def handle_data(self, data: str) -> None:
        if self._articles:
            self.texts.setdefault(self._articles[-1], []).append(data)

    def text(self, article: str) -> str:
        return "".join(self.texts[article])

    def attributes(self, *names: str) -> list[str]:
        return [value for _, given in self.elements for name in names if (value := given.get(name)) is not None]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(reference_page())


def fields_of(schema: Any) -> set[str]:
    return set(schema.get("properties", {}))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_operation_is_told_in_full(page: Page, operation: ApiOperation) -> None:
    told = page.text(operation.id)
    described = openapi_document()["paths"][operation.path][operation.method.lower()]
    assert operation.path in told
    assert operation.summary.removesuffix(".") in told
    assert ("public" if operation.scope is None else f"scope {operation.scope.value}") in told
    for parameter in described["parameters"]:
        assert parameter["name"] in told
    if operation.body is not None:
        reference = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for name in fields_of(MODELS[reference.rpartition("/")[2]]):
            assert name in told
    for status in described["responses"]:
        assert f"{status} " in told
    assert curl_of(operation) in told


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_the_command_of_an_operation_can_be_pasted(operation: ApiOperation) -> None:
    words = shlex.split(curl_of(operation).replace("\\\n", ""))
    url = next(word for word in words if word.startswith("$API"))
    parts = urlsplit(url.replace("$API", "/api/v3"))
    assert parts.path == operation.path
    assert (words[words.index("-X") + 1] if "-X" in words else "GET") == operation.method
    assert ("Authorization: Bearer $TOKEN" in words) is not operation.is_public
    if operation.query is not None:
        read_query(operation.query, parts.query.encode())
    if operation.body is not None:
        read_body(operation.body, words[words.index("-d") + 1].encode())


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_told_in_full(page: Page, name: str) -> None:
    told = page.text(f"model-{name}")
    for field_name, schema in MODELS[name].get("properties", {}).items():
        assert field_name in told
        for value in schema.get("enum", []):
            assert (str(value).lower() if isinstance(value, bool) else str(value)) in told
        assert str(schema.get("description", "")).replace("`", "") in told


def test_schemas_have_the_interfaces_names_and_every_reference_leads_to_one() -> None:
    """A model whose class ends in `Model`, because the domain has a class of the name, is published without the end."""
    assert {"Instrument", "OrderBook", "Portfolio", "Subscription", "TradingAccount"} <= set(MODELS)
    assert not [name for name in MODELS if name.endswith("Model")]
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(openapi_document()))
    assert references
    assert set(references) <= set(MODELS)


def test_every_error_has_its_row(page: Page) -> None:
    source = reference_page()
    for registered in REGISTRY:
        row = re.search(rf'<th [^>]*id="error-{registered.code}">.*?</tr>', source)
        assert row is not None
        for told in (registered.errno, status_of(registered.cause)):
            assert f"<td>{told}</td>" in row[0]
        assert prose(registered.meaning) in row[0]


def test_the_socket_is_the_one_that_there_is() -> None:
    section = reference_page().partition('<section aria-labelledby="socket"')[2].partition("</section>")[0]
    assert PATH in section
    assert PATH in openapi_document()["paths"]
    assert set(re.findall(r"<code>([\w:]+):\{\w+\}</code>", section)) == {kind.value for kind in ChannelKind}
    known = {(error.code, error.message) for error in ERRORS}
    known |= {(ended.code, ended.reason) for ended in (*UNSUBSCRIBES, *DISCONNECTS)}
    told = re.findall(r"<code>(\d+)</code></th><td>\w+</td><td>([\w ]+)</td>", section)
    assert told
    assert {(int(code), meaning) for code, meaning in told} <= known


def test_the_page_is_sound(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    inner = {value[1:] for value in page.attributes("href") if value.startswith("#")}
    assert inner <= set(page.ids)
    assert set(page.attributes("aria-labelledby", "for")) <= set(page.ids)
    names = [name for name, _ in page.elements]
    assert [names.count(name) for name in ("h1", "main", "nav", "header")] == [1, 1, 1, 1]
    assert not [given for name, given in page.elements if name == "th" and "scope" not in given]


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    assert not page.attributes("src", "srcset", "action", "style", "onclick")
    for target in page.attributes("href"):
        assert target.startswith(("#", "/", "data:image/svg+xml,"))
        assert not target.startswith("//")
    style = re.search(r"<style>(.*?)</style>", reference_page(), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "fetch(" not in reference_page()


def test_markup_escapes_what_it_did_not_make() -> None:
    escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27; "
    assert tag("p", EVIL, title=EVIL) == f'<p title="{escaped}`&lt;b&gt;`">{escaped}`&lt;b&gt;`</p>'
    assert prose(EVIL) == f"{escaped}<code>&lt;b&gt;</code>"
    assert code("<") == "<code>&lt;</code>"
    assert join(["<", Html("<br>")], "&") == "&lt;&amp;<br>"
    assert "<script" not in json_text(json.dumps({EVIL: [EVIL, 1, None]}))
    evil = {"type": EVIL, "description": EVIL, "enum": [EVIL], "pattern": EVIL, "default": EVIL}
    assert "<script" not in field(EVIL, evil, is_required=True)


def test_limits_in_words() -> None:
    assert limits({"minLength": 1, "maxLength": 100}) == ["1 to 100 characters"]
    assert limits({"minItems": 1}) == ["at least 1 items"]
    assert limits({"maximum": 0, "exclusiveMaximum": True}) == ["at most -1"]
    assert limits({"default": "", "nullable": True}) == ['default `""`', "may be null"]
    assert limits({"default": False}) == ["default `false`"]
    assert limits({"pattern": "^a$"}) == ["matches `^a$`"]


def test_examples_have_every_field() -> None:
    order = example_of(MODELS["TradeOrder"], MODELS)
    assert set(order) == fields_of(MODELS["TradeOrder"])
    assert set(order["executions"][0]) == fields_of(MODELS["TradeExecution"])


def test_what_is_never_sent_is_described_and_in_no_example(page: Page) -> None:
    assert {"phone", "phoneConfirmedAt"} == fields_of(MODELS["AuthUser"]) - set(example_of(MODELS["AuthUser"], MODELS))
    answer = openapi_document()["paths"]["/api/v3"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(example_of(answer, MODELS)) == {"success", "errno", "error", "data"}
    assert 'SUBMITTED also stands for an outcome that is not known yet. Never sent: "", REPLACED' in page.text(
        "model-TradeOrder"
    )
    assert 'Refused: "", UNKNOWN' in page.text("model-SubmitTradeOrderRequest")


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_a_page_is_sent_once(world: World, path: str) -> None:
    plain = await world.ask("GET", path, token=None)
    assert plain.status == 200
    assert plain.headers["cache-control"] == "public, max-age=300"
    assert plain.headers["vary"] == "accept-encoding"
    head = await world.ask("HEAD", path)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", plain.headers["etag"])
    for given in (plain.headers["etag"], f'"other", W/{plain.headers["etag"]}'):
        again = await world.ask("GET", path, headers={"if-none-match": given})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", plain.headers["etag"])
    assert (await world.ask("GET", path, headers={"if-none-match": '"other"'})).status == 200


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
    ],
)
async def test_a_page_is_zipped_for_those_who_take_it(world: World, accepted: str, is_zipped: bool) -> None:
    answer = await world.ask("GET", "/docs", headers={"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) is is_zipped
    body = gzip.decompress(answer.body) if is_zipped else answer.body
    assert body == reference_page().encode()
    assert answer.headers["content-length"] == str(len(answer.body))


async def test_a_browser_runs_only_what_is_in_the_page(world: World) -> None:
    answer = await world.ask("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    for kind in ("style", "script"):
        [inline] = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.body.decode(), re.DOTALL)
        digest = b64encode(sha256(inline.encode()).digest()).decode()
        assert policy.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert policy.pop("img-src") == "data:"
    assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
