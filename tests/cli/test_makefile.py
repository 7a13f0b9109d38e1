"""`make` plans the right steps, and says plainly what a machine without a usable Python lacks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHELL_TOOLS = ("make", "sh", "sed", "touch")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory, with a space in its name, that has what the Makefile needs and no environment."""
    directory = tmp_path / "my project"
    directory.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, directory)
    return directory


def make(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "CADENZA_"))}
    return subprocess.run(
        ["make", *arguments], cwd=directory, env={**clean, **environ}, capture_output=True, text=True, check=False
    )


def path_with_python(tmp_path: Path, script: str) -> str:
    directory = tmp_path / "bin"
    directory.mkdir()
    for tool in SHELL_TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (directory / tool).symlink_to(found)
    (directory / "python3").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "python3").chmod(0o755)
    return str(directory)


def test_the_first_run_installs_from_the_lock_and_the_next_one_only_runs(project: Path) -> None:
    first = make(project, "-n", "run").stdout
    assert "-m venv --clear .venv" in first
    assert first.index("--require-hashes -r requirements.lock") < first.index("--no-deps -e .") < first.index("serve")
    (project / ".venv/bin").mkdir(parents=True)
    for made in ("bin/pip", "run.stamp", "dev.stamp"):
        (project / ".venv" / made).touch()
    assert make(project, "-n", "run").stdout == "exec .venv/bin/python -m cadenza.cli serve\n"
    newer = (project / ".venv/run.stamp").stat().st_mtime + 10
    os.utime(project / "requirements.lock", (newer, newer))
    assert "--require-hashes -r requirements.lock" in make(project, "-n", "run").stdout


def test_test_runs_every_check_and_ends_with_pytest(project: Path) -> None:
    steps = make(project, "-n", "test").stdout
    assert "--require-hashes -r requirements-dev.lock" in steps
    order = [steps.index(check) for check in ("ruff check", "mypy --strict", "lint-imports", "pytest -n auto")]
    assert order == sorted(order)
    assert steps.splitlines()[-1].endswith("pytest -n auto --dist worksteal")


def test_help_is_the_default_and_names_every_target(project: Path) -> None:
    reply = make(project).stdout
    assert [line.split()[1] for line in reply.splitlines()] == ["help", "run", "test", "lock", "clean"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 1", "needs Python 3.11 or newer, and there is none on the PATH"),
        ('case "$2" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac', "apt-get install python3.11-venv"),
    ],
)
def test_a_machine_without_a_usable_python_is_told_what_to_install(
    project: Path, tmp_path: Path, script: str, message: str
) -> None:
    done = make(project, "run", PATH=path_with_python(tmp_path, script))
    assert done.returncode != 0
    assert message in done.stdout
    assert not (project / ".venv/run.stamp").exists()
