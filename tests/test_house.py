"""Who may import whom: the walls of the house, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLI = ROOT / "cli" / "imgen"
PROVIDERS = ROOT / "providers" / "imgen_providers"


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path, *, for_types: bool = True) -> set[str]:
    """Every module a file imports, wherever in it; without those that only type checkers see, if asked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden and not for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def reads_environment(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(names & {"environ", "getenv", "expandvars"}) and "os" in imports(path)


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.mark.parametrize("path", named(modules(PROVIDERS)))
def test_the_far_side_knows_no_command_line(path: Path) -> None:
    assert not packages(path) & {"imgen", "typer", "rich", "platformdirs", "filelock", "pathvalidate"}


@pytest.mark.parametrize("path", named([PROVIDERS / f"{n}.py" for n in ("base", "catalog", "errors")]))
def test_the_interface_and_the_catalogue_need_the_standard_library_only(path: Path) -> None:
    outside = packages(path) & {"httpx", "pydantic", "PIL", "stamina"}

    assert not outside


def services() -> list[Path]:
    from imgen_providers.catalog import SERVICES
    from imgen_providers.catalog_direct import DIRECT_SERVICES

    entries = (*SERVICES.values(), *DIRECT_SERVICES.values())
    return [PROVIDERS / f"{entry.implementation.split(':')[0].split('.')[1]}.py" for entry in entries]


@pytest.mark.parametrize("path", named(services()))
def test_a_service_file_imports_only_the_interface_the_client_and_the_errors(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("imgen_providers.")}

    # "conversation" is GMI Cloud's, kept apart so that it can be tested alone.
    shared_wire_modules = {"assets", "fields", "identifiers", "json_text", "image_answers", "pixels"}
    shared_wire_modules |= {"gemini_wire", "gemini_batches"}
    assert ours <= {"base", "client", "errors", "conversation", *shared_wire_modules}


@pytest.mark.parametrize("path", named(services()))
def test_a_service_never_sleeps_or_reads_the_clock(path: Path) -> None:
    assert not packages(path) & {"time", "threading", "sched", "asyncio"}


@pytest.mark.parametrize("path", named(modules(PROVIDERS / "sandbox")))
def test_the_sandbox_shares_no_table_and_no_code_with_the_services(path: Path) -> None:
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("imgen_providers.")}

    assert ours <= {"sandbox"}


def test_httpx_is_imported_by_the_client_and_the_download_module_only() -> None:
    found = {path for path in (*modules(CLI), *modules(PROVIDERS)) if "httpx" in packages(path)}

    of_the_client = {
        PROVIDERS / f"{name}.py" for name in ("client", "submission", "exchanges", "content_coding", "peers")
    }

    assert found <= {*of_the_client, CLI / "pictures" / "download.py"}
    assert PROVIDERS / "client.py" in found


def test_only_the_screen_knows_rich() -> None:
    assert {path.parent for path in modules(CLI) if "rich" in packages(path)} == {CLI / "screen"}


def test_only_main_and_the_commands_know_typer() -> None:
    found = {path for path in modules(CLI) if "typer" in packages(path)}

    assert {path.parent for path in found} == {CLI, CLI / "commands"}
    assert {path for path in found if path.parent == CLI} == {CLI / "__main__.py"}


@pytest.mark.parametrize("path", named([*modules(CLI), *modules(PROVIDERS)]))
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    assert not reads_environment(path) or path == CLI / "config" / "config.py"


def test_folders_come_from_one_place() -> None:
    assert {path for path in modules(CLI) if "platformdirs" in packages(path)} == {CLI / "config" / "config.py"}


def test_only_the_run_may_submit() -> None:
    """`steps.submit` is the one caller of a service's `submit`, and the follower the one caller of that."""
    callers = {
        path.relative_to(CLI).as_posix()
        for path in modules(CLI)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "submit"
    }

    assert callers == {"jobs/steps.py", "jobs/follow.py"}


def test_the_top_level_is_as_it_was_agreed() -> None:
    agreed = {
        "cli",
        "providers",
        "tests",
        "completions",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    }
    made_by_tools = {"dist", "build", "uv.lock"}

    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert agreed <= found
    assert found <= agreed | made_by_tools


@pytest.mark.parametrize("package", ["cli", "providers"])
def test_no_room_is_named_after_nothing(package: str) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}

    assert not {path.stem for path in (ROOT / package).rglob("*.py")} & vague
