"""A service is its file, its test and its catalogue row, and these agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import imgen_providers
from imgen_providers.catalog import FAMILIES, SERVICES, ServiceEntry
from imgen_providers.testing.contract import ServiceContract, SynchronousContract

TESTS = Path(__file__).parent
PACKAGE = Path(imgen_providers.__file__).parent
ENTRIES = [pytest.param(entry, id=name) for name, entry in SERVICES.items()]
CONTRACTS = {ServiceContract.__name__, SynchronousContract.__name__}


def module_name(entry: ServiceEntry) -> str:
    return entry.implementation.partition(":")[0].rpartition(".")[2]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_row_has_its_implementation(entry: ServiceEntry) -> None:
    module, _, name = entry.implementation.partition(":")
    implementation = getattr(import_module(module), name)

    assert all(callable(getattr(implementation, verb)) for verb in ("submit", "refresh", "preview"))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_row_has_a_test_that_fulfils_the_contract(entry: ServiceEntry) -> None:
    file = TESTS / f"test_{module_name(entry)}.py"
    assert file.exists()

    tree = ast.parse(file.read_text(encoding="utf-8"))
    contracts = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and node.name.startswith("Test")
        and any(isinstance(base, ast.Name) and base.id in CONTRACTS for base in node.bases)
    ]
    names = {
        ast.literal_eval(statement.value)
        for contract in contracts
        for statement in contract.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "name"
    }

    assert names == {entry.name}


def test_every_implementation_has_its_row() -> None:
    verbs = {"submit", "refresh", "preview"}
    found = {
        path.stem
        for path in PACKAGE.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and verbs <= {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
    }

    assert found - {"base"} == {module_name(entry) for entry in SERVICES.values()}


def test_rows_are_in_order_of_preference_and_named_after_themselves() -> None:
    queues = ["3daistudio", "gmicloud", "reapi", "gptproto"]
    assert list(SERVICES) == [*queues, "gemini", "openai", "openrouter", "fal"]
    assert [entry.name for entry in SERVICES.values()] == list(SERVICES)
    assert {model.family for entry in SERVICES.values() for model in entry.models} == set(FAMILIES)


def test_importing_the_library_imports_nothing_heavy() -> None:
    asked = "import sys, imgen_providers.base, imgen_providers.errors, imgen_providers.catalog; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()

    assert "imgen_providers.catalog" in loaded
    assert not {"httpx", "pydantic", "stamina", "ssl", "asyncio"} & set(loaded)


FIFTH_SERVICE = """
from dataclasses import replace

from imgen_providers.base import Job, LinkedAsset, Queued, Succeeded, Unrecognised
from imgen_providers.client import Api, shown


class Fifth:
    def __init__(self, account, network):
        self._api = Api("fifth", account, network, headers={"Authorization": f"Bearer {account.key}"})

    def submit(self, request):
        path, body = self._wire(request)
        return self._accepted(self._api.post_once(path, body))

    def refresh(self, job):
        answer = self._api.get(f"/jobs/{job.remote_id}")
        match self._json(answer):
            case {"state": "waiting"}:
                return replace(job, status=Queued())
            case {"state": "done", "links": [*links]}:
                return replace(job, status=Succeeded(tuple(map(LinkedAsset, links))))
            case {"state": str(state)}:
                return replace(job, status=Unrecognised(state))
        raise self._api.unexpected(answer, paid=False)

    def preview(self, request):
        path, body = self._wire(request)
        return path, shown(body)

    def _wire(self, request):
        return "/jobs", {"words": request.prompt, **request.extras}

    def _accepted(self, answer):
        match self._json(answer):
            case {"job": str(name)}:
                return Job("fifth", name, Queued())
        raise self._api.unexpected(answer, paid=True)

    def _json(self, answer):
        try:
            return answer.json()
        except ValueError:
            return None
"""

FIFTH_TEST = """
from dataclasses import replace

from imgen_providers.base import LinkedAsset, Queued, Request, Succeeded
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import KeyRefused
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract

SERVICES["fifth"] = SERVICES["reapi"]._replace(name="fifth", title="Fifth", implementation="fifth:Fifth")
SERVICES["fifth"] = SERVICES["fifth"]._replace(models=(), own_fields=frozenset({"words"}))


class TestFifth(ServiceContract):
    name = "fifth"
    request = Request("any", "a cat")
    submit_path = "/jobs"
    submit_body = {"words": "a cat"}
    accepted = {"job": "one"}
    job_id = "one"
    poll_path = "/jobs/one"
    finished = {"state": "done", "links": ["https://x.test/1.png"]}
    states = (({"state": "waiting"}, Queued()), (finished, Succeeded((LinkedAsset("https://x.test/1.png"),))))
    unknown_state = {"state": "REHEARSING"}
    refusals = (Refusal(401, {"message": "no"}, KeyRefused),)
    poll_refusals = (Refusal(401, {"message": "no"}, KeyRefused),)
"""


def contract_over(service: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The contract, run over a service that is nothing but a file, a row and a test."""
    (folder / "fifth.py").write_text(service, encoding="utf-8")
    (folder / "test_fifth.py").write_text(FIFTH_TEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    paths = [str(folder), str(PACKAGE.parent)]
    start = f"import sys; sys.path[:0] = {paths}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    usual = ["-q", "-p", "no:cacheprovider", "--tb=line", str(folder)]
    return subprocess.run(
        [sys.executable, "-c", start, *usual, *arguments], capture_output=True, text=True, cwd=folder, timeout=55
    )


def test_a_fifth_service_is_a_file_a_row_and_a_test(tmp_path: Path) -> None:
    run = contract_over(FIFTH_SERVICE, tmp_path)

    assert run.returncode == 0, run.stdout
    assert "passed" in run.stdout
    assert "failed" not in run.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "broken_promise"),
    [
        ("self._api.post_once(path, body)", "self._api.post_free(path, body)", "broken_gateway"),
        ("raise self._api.unexpected(answer, paid=True)", 'return Job("fifth", "?", Queued())', "not_understood"),
        ("Unrecognised(state)", "Succeeded(())", "unknown_state"),
    ],
    ids=["asks again", "takes any yes", "calls anything success"],
)
def test_a_service_that_breaks_a_promise_does_not_pass(
    tmp_path: Path, right: str, wrong: str, broken_promise: str
) -> None:
    assert right in FIFTH_SERVICE

    run = contract_over(FIFTH_SERVICE.replace(right, wrong), tmp_path, "-k", broken_promise)

    assert run.returncode == 1, run.stdout + run.stderr
    assert broken_promise in run.stdout
