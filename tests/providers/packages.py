"""Installed packages that add services, as their files: a module and what an installer writes beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROW = """
from imgen_providers.catalog import OURS

class Works:
    def submit(self, request): ...
    def refresh(self, job): ...
    def preview(self, request): ...

ROW = OURS["LIKE"]._replace(
    name="NAME", title="Name", key_variable="VARIABLE_API_KEY", origin_variable="VARIABLE_BASE_URL",
    implementation=__name__ + ":Works", organization_variable=None, other_key_variables=(),
    lists_when_ended=False,
)
"""


def row_of(name: str, base: str = "fal") -> str:
    """A module with a whole row for a service of that name, for the rest that of one of ours."""
    return ROW.replace("LIKE", base).replace("NAME", name).replace("VARIABLE", name.upper())


def install(site: Path, package: str, code: str, *services: str, version: str = "1.0") -> None:
    """Put a package of one module into a folder of installed ones; `services` are the names of its entry points."""
    module = package.replace("-", "_")
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = site / f"{module}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8"
    )
    entries = "\n".join(f"{name} = {module}:ROW" for name in services)
    (metadata / "entry_points.txt").write_text(f"[imgen.services]\n{entries}\n", encoding="utf-8")
