"""Every setting there is: one typed tree, read from defaults, then a TOML file, then the environment.

A setting `x` of section `s` is the key `x` of table `[s]` in the file and `CADENZA_S_X` in the environment; those of
the root have no table and are `CADENZA_X`. docs/operations/configuration.md is generated from this file.
"""
# ruff: noqa: RUF009 - `setting` returns a dataclass field

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

Environment = Literal["live", "uat", "paper"]
SignupMode = Literal["open", "invitation", "closed"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]
PaperMarket = Literal["synthetic", "recording", "mirror:BINANCE"]
PositionMode = Literal["NETTING", "HEDGE"]
RealtimeEngine = Literal["embedded", "centrifugo"]
VenueName = Literal[
    "PAPER", "MOCK", "BINANCE", "BINANCE_UAT", "BINANCE_SANDBOX", "OKX", "OKX_UAT", "DERIBIT", "DERIBIT_UAT",
    "BITFINEX", "BITFINEX_UAT",
]  # fmt: skip
BINANCE_URL_NAMES = (
    "spot_rest", "spot_stream", "spot_ws_api", "margin_rest", "usdm_rest", "usdm_stream",
)  # fmt: skip
OKX_URL_NAMES = tuple(f"{region}_{kind}" for region in ("global", "eea", "us") for kind in ("rest", "stream"))
DERIBIT_URL_NAMES = ("rest", "stream")
BITFINEX_URL_NAMES = ("public_rest", "public_stream", "private_rest", "private_stream")
_URL_NAMES = {
    "binance": BINANCE_URL_NAMES,
    "binance_uat": BINANCE_URL_NAMES,
    "okx": OKX_URL_NAMES,
    "okx_uat": OKX_URL_NAMES,
    "deribit": DERIBIT_URL_NAMES,
    "deribit_uat": DERIBIT_URL_NAMES,
    "bitfinex": BITFINEX_URL_NAMES,
    "bitfinex_uat": BITFINEX_URL_NAMES,
}
"""By section, the addresses of a networked venue that a setting may replace."""


_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.IGNORECASE)


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where data lie unless a setting says otherwise, by the XDG convention."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / "cadenza"


