"""A documented answer of a direct service with one odd thing in it: no error but ours, and no picture is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from imgen_providers import connect
from imgen_providers.base import Account, Failed, InlineAsset, Job, LinkedAsset, Queued, Succeeded
from imgen_providers.errors import NotUnderstood, Refused, Uncertain, Unreachable
from providers import test_fal, test_gemini, test_gemini_batches, test_openai, test_openrouter
from providers.mutations import Mutated, mutated
from providers.sending import KEY
from providers.test_mutated_answers import ORIGIN, ended, lightly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Json
    from imgen_providers.client import Network
    from imgen_providers.testing.contract import SynchronousContract

GEMINI = test_gemini.TestGemini
FACTS: dict[str, tuple[type[SynchronousContract], Sequence[str | int], bytes]] = {
    "gemini": (GEMINI, ("candidates", 0, "content", "parts", 3, "inlineData", "data"), test_gemini.PICTURE),
    "openai": (test_openai.TestOpenAI, ("data", 0, "b64_json"), test_openai.PICTURE),
    "openrouter": (test_openrouter.TestOpenRouter, ("data", 0, "b64_json"), test_openrouter.PICTURE),
}


@pytest.mark.parametrize("name", FACTS)
@lightly
@given(data=st.data())
def test_an_answer_keeps_its_picture(network: Network, name: str, data: st.DataObject) -> None:
    contract, path, picture = FACTS[name]
    answer: Mutated = data.draw(mutated(contract.accepted))
    service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.post(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.submit(contract.request))

    # Which of an object's fields hold the picture depends on the media type beside it.
    if answer.spares(*path) and answer.spares(*path[:-1], "mimeType"):
        assert isinstance(end, Job), end
        assert isinstance(end.status, Succeeded)
        assert InlineAsset(picture) in end.status.assets
        assert 0 < len(end.remote_id) <= 512
        assert end.charged is None or len(end.charged.amount) < 60
    else:
        assert isinstance(end, Job | Uncertain | Refused)


@pytest.mark.parametrize("name", FACTS)
@lightly
@given(data=st.data())
def test_an_end_without_a_picture_is_never_a_success(network: Network, name: str, data: st.DataObject) -> None:
    contract = FACTS[name][0]
    answer: Mutated = data.draw(mutated(data.draw(st.sampled_from([body for body, _ in contract.ends]))))
    service = connect(name, Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.post(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.submit(contract.request))

    if isinstance(end, Job):
        assert not isinstance(end.status, Succeeded) or end.status.assets  # an odd value may be a link
        assert not isinstance(end.status, Failed) or len(end.status.reason) <= 400
    else:
        assert isinstance(end, Uncertain)


@lightly
@given(data=st.data())
def test_a_batch_is_polled_whatever_its_answer_holds_besides(network: Network, data: st.DataObject) -> None:
    entry: Json = {"response": test_gemini.answered(test_gemini.SHOWN)}
    documented = test_gemini_batches.operation("BATCH_STATE_SUCCEEDED", output=test_gemini_batches.inlined(entry))
    answer: Mutated = data.draw(mutated(documented))
    service = connect("gemini", Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=answer.body))
        end = ended(lambda: service.refresh(Job("gemini", "batches/abc-1", Queued())))

    if answer.path[:1] != ("metadata",) or answer.what != "replaced":
        assert isinstance(end, Job), end
        assert end.status == Succeeded((InlineAsset(test_gemini.PICTURE),))
    else:
        assert isinstance(end, Job | NotUnderstood | Unreachable | Refused)


@lightly
@given(data=st.data())
def test_a_request_of_fal_keeps_its_id_and_its_picture(network: Network, data: st.DataObject) -> None:
    contract = test_fal.TestFal
    accepted: Mutated = data.draw(mutated(contract.accepted))
    finished: Mutated = data.draw(mutated(contract.finished))
    service = connect("fal", Account(ORIGIN, KEY), network)
    with respx.mock:
        respx.post(url__startswith=ORIGIN).mock(httpx.Response(200, content=accepted.body))
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(200, content=finished.body))
        submitted = ended(lambda: service.submit(contract.request))
        polled = ended(lambda: service.refresh(contract().job()))

    if accepted.spares("request_id"):
        assert isinstance(submitted, Job), submitted
        assert submitted.remote_id == test_fal.ID
    if finished.spares("status") and finished.spares("images", 0, "url") and finished.what != "added":
        assert isinstance(polled, Job), polled
        assert isinstance(polled.status, Succeeded)
        assert LinkedAsset(test_fal.LINK) in polled.status.assets
    else:
        assert isinstance(polled, Job | NotUnderstood | Unreachable | Refused)
