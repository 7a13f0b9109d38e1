"""Read the settings: defaults, then the TOML file, then `CADENZA_*`.

An unreadable value is refused, and so is an unknown name in the file, which is written for this program alone. An
unknown variable is only warned about: others set variables too. Kubernetes sets `CADENZA_PORT` and
`CADENZA_SERVICE_HOST` in every pod beside a service that is named `cadenza`. One that is nearly the name of a venue's
address is refused, because orders would go to the venue itself.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin

from cadenza.runtime.config import NetworkedVenueConfig, Settings, Spec, default_data_dir, sections, specs
from cadenza.runtime.config_warnings import warnings_of

CONFIG_VARIABLE = "CADENZA_CONFIG"
CONFIG_FILE_NAME = "cadenza.toml"
_PREFIX = "CADENZA_"
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://[^/]+:[0-9]+")
"""The value of a variable such as `CADENZA_PORT` that Kubernetes sets for a service."""
_MISSPELT_RATIO = 0.8
"""How alike (`difflib`) a variable and the name of a venue's address are, if one stands for the other."""
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class ConfigError(Exception):
    """The settings cannot be used. `problems` has a sentence for each one, beginning with the setting's name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the configuration has problems:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings and, by dotted name, where each value came from. `warnings` has a sentence for each variable that
    was ignored, and for each setting that is hardly what was meant."""

    settings: Settings
    sources: Mapping[str, str]
    file: Path | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Raw:
    """A value as it was written: a string from the environment, anything TOML has from the file."""

    value: object
    source: str
    named: str


class _WrongValueError(Exception):
    """What a written value should have been."""


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings alone; raises ConfigError with all the problems at once."""
    return load(environ).settings


def load(environ: Mapping[str, str] = os.environ) -> LoadedSettings:
    """The settings with their sources; raises ConfigError with all the problems at once."""
    problems: list[str] = []
    from_environment, warnings = _read_environment(environ, problems)
    file = _find_file(environ, problems)
    raw = {**(_read_file(file, environ, problems) if file else {}), **from_environment}
    given: dict[str, object] = {}
    for spec in specs():
        if spec.name in raw:
            try:
                given[spec.name] = _parse(spec.field.type, raw[spec.name].value)
            except _WrongValueError as error:
                shown = "its value" if spec.is_secret else repr(str(raw[spec.name].value))
                problems.append(f"{spec.name} ({raw[spec.name].named}) is {shown}: it must be {error}")
    settings = _build(given, environ)
    problems += settings.validate()
    if problems:
        raise ConfigError(problems)
    warnings += warnings_of(settings)
    sources = {spec.name: raw[spec.name].source if spec.name in raw else "default" for spec in specs()}
    return LoadedSettings(settings, MappingProxyType(sources), file, tuple(warnings))


def _read_environment(environ: Mapping[str, str], problems: list[str]) -> tuple[dict[str, _Raw], list[str]]:
    """Return the values by setting, and a warning for each variable that is ignored."""
    by_variable = {spec.variable: spec for spec in specs()}
    addresses = [spec.variable for spec in specs() if sections()[spec.section] is NetworkedVenueConfig]
    found: dict[str, _Raw] = {}
    warnings: list[str] = []
    for variable in sorted(environ):
        value = environ[variable]
        if not variable.startswith(_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if _SERVICE_LINK.fullmatch(value):
            warnings.append(
                f"{variable} is {value}, as Kubernetes sets it for a service, and is ignored: "
                "write `enableServiceLinks: false` in the pod, or name the service otherwise"
            )
        elif variable in by_variable:
            found[by_variable[variable].name] = _Raw(value, f"environment {variable}", variable)
        elif meant := _closest(variable, addresses, ratio=_MISSPELT_RATIO):
            problems.append(f"{variable} is not a setting: did you mean {meant}? Without it the venue itself is asked")
        else:
            hint = _did_you_mean(variable, [*by_variable, CONFIG_VARIABLE])
            warnings.append(f"{variable} is not a setting and is ignored: {hint}")
    return found, warnings


def _find_file(environ: Mapping[str, str], problems: list[str]) -> Path | None:
    if named := environ.get(CONFIG_VARIABLE):
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            problems.append(f"{CONFIG_VARIABLE} is {path}: there is no such file")
            return None
        return path
    path = _data_dir(environ) / CONFIG_FILE_NAME
    try:
        return path if path.is_file() else None
    except OSError as error:
        problems.append(f"{path} cannot be looked for: {error.strerror}")
        return None


def _data_dir(environ: Mapping[str, str]) -> Path:
    named = environ.get("CADENZA_DATA_DIR")
    return Path(named).expanduser().absolute() if named else default_data_dir(environ)


def _read_file(path: Path, environ: Mapping[str, str], problems: list[str]) -> dict[str, _Raw]:
    try:
        document = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return {}
    known = {spec.name: spec for spec in specs()}
    found: dict[str, _Raw] = {}
    for name, value in _flattened(document).items():
        if name in known:
            found[name] = _Raw(value, f"file {path}", f"in {path.name}")
        else:
            problems.append(f"{name} in {path} is not a setting: {_did_you_mean(name, list(known))}")
    if "data_dir" in found and CONFIG_VARIABLE not in environ:
        problems.append(
            f"data_dir stands in {path}, which was found in the data directory: set CADENZA_DATA_DIR instead"
        )
    return found


def _flattened(document: dict[str, Any]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, dict) and (key in sections() or not _is_setting(key)):
            flat.update({f"{key}.{inner}": inner_value for inner, inner_value in value.items()} or {key: value})
        else:
            flat[key] = value
    return {name: value for name, value in flat.items() if not (name in sections() and value == {})}


def _is_setting(name: str) -> bool:
    return any(spec.name == name for spec in specs())


def _did_you_mean(word: str, known: list[str]) -> str:
    close = _closest(word, known)
    return f"did you mean {close}?" if close else "`cadenza config show` lists those there are"


def _closest(word: str, known: list[str], *, ratio: float = 0.6) -> str | None:
    bare = {name.removeprefix(_PREFIX): name for name in known}
    close = difflib.get_close_matches(word.removeprefix(_PREFIX), bare, n=1, cutoff=ratio)
    return bare[close[0]] if close else None


def _build(given: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    parts = {section: owner(**_of_section(section, given)) for section, owner in sections().items() if section}
    root = {"data_dir": default_data_dir(environ), **_of_section("", given)}
    settings = Settings(**root, **parts)  # type: ignore[arg-type]
    if "paper.latency_ms_min" not in given:  # so that the longest delay alone may be set to anything
        shortest_ms = max(0, min(settings.paper.latency_ms_min, settings.paper.latency_ms_max))
        settings = replace(settings, paper=replace(settings.paper, latency_ms_min=shortest_ms))
    if settings.is_embedded:
        return settings
    # A database of one's own means more people: what is open on a laptop is asked for there.
    careful = {"auth.signup": "invitation", "auth.new_tenant_environments": ("paper",)}
    changed = {name.partition(".")[2]: value for name, value in careful.items() if name not in given}
    return replace(settings, auth=replace(settings.auth, **changed))  # type: ignore[arg-type]


def _of_section(section: str, given: Mapping[str, object]) -> dict[str, object]:
    return {spec.field.name: given[spec.name] for spec in specs() if spec.section == section and spec.name in given}


def _parse(kind: Any, raw: object) -> object:
    """Turn a written value into a setting's type; _WrongValueError says what would be right ("it must be ...")."""
    if get_origin(kind) is UnionType:
        return None if raw == "" else _parse(get_args(kind)[0], raw)
    if get_origin(kind) is Literal:
        if raw not in get_args(kind):
            raise _WrongValueError(f"one of {', '.join(get_args(kind))}")
        return raw
    if get_origin(kind) is tuple:
        items = [item.strip() for item in raw.split(",") if item.strip()] if isinstance(raw, str) else raw
        if not isinstance(items, list):
            raise _WrongValueError("a list, such as live,paper")
        return tuple(_parse(get_args(kind)[0], item) for item in items)
    if get_origin(kind) is Mapping:
        return MappingProxyType({name: _parse(get_args(kind)[1], value) for name, value in _pairs(raw).items()})
    return _parse_plain(kind, raw)


