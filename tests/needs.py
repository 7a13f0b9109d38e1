"""What some tests need of the machine: without it they are skipped, and say so; where it is required they fail.

`CADENZA_TEST_REQUIRE` names what must be there, with commas (`node,centrifugo`); .ci/run sets it.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

CENTRIFUGO_VERSION = "5.4.9"
# Read once: tests of the command line clear the environment.
_CENTRIFUGO = os.environ.get("CADENZA_TEST_CENTRIFUGO")
_JUDGES = os.environ.get("CADENZA_TEST_JUDGES")
_REQUIRED = frozenset(os.environ.get("CADENZA_TEST_REQUIRE", "").split(","))


def node() -> None:
    """Need Node and npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _lacking("node", "Node is not installed: the JavaScript client is not tried")


def centrifugo() -> Path:
    """Need the real Centrifugo: where `CADENZA_TEST_CENTRIFUGO` says, else where tests/centrifugo/build.sh puts it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    binary = Path(_CENTRIFUGO) if _CENTRIFUGO else cache / f"cadenza/centrifugo-{CENTRIFUGO_VERSION}/centrifugo"
    if not os.access(binary, os.X_OK):
        _lacking("centrifugo", f"there is no Centrifugo at {binary}: tests/centrifugo/build.sh builds it")
    return binary


def judges() -> Path:
    """Need the third-party clients that judge the simulators, and return the Python that has them: the one that
    `CADENZA_TEST_JUDGES` names, else the one that tests/judges/build.sh makes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = hashlib.sha256((Path(__file__).parent / "judges/requirements.txt").read_bytes()).hexdigest()[:12]
    python = Path(_JUDGES) if _JUDGES else cache / f"cadenza/judges-{version}/bin/python"
    if not (python.parents[1] / "complete").exists():
        _lacking("judges", f"there are no judges at {python}: tests/judges/build.sh installs them")
    return python


def _lacking(what: str, why: str) -> NoReturn:
    if what in _REQUIRED:
        pytest.fail(why)
    pytest.skip(why)