def setting(
    default: object,
    doc: str,
    *,
    minimum: int | Decimal | None = None,
    maximum: int | Decimal | None = None,
    secret: bool = False,
    shown_default: str | None = None,
) -> Any:
    """A field with its documentation and bounds; a secret one is never shown."""
    metadata = {"doc": doc, "minimum": minimum, "maximum": maximum, "secret": secret, "shown_default": shown_default}
    if callable(default):
        return field(default_factory=default, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Users, tokens and sign-up."""

    signup: SignupMode = setting(
        "open",
        "Who may sign up: anybody, invited people only, or nobody.",
        shown_default="open with the embedded database, else invitation",
    )
    new_tenant_environments: tuple[Environment, ...] = setting(
        ("live", "uat", "paper"),
        "Environments a new tenant may trade in.",
        shown_default="live,uat,paper with the embedded database, else paper",
    )
    access_token_ttl_s: int = setting(3600, "Life of an access token.", minimum=60, maximum=86_400)
    refresh_token_ttl_days: int = setting(30, "Life of a refresh token that is not used.", minimum=1, maximum=3650)
    password_hash_workers: int = setting(
        1, "Threads that hash passwords, 19 MiB each while at work.", minimum=1, maximum=64
    )
    issuer_url: str = setting("", "Outside issuer whose tokens are trusted: the `iss` they carry. Empty: none.")
    issuer_jwks_url: str = setting("", "Where the outside issuer publishes its keys (JWKS).")
    issuer_shared_secret: str = setting("", "The outside issuer's HS256 secret, instead of a JWKS.", secret=True)
    issuer_audience: str = setting("", "The `aud` the outside issuer's tokens must carry. Empty: not checked.")


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Requests per client address; what exceeds them is answered 429 with Retry-After."""

    signup_per_minute: int = setting(20, "Sign-ups per minute.", minimum=1, maximum=1_000_000)
    login_per_minute: int = setting(60, "Logins per minute.", minimum=1, maximum=1_000_000)
    failed_keys_per_minute: int = setting(
        60,
        "Requests per minute with an API key that is refused. Valid keys from the same address are never held up.",
        minimum=1,
        maximum=1_000_000,
    )
    recover_per_minute: int = setting(10, "Password recoveries per minute.", minimum=1, maximum=1_000_000)
    flood_requests_per_s: int = setting(
        5000, "All requests per second; far above honest use.", minimum=10, maximum=1_000_000
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The HTTP edge, where it stands behind a proxy or is called by web pages."""

    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins of web pages that may call the API, such as https://desk.example.com; * for all.",
        shown_default="none",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Addresses or networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8. "
        "Without it all clients behind a proxy share its limits.",
        shown_default="none",
    )


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """The committer, through which every order passes. Idempotency keys are kept as long as their orders."""

    committer_queue_max: int = setting(
        10_000,
        "Commands and reports that may wait; beyond it a command is answered OVERLOADED.",
        minimum=1,
        maximum=1_000_000,
    )
    committer_batch_max: int = setting(256, "Commands and reports in one transaction.", minimum=1, maximum=10_000)


_OPENING_BALANCES: Mapping[str, Decimal] = MappingProxyType(
    {
        "USDT": Decimal(1_000_000),
        "USD": Decimal(1_000_000),
        "EUR": Decimal(1_000_000),
        "BTC": Decimal(10),
        "ETH": Decimal(100),
    }
)


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """The built-in paper venue."""

    seed: int = setting(1, "Seed of the synthetic market and of fills and delays.", minimum=0, maximum=2**63 - 1)
    market: PaperMarket = setting(
        "synthetic", "What moves the paper market: a random walk, a recording, or the public market of a venue."
    )
    recording_path: Path | None = setting(
        None, "The recording to replay when `market` is `recording`.", shown_default="the packaged one"
    )
    recording_speed: Decimal = setting(
        Decimal(1), "Recorded seconds per second.", minimum=Decimal("0.01"), maximum=Decimal(10_000)
    )
    opening_balances: Mapping[str, Decimal] = setting(
        lambda: _OPENING_BALANCES, "What a new paper account holds, per asset."
    )
    maker_fee_rate: Decimal = setting(
        Decimal("0.0002"),
        "Fee on resting fills, as a share of the value.",
        minimum=Decimal("-0.01"),
        maximum=Decimal("0.1"),
    )
    taker_fee_rate: Decimal = setting(
        Decimal("0.0005"),
        "Fee on aggressive fills, as a share of the value.",
        minimum=Decimal(0),
        maximum=Decimal("0.1"),
    )
    latency_ms_min: int = setting(
        1,
        "Shortest delay between an order and the venue's answer.",
        minimum=0,
        maximum=4_000,
        shown_default="1, or latency_ms_max when that is less",
    )
    # A reply that takes longer than the venue's `reply_ms_max` is given up.
    latency_ms_max: int = setting(5, "Longest delay.", minimum=0, maximum=4_000)
    partial_fills: bool = setting(True, "Whether an order may be filled in parts.")
    position_mode: PositionMode = setting("NETTING", "One position per instrument, or a long and a short one.")
    leverage_max: int = setting(20, "Highest leverage an account may set.", minimum=1, maximum=1000)
    open_orders_max: int = setting(
        200, "Open orders of an account in an instrument, at PAPER and MOCK.", minimum=1, maximum=100_000
    )


@dataclass(frozen=True, slots=True)
class NetworkedVenueConfig:
    """A networked venue in one environment, where `venues` names it, or PAPER mirrors it. BINANCE_SANDBOX is the old
    name of BINANCE_UAT."""

    url: str = setting(
        "",
        "An http or https address that stands for all of the venue's hosts, such as that of a simulator.",
        shown_default="the venue's own",
    )
    urls: Mapping[str, str] = setting(
        dict,
        "Single addresses, by the names that `cadenza venue show` prints.",
        shown_default="the venue's own",
    )
    proxy: str = setting(
        "", "An http:// proxy for the venue alone.", secret=True, shown_default="HTTPS_PROXY and its like"
    )


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Mail to users; without a server it is printed and kept in the outbox."""

    smtp_url: str = setting("", "smtp:// or smtps:// with user, password, host and port. Empty: print.", secret=True)
    sender: str = setting("Cadenza <cadenza@localhost>", "The From of every mail.")


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Limits of the WebSocket, ours or Centrifugo's; docs/websocket.md says what happens at each."""

    frame_bytes_max: int = setting(65_536, "Bytes of a client's message.", minimum=1_024, maximum=16_777_216)
    commands_per_frame_max: int = setting(
        1_024, "Commands in a frame, and the burst allowed.", minimum=1, maximum=100_000
    )
    commands_per_second_max: int = setting(1_000, "Mean rate of a connection's commands.", minimum=1, maximum=1_000_000)
    rpcs_in_flight_max: int = setting(32, "RPCs of a connection under way at once.", minimum=1, maximum=10_000)
    channels_per_connection_max: int = setting(512, "Subscriptions of a connection.", minimum=1, maximum=100_000)
    connections_per_user_max: int = setting(100, "Connections of a user.", minimum=1, maximum=1_000_000)
    connections_max: int = setting(20_000, "Connections of this process.", minimum=1, maximum=1_000_000)
    queue_bytes_max: int = setting(
        1_048_576, "Bytes that may wait for a client that does not read.", minimum=1_024, maximum=1_073_741_824
    )
    history_items_max: int = setting(
        1_000, "Publications of a channel remembered, recovered, or answered at once.", minimum=1, maximum=100_000
    )
    history_bytes_max: int = setting(
        524_288, "Bytes recovered, or answered at once; clients limit their frames.", minimum=1_024, maximum=67_108_864
    )
    history_age_ms_max: int = setting(300_000, "How long trades are remembered.", minimum=1_000, maximum=86_400_000)
    channels_max: int = setting(50_000, "Channels remembered by this process.", minimum=1, maximum=10_000_000)
    presence_clients_max: int = setting(1_000, "Clients that one `presence` answers.", minimum=1, maximum=100_000)
    connect_timeout_ms: int = setting(15_000, "How long a client may wait to connect.", minimum=100, maximum=600_000)
    ping_interval_ms: int = setting(25_000, "Between two pings, in whole seconds.", minimum=1_000, maximum=600_000)
    pong_timeout_ms: int = setting(
        8_000, "For the answer to a ping; less than between pings.", minimum=100, maximum=599_000
    )
    expiry_delay_ms: int = setting(25_000, "Between a token's expiry and the end.", minimum=0, maximum=600_000)
    close_timeout_ms: int = setting(5_000, "For the answer to our goodbye.", minimum=100, maximum=60_000)
    session_check_ms: int = setting(
        5_000, "Between two looks at sessions that another process may have ended.", minimum=100, maximum=600_000
    )


@dataclass(frozen=True, slots=True)
class CentrifugoSettings:
    """Centrifugo in front of us, when `realtime` says so; `cadenza centrifugo config` writes its side."""

    api_url: str = setting("http://127.0.0.1:8001/api", "Centrifugo's server API, as we reach it.")
    api_key: str = setting("", "The server API's key. Empty: derived from the master key.", secret=True)
    proxy_url: str = setting(
        "", "Our address as Centrifugo reaches it, http:// or https://.", shown_default="http://127.0.0.1 and our port"
    )
    proxy_secret: str = setting(
        "", "What Centrifugo shows us when it asks. Empty: derived from the master key.", secret=True
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree. Made by `cadenza.runtime.config_loader.load`, or directly in tests."""

    host: str = setting("127.0.0.1", "Address the API listens on; 0.0.0.0 for all.")
    port: int = setting(8000, "Port of the API; 0 takes a free one.", minimum=0, maximum=65_535)
    data_dir: Path = setting(
        default_data_dir, "Directory of database, keys and logs.", shown_default="~/.local/share/cadenza"
    )
    database_url: str = setting(
        "", "postgresql:// address of a PostgreSQL 15 or newer. Empty: the embedded one.", secret=True
    )
    postgres_port: int = setting(
        0, "Port of 127.0.0.1 the embedded PostgreSQL listens on; 0: unix socket only.", minimum=0, maximum=65_535
    )
    master_key: str = setting(
        "",
        "Seals venue credentials: 32 bytes in base64; older keys after it, with commas. Empty: master.key in data_dir.",
        secret=True,
    )
    venues: tuple[VenueName, ...] = setting(
        ("PAPER", "MOCK"),
        "The venues that are connected. No other one is ever spoken to, except one whose public market PAPER mirrors.",
    )
    realtime: RealtimeEngine = setting("embedded", "Where clients' WebSockets end: here, or at Centrifugo.")
    log_level: LogLevel = setting("info", "Least serious log lines that are printed.")
    log_format: LogFormat = setting("auto", "Log lines as JSON or for reading; auto reads well on a terminal.")
    failpoint: str = setting(
        "",
        "For tests: where the process kills itself, NAME, NAME:COUNT or AFTER>NAME:COUNT. Empty: never.",
    )
    auth: AuthSettings = field(default_factory=AuthSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    orders: OrderSettings = field(default_factory=OrderSettings)
    paper: PaperConfig = field(default_factory=PaperConfig)
    binance: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    binance_uat: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    okx: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    okx_uat: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    deribit: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    deribit_uat: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    bitfinex: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    bitfinex_uat: NetworkedVenueConfig = field(default_factory=NetworkedVenueConfig)
    mail: MailSettings = field(default_factory=MailSettings)
    socket: SocketSettings = field(default_factory=SocketSettings)
    centrifugo: CentrifugoSettings = field(default_factory=CentrifugoSettings)

    @property
    def is_embedded(self) -> bool:
        """Whether we run the database ourselves."""
        return not self.database_url

    @property
    def master_key_file(self) -> Path:
        """Where the master key lies when `master_key` is empty; readable by its owner alone."""
        return self.data_dir / "master.key"

    def validate(self) -> list[str]:
        """All that is wrong, a sentence per problem beginning with the setting's name; empty when all is well."""
        return [*_out_of_bounds(self), *_contradictions(self)]


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting as the loader, the doctor and the reference see it. `section` is empty for the root."""

    section: str
    field: Field[Any]

    @property
    def name(self) -> str:
        """The dotted name, such as `paper.seed`."""
        return f"{self.section}.{self.field.name}" if self.section else self.field.name

    @property
    def variable(self) -> str:
        """The environment variable, such as `CADENZA_PAPER_SEED`."""
        return f"CADENZA_{self.name.replace('.', '_').upper()}"

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return bool(self.field.metadata["secret"])

    def value_in(self, settings: Settings) -> object:
        """This setting's value."""
        owner = getattr(settings, self.section) if self.section else settings
        return getattr(owner, self.field.name)


def sections() -> dict[str, type]:
    """The tables of the file and their types; the root is the empty name."""
    found: dict[str, type] = {"": Settings}
    for part in fields(Settings):
        if isinstance(part.type, type) and is_dataclass(part.type):
            found[part.name] = part.type
    return found


def specs() -> Iterator[Spec]:
    """Every setting, in the order of the tree."""
    for section, owner in sections().items():
        for part in fields(owner):
            if "doc" in part.metadata:
                yield Spec(section, part)


def _out_of_bounds(settings: Settings) -> Iterator[str]:
    for spec in specs():
        value, low, high = (spec.value_in(settings), spec.field.metadata["minimum"], spec.field.metadata["maximum"])
        if not isinstance(value, int | Decimal) or low is None:
            continue
        if isinstance(value, Decimal) and not value.is_finite():
            yield f"{spec.name} is {value}: write a finite number between {low} and {high}"
        elif not low <= value <= high:
            yield f"{spec.name} is {value}: it must be between {low} and {high}"


def _wrong_http(http: HttpSettings) -> Iterator[str]:
    for origin in http.cors_origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            yield f"http.cors_origins has {origin}: write a scheme and a host only, such as https://desk.example.com"
    for network in http.trusted_proxies:
        try:
            ip_network(network)
        except ValueError:
            yield f"http.trusted_proxies has {network}: write an address or a network, such as 10.0.0.0/8"


def _wrong_venues(settings: Settings) -> Iterator[str]:
    if not settings.venues:
        yield "venues is empty: name one at least, such as PAPER"
    if len(set(settings.venues)) != len(settings.venues):
        yield "venues names one twice: name each once"
    for section, names in _URL_NAMES.items():
        yield from _wrong_addresses(section, getattr(settings, section), names)


def _wrong_addresses(section: str, venue: NetworkedVenueConfig, names: tuple[str, ...]) -> Iterator[str]:
    if venue.url:
        yield from _wrong_origin(f"{section}.url (CADENZA_{section.upper()}_URL)", venue.url)
    for name in venue.urls:
        if name not in names:
            yield f"{section}.urls has {name}: the names are {', '.join(names)}"
    for name, url in ((name, url) for name, url in venue.urls.items() if name in names):
        schemes = ("http", "https") if name.endswith("rest") else ("ws", "wss")
        yield from _wrong_url(f"{section}.urls {name}", url, schemes)
    yield from _wrong_url(f"{section}.proxy", venue.proxy, ("http",))


def _wrong_origin(name: str, url: str) -> Iterator[str]:
    if _ORIGIN.fullmatch(url.rstrip("/")) and url.endswith("/"):
        yield f"{name} is {url}: leave out the / at its end"
    elif not _ORIGIN.fullmatch(url):
        yield f"{name} is {url}: write a scheme and a host only, such as http://127.0.0.1:9700"
    elif not _has_right_port(url):
        yield f"{name} is {url}: a port must be between 1 and 65535"


def _has_right_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _contradictions(settings: Settings) -> Iterator[str]:
    """What only shows when several settings, or a value's inner form, are looked at."""
    paper, auth = settings.paper, settings.auth
    if not settings.host:
        yield "host is empty: write an address such as 127.0.0.1"
    if not settings.data_dir.is_absolute():
        yield f"data_dir is {settings.data_dir}: write an absolute path"
    yield from _wrong_http(settings.http)
    yield from _wrong_venues(settings)
    yield from _wrong_url("database_url", settings.database_url, ("postgresql", "postgres"))
    yield from _wrong_url("mail.smtp_url", settings.mail.smtp_url, ("smtp", "smtps"))
    yield from _wrong_url("centrifugo.api_url", settings.centrifugo.api_url, ("http", "https"))
    yield from _wrong_url("centrifugo.proxy_url", settings.centrifugo.proxy_url, ("http", "https"))
    yield from _wrong_url("auth.issuer_jwks_url", auth.issuer_jwks_url, ("https", "http"))
    if auth.issuer_jwks_url and auth.issuer_shared_secret:
        yield "auth.issuer_jwks_url and auth.issuer_shared_secret are both set: keep the one your issuer uses"
    if (auth.issuer_jwks_url or auth.issuer_shared_secret) and not auth.issuer_url:
        yield "auth.issuer_url is empty: name the issuer whose keys you gave, as in the `iss` of its tokens"
    if auth.issuer_url and not (auth.issuer_jwks_url or auth.issuer_shared_secret):
        yield "auth.issuer_url is set: give auth.issuer_jwks_url or auth.issuer_shared_secret with it"
    if auth.issuer_shared_secret and len(auth.issuer_shared_secret.encode()) < 32:
        yield "auth.issuer_shared_secret is too short for HS256: it must have at least 32 bytes"
    if len(set(auth.new_tenant_environments)) != len(auth.new_tenant_environments):
        yield "auth.new_tenant_environments names one twice: name each once"
    if paper.latency_ms_min > paper.latency_ms_max:
        yield f"paper.latency_ms_min is {paper.latency_ms_min}: it must not exceed latency_ms_max"
    fees = (paper.maker_fee_rate, paper.taker_fee_rate)
    if all(fee.is_finite() for fee in fees) and sum(fees) < 0:
        yield "paper.maker_fee_rate is a rebate above paper.taker_fee_rate: the venue would pay for trades with itself"
    if paper.recording_speed.is_finite() and paper.recording_speed * 100 % 1:
        yield f"paper.recording_speed is {paper.recording_speed}: write at most two decimals"
    for asset, amount in paper.opening_balances.items():
        if not amount.is_finite() or amount < 0:
            yield f"paper.opening_balances has {asset}={amount}: write an amount of 0 or more"
    if settings.socket.pong_timeout_ms >= settings.socket.ping_interval_ms:
        yield "socket.pong_timeout_ms must be less than socket.ping_interval_ms: an answer comes before the next ping"
    if settings.socket.ping_interval_ms % 1000:
        yield f"socket.ping_interval_ms is {settings.socket.ping_interval_ms}: clients get whole seconds"
    if settings.orders.committer_batch_max > settings.orders.committer_queue_max:
        yield "orders.committer_batch_max exceeds orders.committer_queue_max: a batch is taken from the queue"


def _wrong_url(name: str, url: str, schemes: tuple[str, ...]) -> Iterator[str]:
    # The value is not repeated: it may carry a password.
    if url and not _has_right_port(url):
        yield f"{name} has a wrong port: it must be between 1 and 65535"
    elif url and (urlsplit(url).scheme not in schemes or "//" not in url):
        yield f"{name} is not a URL of the right kind: it must begin with {' or '.join(s + '://' for s in schemes)}"