def _parse_plain(kind: Any, raw: object) -> object:
    if kind is bool:
        return _parse_bool(raw)
    if kind is int:
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            raise _WrongValueError("a whole number")
        try:
            return int(raw)
        except ValueError:
            raise _WrongValueError("a whole number") from None
    if kind is Decimal:
        if isinstance(raw, bool) or not isinstance(raw, int | str | Decimal):
            raise _WrongValueError("a decimal number")
        try:
            return Decimal(raw)
        except InvalidOperation:
            raise _WrongValueError("a decimal number, such as 0.0005") from None
    if not isinstance(raw, str):
        raise _WrongValueError("text")
    if kind is Path:
        if not raw:
            raise _WrongValueError("a path")
        return Path(raw).expanduser().absolute()
    assert kind is str, f"no way to read a {kind}"
    return raw


def _parse_bool(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in (*_TRUE, *_FALSE):
        return raw.lower() in _TRUE
    raise _WrongValueError("true or false")


def _pairs(raw: object) -> dict[str, object]:
    if isinstance(raw, dict):
        return raw
    if not isinstance(raw, str):
        raise _WrongValueError("pairs, such as NAME=VALUE,OTHER=VALUE")
    pairs: dict[str, object] = {}
    for item in filter(None, (part.strip() for part in raw.split(","))):
        asset, equals, amount = item.partition("=")
        if not equals or not asset.strip() or asset.strip() in pairs:
            raise _WrongValueError("pairs, such as NAME=VALUE,OTHER=VALUE, each name once")
        pairs[asset.strip()] = amount.strip()
    return pairs


def shown(spec: Spec, settings: Settings) -> str:
    """A value as one would write it in the environment; of a secret only that it is there."""
    value = spec.value_in(settings)
    if spec.is_secret:
        return "(hidden)" if value else ""
    return written(value)


def written(value: object) -> str:
    """Any setting's value in the environment's notation."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, Mapping):
        return ",".join(f"{name}={part}" for name, part in value.items())
    return str(value)
