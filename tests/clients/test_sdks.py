"""Clients that others wrote for these services, as they are installed from the package index, make a picture here."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from genblaze_core import Modality, Pipeline
from genblaze_gmicloud import GMICloudImageProvider
from gptproto import GptprotoClient, TaskFailedError
from gptproto.models import ImageAspectRatio, ImageReference, ImageReferenceType, ImageUrl, UnifiedImageRequest

from providers.sandbox.asking import KEY, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from clients.conftest import Serving

    Serve = Callable[..., AbstractContextManager[Serving]]

PRO = "google/gemini-3-pro-image-preview"


@contextmanager
def sdk(origin: str) -> Iterator[GptprotoClient]:
    """The client, whose connections it leaves to its garbage collector."""
    client = GptprotoClient(api_key=KEY, base_url=origin)
    with client._client:
        yield client


def made(client: GptprotoClient, order: UnifiedImageRequest) -> str:
    """The link of the one picture of an order."""
    links = client.run("image", order, timeout=20, poll_interval=0.1).unsigned_urls
    assert isinstance(links, list)
    (link,) = links
    return link


def test_the_gptproto_sdk_makes_a_picture_and_edits_it(serving: Serving) -> None:
    with sdk(serving.origin) as client:
        order = UnifiedImageRequest(model=PRO, prompt="a red fox", aspect_ratio=ImageAspectRatio.RATIO_2_3, size="2K")
        link = made(client, order)
        again = UnifiedImageRequest(
            model=PRO,
            prompt="at night",
            input_references=[ImageReference(type_=ImageReferenceType.IMAGE_URL, image_url=ImageUrl(url=link))],
        )
        first, second = fetch(link), fetch(made(client, again))

    assert (first.picture().size, first.picture().format) == ((1696, 2528), "PNG")
    assert second.picture().size == (848, 1264)  # the ratio of its reference
    assert second.body != first.body


def test_the_gptproto_sdk_reads_a_task_that_expired_and_a_refusal(serve: Serve) -> None:
    with serve("--faults", "job-expired") as serving, sdk(serving.origin) as client:
        with pytest.raises(TaskFailedError, match="expired"):
            made(client, UnifiedImageRequest(model=PRO, prompt="a red fox"))
        with pytest.raises(RuntimeError, match="request rejected: code=400 message=invalid size"):
            client.create("image", UnifiedImageRequest(model=PRO, prompt="a red fox", size="8K"))


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-image-preview"])
def test_genblaze_makes_a_picture_at_gmi_cloud_over_tls(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    with serve("--tls") as serving:
        monkeypatch.setenv("SSL_CERT_FILE", str(serving.authority))
        monkeypatch.setenv("GMI_BASE_URL", f"{serving.origin}/api/v1/ie/requestqueue/apikey")
        monkeypatch.setenv("GMI_API_KEY", KEY)
        provider = GMICloudImageProvider(poll_interval=0.1)
        order = Pipeline("fox").step(
            provider, model=model, prompt="a red fox", modality=Modality.IMAGE, aspect_ratio="16:9"
        )
        run, _manifest = order.run(timeout=20, raise_on_failure=True)
        provider.close()
        (asset,) = run.steps[0].assets
        trust = ssl.create_default_context(cafile=serving.authority)
        body = httpx.get(asset.url, verify=trust, trust_env=False).content

    assert asset.url.startswith("https://127.0.0.1:")
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert body.endswith(b"IEND\xaeB`\x82")
