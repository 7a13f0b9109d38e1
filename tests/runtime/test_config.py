"""One tree of settings: sources in order, everything wrong told at once, nothing unknown accepted."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cadenza.runtime.config import Settings, specs
from cadenza.runtime.config_loader import ConfigError, load, load_settings, shown, written


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "CADENZA_DATA_DIR": str(tmp_path / "data")}


def write_file(environ: dict[str, str], text: str) -> Path:
    path = Path(environ["CADENZA_DATA_DIR"]) / "cadenza.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(environ)
    return caught.value.problems


def test_defaults_are_valid_and_the_data_directory_follows_xdg(tmp_path: Path) -> None:
    settings = load_settings({"HOME": str(tmp_path)})
    assert settings == Settings(data_dir=tmp_path / ".local/share/cadenza")
    assert load_settings({"XDG_DATA_HOME": "/srv/xdg"}).data_dir == Path("/srv/xdg/cadenza")


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults(environ: dict[str, str]) -> None:
    path = write_file(environ, 'port = 9001\nhost = "0.0.0.0"\n[paper]\nseed = 7\nmaker_fee_rate = 0.00015\n')
    loaded = load({**environ, "CADENZA_PORT": "9002"})
    assert (loaded.settings.port, loaded.settings.host, loaded.settings.paper.seed) == (9002, "0.0.0.0", 7)
    assert loaded.settings.paper.maker_fee_rate == Decimal("0.00015")
    assert loaded.sources["port"] == "environment CADENZA_PORT"
    assert loaded.sources["paper.seed"] == f"file {path}"
    assert loaded.sources["log_level"] == "default"


def test_every_kind_of_value_is_read_from_the_environment(environ: dict[str, str]) -> None:
    paper = load_settings(
        {
            **environ,
            "CADENZA_AUTH_NEW_TENANT_ENVIRONMENTS": "paper, uat",
            "CADENZA_PAPER_OPENING_BALANCES": "USDT=0.1, BTC=21000000",
            "CADENZA_PAPER_PARTIAL_FILLS": "no",
            "CADENZA_PAPER_RECORDING_PATH": "/srv/day.gz",
            "CADENZA_PAPER_MARKET": "recording",
            "CADENZA_PAPER_RECORDING_SPEED": "0.5",
        }
    ).paper
    assert paper.opening_balances == {"USDT": Decimal("0.1"), "BTC": Decimal(21000000)}
    assert (paper.partial_fills, paper.recording_path) == (False, Path("/srv/day.gz"))
    assert paper.recording_speed == Decimal("0.5")


@pytest.mark.parametrize(("longest_ms", "shortest_ms"), [("0", 0), ("1", 1), ("40", 1)])
def test_the_longest_delay_may_be_set_alone(environ: dict[str, str], longest_ms: str, shortest_ms: int) -> None:
    loaded = load({**environ, "CADENZA_PAPER_LATENCY_MS_MAX": longest_ms})
    paper = loaded.settings.paper
    assert (paper.latency_ms_min, paper.latency_ms_max) == (shortest_ms, int(longest_ms))
    assert loaded.sources["paper.latency_ms_min"] == "default"


def test_a_shortest_delay_that_was_written_is_held_against_the_longest(environ: dict[str, str]) -> None:
    wrong = {"CADENZA_PAPER_LATENCY_MS_MIN": "1", "CADENZA_PAPER_LATENCY_MS_MAX": "0"}
    assert problems_of({**environ, **wrong}) == ("paper.latency_ms_min is 1: it must not exceed latency_ms_max",)


def test_a_file_is_taken_from_where_it_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    named = tmp_path / "my.toml"
    named.write_text('data_dir = "/srv/cadenza"\n[paper.opening_balances]\nUSDT = "5.5"\nBTC = 1\n')
    settings = load_settings({"HOME": str(tmp_path), "CADENZA_CONFIG": str(named)})
    assert settings.data_dir == Path("/srv/cadenza")
    assert settings.paper.opening_balances == {"USDT": Decimal("5.5"), "BTC": Decimal(1)}


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        (
            "CADENZA_HTTP_CORS_ORIGINS",
            "https://a.example/x",
            "http.cors_origins has https://a.example/x: write a scheme and a host only, such as https://desk.example.com",
        ),
        (
            "CADENZA_HTTP_TRUSTED_PROXIES",
            "10.0.0.1/8",
            "http.trusted_proxies has 10.0.0.1/8: write an address or a network, such as 10.0.0.0/8",
        ),
        ("CADENZA_PORT", "http", "port (CADENZA_PORT) is 'http': it must be a whole number"),
        ("CADENZA_PORT", "70000", "port is 70000: it must be between 0 and 65535"),
        (
            "CADENZA_LOG_LEVEL",
            "loud",
            "log_level (CADENZA_LOG_LEVEL) is 'loud': it must be one of debug, info, warning, error",
        ),
        (
            "CADENZA_PAPER_PARTIAL_FILLS",
            "maybe",
            "paper.partial_fills (CADENZA_PAPER_PARTIAL_FILLS) is 'maybe': it must be true or false",
        ),
        ("CADENZA_PAPER_TAKER_FEE_RATE", "NaN", "paper.taker_fee_rate is NaN: write a finite number between 0 and 0.1"),
        (
            "CADENZA_PAPER_TAKER_FEE_RATE",
            "x",
            "paper.taker_fee_rate (CADENZA_PAPER_TAKER_FEE_RATE) is 'x': it must be a decimal number, such as 0.0005",
        ),
        ("CADENZA_PAPER_OPENING_BALANCES", "BTC=-1", "paper.opening_balances has BTC=-1: write an amount of 0 or more"),
        (
            "CADENZA_PAPER_MAKER_FEE_RATE",
            "-0.001",
            "paper.maker_fee_rate is a rebate above paper.taker_fee_rate: the venue would pay for trades with itself",
        ),
        ("CADENZA_PAPER_LATENCY_MS_MIN", "9", "paper.latency_ms_min is 9: it must not exceed latency_ms_max"),
        (
            "CADENZA_AUTH_ISSUER_URL",
            "https://id.example",
            "auth.issuer_url is set: give auth.issuer_jwks_url or auth.issuer_shared_secret with it",
        ),
        (
            "CADENZA_DATABASE_URL",
            "mysql://me:hunter2@db/x",
            "database_url is not a URL of the right kind: it must begin with postgresql:// or postgres://",
        ),
        (
            "CADENZA_BINANCE_URL",
            "http://127.0.0.1:9700/",
            "binance.url (CADENZA_BINANCE_URL) is http://127.0.0.1:9700/: leave out the / at its end",
        ),
        (
            "CADENZA_BINANCE_UAT_URL",
            "http://127.0.0.1:9700/api",
            "binance_uat.url (CADENZA_BINANCE_UAT_URL) is http://127.0.0.1:9700/api: write a scheme and a host only, "
            "such as http://127.0.0.1:9700",
        ),
        (
            "CADENZA_BINANCE_URL",
            "http://127.0.0.1:99999",
            "binance.url (CADENZA_BINANCE_URL) is http://127.0.0.1:99999: a port must be between 1 and 65535",
        ),
        (
            "CADENZA_BINANCE_URLS",
            "spot_rest=http://127.0.0.1:99999",
            "binance.urls spot_rest has a wrong port: it must be between 1 and 65535",
        ),
        ("CADENZA_CONFIG", "/nowhere.toml", "CADENZA_CONFIG is /nowhere.toml: there is no such file"),
    ],
)
def test_a_wrong_variable_is_told_with_what_would_be_right(
    environ: dict[str, str], variable: str, value: str, problem: str
) -> None:
    assert problems_of({**environ, variable: value}) == (problem,)


@pytest.mark.parametrize(
    ("variable", "value", "warning"),
    [
        ("CADENZA_PROT", "1", "CADENZA_PROT is not a setting and is ignored: did you mean CADENZA_PORT?"),
        (
            "CADENZA_PAPER_SEEDS",
            "1",
            "CADENZA_PAPER_SEEDS is not a setting and is ignored: did you mean CADENZA_PAPER_SEED?",
        ),
        (
            "CADENZA_XYZZY",
            "1",
            "CADENZA_XYZZY is not a setting and is ignored: `cadenza config show` lists those there are",
        ),
        ("CADENZA_SERVICE_HOST", "10.0.0.7", None),
        ("CADENZA_PORT_8000_TCP", "tcp://10.0.0.7:8000", None),
        (
            "CADENZA_PORT",
            "tcp://10.0.0.7:8000",
            "CADENZA_PORT is tcp://10.0.0.7:8000, as Kubernetes sets it for a service, and is ignored: "
            "write `enableServiceLinks: false` in the pod, or name the service otherwise",
        ),
    ],
)
def test_a_variable_that_is_not_ours_is_ignored_with_a_warning(
    environ: dict[str, str], variable: str, value: str, warning: str | None
) -> None:
    loaded = load({**environ, variable: value})
    assert loaded.settings == load(environ).settings
    assert len(loaded.warnings) == 1
    assert warning is None or loaded.warnings == (warning,)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("CADENZA_OKX_UR", "CADENZA_OKX_URL"),
        ("CADENZA_DERIBIT_UAT_ULR", "CADENZA_DERIBIT_UAT_URL"),
        ("CADENZA_BITFINX_URLS", "CADENZA_BITFINEX_URLS"),
    ],
)
def test_a_misspelt_address_of_a_venue_is_refused(environ: dict[str, str], variable: str, meant: str) -> None:
    """Orders that are meant for a simulator would go to the venue itself."""
    problem = f"{variable} is not a setting: did you mean {meant}? Without it the venue itself is asked"
    assert problems_of({**environ, variable: "http://127.0.0.1:9700"}) == (problem,)


@pytest.mark.parametrize("variable", ["CADENZA_OKX_SERVICE_HOST", "CADENZA_OKX_PORT", "CADENZA_OKX_SERVICE_PORT"])
def test_what_kubernetes_sets_for_a_service_is_no_misspelt_address(environ: dict[str, str], variable: str) -> None:
    assert len(load({**environ, variable: "9700"}).warnings) == 1


def test_an_unknown_name_in_the_file_is_refused(environ: dict[str, str]) -> None:
    path = write_file(environ, "prot = 1\n")
    assert problems_of(environ) == (f"prot in {path} is not a setting: did you mean port?",)


def test_all_the_problems_are_told_at_once_and_no_secret_with_them(environ: dict[str, str]) -> None:
    path = write_file(environ, 'prot = 1\n[papper]\nseed = 1\n[paper]\nseed = "many"\npartial_fills = 1\n')
    problems = problems_of({**environ, "CADENZA_PORT": "-1", "CADENZA_DATABASE_URL": "mysql://me:hunter2@db/x"})
    assert [problem.split(":")[0] for problem in problems] == [
        f"prot in {path} is not a setting",
        f"papper.seed in {path} is not a setting",
        "paper.seed (in cadenza.toml) is 'many'",
        "paper.partial_fills (in cadenza.toml) is '1'",
        "port is -1",
        "database_url is not a URL of the right kind",
    ]
    assert "hunter2" not in "".join(problems)


@pytest.mark.parametrize(
    "text", ["port = ", "paper = 5\n", 'data_dir = "/elsewhere"\n', "[paper]\nmaker_fee_rate = true\n"]
)
def test_an_unreadable_or_circular_file_is_refused(environ: dict[str, str], text: str) -> None:
    write_file(environ, text)
    assert len(problems_of(environ)) == 1


def test_a_database_of_ones_own_opens_the_house_less_unless_told_otherwise(environ: dict[str, str]) -> None:
    environ["CADENZA_DATABASE_URL"] = "postgresql://me@db/cadenza"
    auth = load_settings(environ).auth
    assert (auth.signup, auth.new_tenant_environments) == ("invitation", ("paper",))
    auth = load_settings({**environ, "CADENZA_AUTH_SIGNUP": "open"}).auth
    assert (auth.signup, auth.new_tenant_environments) == ("open", ("paper",))


def test_secrets_are_in_no_representation(environ: dict[str, str]) -> None:
    settings = load_settings(
        {
            **environ,
            "CADENZA_DATABASE_URL": "postgresql://me:hunter2@db/x",
            "CADENZA_MASTER_KEY": "hunter2",
            "CADENZA_MAIL_SMTP_URL": "smtp://me:hunter2@mail:25",
        }
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in "".join(shown(spec, settings) for spec in specs())


def test_what_is_shown_can_be_written_back(environ: dict[str, str]) -> None:
    settings = load_settings(environ)
    again = {spec.variable: written(spec.value_in(settings)) for spec in specs()}
    assert load_settings(again) == settings


def test_every_setting_is_documented_and_bounded() -> None:
    for spec in specs():
        assert spec.field.metadata["doc"].endswith("."), spec.name
        assert (spec.field.metadata["minimum"] is None) == (spec.field.type not in (int, Decimal)), spec.name


def test_contradictions_are_found_in_a_tree_made_by_hand() -> None:
    settings = Settings()
    orders = replace(settings.orders, committer_queue_max=10, committer_batch_max=11)
    socket = replace(settings.socket, ping_interval_ms=7_500)
    assert replace(settings, orders=orders, socket=socket, data_dir=Path("relative")).validate() == [
        "data_dir is relative: write an absolute path",
        "socket.pong_timeout_ms must be less than socket.ping_interval_ms: an answer comes before the next ping",
        "socket.ping_interval_ms is 7500: clients get whole seconds",
        "orders.committer_batch_max exceeds orders.committer_queue_max: a batch is taken from the queue",
    ]


def test_an_address_of_a_venue_with_a_wrong_name_is_one_problem(environ: dict[str, str]) -> None:
    (problem,) = problems_of({**environ, "CADENZA_BINANCE_URLS": "rest=https://api1.binance.com"})
    assert problem.startswith("binance.urls has rest: the names are spot_rest, ")
    (problem,) = problems_of({**environ, "CADENZA_BINANCE_URLS": "spot_rest"})
    assert problem.endswith("it must be pairs, such as NAME=VALUE,OTHER=VALUE, each name once")


_SIMULATOR = "http://127.0.0.1:9700"


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        (
            {"CADENZA_BINANCE_URL": _SIMULATOR},
            ["CADENZA_BINANCE_URL has no effect: CADENZA_VENUES does not name BINANCE"],
        ),
        (
            {"CADENZA_BINANCE_UAT_URLS": f"spot_rest={_SIMULATOR}"},
            ["CADENZA_BINANCE_UAT_URL has no effect: CADENZA_VENUES does not name BINANCE_UAT"],
        ),
        (
            {"CADENZA_VENUES": "BINANCE", "CADENZA_BINANCE_UAT_URL": _SIMULATOR},
            [
                "CADENZA_VENUES names BINANCE, and only the addresses of BINANCE_UAT are replaced "
                "(CADENZA_BINANCE_UAT_URL): orders go to the live venue. Set CADENZA_BINANCE_URL, or name BINANCE_UAT"
            ],
        ),
        ({"CADENZA_VENUES": "BINANCE", "CADENZA_BINANCE_URL": _SIMULATOR}, []),
        ({"CADENZA_VENUES": "BINANCE_UAT", "CADENZA_BINANCE_UAT_URL": _SIMULATOR}, []),
        ({"CADENZA_PAPER_MARKET": "mirror:BINANCE", "CADENZA_BINANCE_URL": _SIMULATOR}, []),
        ({"CADENZA_VENUES": "BINANCE,BINANCE_UAT", "CADENZA_BINANCE_UAT_URL": _SIMULATOR}, []),
    ],
)
def test_addresses_that_are_hardly_meant_are_warned_about(
    environ: dict[str, str], given: dict[str, str], warnings: list[str]
) -> None:
    assert list(load({**environ, **given}).warnings) == warnings
