"""Google's, OpenAI's and fal's own clients, as they are installed from the package index, make a picture here."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import openai
import pytest
from google import genai
from google.genai import types
from PIL import Image

from providers.sandbox.asking import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from clients.conftest import Serving

    Serve = Callable[..., AbstractContextManager[Serving]]

NANO_BANANA = "gemini-nano-banana-2.1"
FLARE = "gpt-image-2.5-flare"


@pytest.fixture
def over_tls(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A sandbox that speaks https, whose CA the clients of this process trust."""
    with serve("--tls") as serving:
        monkeypatch.setenv("SSL_CERT_FILE", str(serving.authority))
        yield serving


@pytest.fixture
def google(over_tls: Serving) -> Iterator[genai.Client]:
    """Google's client at the sandbox."""
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=over_tls.origin))
    yield client
    client.close()


def picture_of(response: types.GenerateContentResponse) -> types.Blob:
    """The one picture of an answer."""
    (blob,) = [part.inline_data for part in response.parts or [] if part.inline_data]
    return blob


def decoded(data: bytes | None) -> Image.Image:
    """The picture in these bytes, read whole."""
    image = Image.open(io.BytesIO(data or b""))
    image.load()
    return image


def asking_for(aspect_ratio: str | None = None, image_size: str | None = None) -> types.GenerateContentConfig:
    """A configuration for a picture with words beside it."""
    image = types.ImageConfig(aspect_ratio=aspect_ratio, image_size=image_size)
    return types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"], image_config=image)


def turn(reference: types.Part, prompt: str) -> types.Content:
    """What an edit says."""
    return types.Content(role="user", parts=[reference, types.Part.from_text(text=prompt)])


def test_google_genai_makes_a_picture_and_edits_it(google: genai.Client) -> None:
    config = asking_for(aspect_ratio="16:9", image_size="2K")
    made = google.models.generate_content(model=NANO_BANANA, contents="a red fox", config=config)
    first = picture_of(made)
    reference = types.Part.from_bytes(data=first.data or b"", mime_type=str(first.mime_type))
    edited = google.models.generate_content(
        model="gemini-3-pro-image", contents=turn(reference, "at night"), config=asking_for()
    )

    assert (decoded(first.data).size, first.mime_type) == ((2752, 1536), "image/jpeg")
    assert decoded(picture_of(edited).data).size == (1376, 768)  # the ratio of its reference
    assert made.text == "Here is the picture you asked for."
    assert made.usage_metadata
    assert made.usage_metadata.candidates_token_count == 1680


def test_google_genai_goes_on_with_a_conversation_and_an_uploaded_file(google: genai.Client) -> None:
    chat = google.chats.create(model=NANO_BANANA, config=asking_for())
    pictures = [picture_of(chat.send_message(prompt)).data for prompt in ("a cat", "bluer", "with a hat")]
    file = google.files.upload(file=io.BytesIO(pictures[-1] or b""), config={"mime_type": "image/jpeg"})
    uploaded = types.Part.from_uri(file_uri=str(file.uri), mime_type="image/jpeg")
    edited = google.models.generate_content(model=NANO_BANANA, contents=turn(uploaded, "at night"), config=asking_for())

    assert len(set(pictures)) == 3
    assert file.state == types.FileState.ACTIVE
    assert decoded(picture_of(edited).data).size == (1024, 1024)
    assert f"models/{NANO_BANANA}" in [model.name for model in google.models.list()]


def test_google_genai_makes_pictures_by_a_batch(google: genai.Client) -> None:
    requests = [
        types.InlinedRequest(contents=prompt, metadata={"key": prompt}, config=asking_for(aspect_ratio=aspect))
        for prompt, aspect in (("a fox", "1:1"), ("a cat", "9:16"))
    ]
    batch = google.batches.create(model=NANO_BANANA, src=requests, config={"display_name": "tonight"})
    until = time.monotonic() + 20
    while batch.state in (types.JobState.JOB_STATE_PENDING, types.JobState.JOB_STATE_RUNNING):
        assert time.monotonic() < until, batch
        time.sleep(0.1)
        batch = google.batches.get(name=str(batch.name))

    assert batch.state == types.JobState.JOB_STATE_SUCCEEDED
    assert batch.dest
    answers = [each.response for each in batch.dest.inlined_responses or [] if each.response]
    assert [decoded(picture_of(answer).data).size for answer in answers] == [(1024, 1024), (768, 1376)]
    assert [each.display_name for each in google.batches.list()] == ["tonight"]


def test_openai_makes_a_picture_and_edits_it(over_tls: Serving) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{over_tls.origin}/v1", max_retries=0) as client:
        made = client.images.generate(
            model=FLARE, prompt="a red fox", n=2, size="1536x1024", background="transparent", output_format="webp"
        )
        first, second = (base64.b64decode(each.b64_json or "") for each in made.data or [])
        edited = client.images.edit(model=FLARE, prompt="at night", image=[("fox.webp", first, "image/webp")])
        with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'response_format'"):
            client.images.generate(model=FLARE, prompt="a red fox", response_format="url")

    assert first != second
    assert (decoded(first).size, decoded(first).format, decoded(first).mode) == ((1536, 1024), "WEBP", "RGBA")
    assert edited.data
    assert decoded(base64.b64decode(edited.data[0].b64_json or "")).size == (1024, 1024)
    assert made.usage
    assert made.usage.output_tokens == 2 * 1584


def test_openai_makes_a_picture_at_openrouter(over_tls: Serving) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{over_tls.origin}/api/v1", max_retries=0) as client:
        made = client.chat.completions.create(
            model="google/gemini-nano-banana-2.1",
            messages=[{"role": "user", "content": "a red fox"}],
            extra_body={"modalities": ["image", "text"], "image_config": {"aspect_ratio": "3:2"}},
        )

    (image,) = (made.choices[0].message.model_extra or {})["images"]
    assert decoded(base64.b64decode(image["image_url"]["url"].partition(",")[2])).size == (1264, 848)
    assert made.usage
    assert (made.usage.model_extra or {})["cost"] == 0.04


# Its queue's host is read when it is imported; the others are constants, so they are set.
FAL_SCRIPT = """
import json, sys
import fal_client
from fal_client import client

client.REST_URL, client.CDN_URL = sys.argv[1] + "/rest.fal.ai", sys.argv[1] + "/v3.fal.media"
app = "google/nano-banana-2.1"
made = fal_client.subscribe(app, {"prompt": "a red fox", "aspect_ratio": "16:9", "num_images": 2})
link = fal_client.upload(open(sys.argv[2], "rb").read(), "image/png")
edited = fal_client.submit(app + "/edit", {"prompt": "at night", "image_urls": [link]}).get()
try:
    fal_client.submit(app, {"prompt": "a red fox", "resolution": "9K"}).get()
    refusal = None
except fal_client.FalClientHTTPError as error:
    refusal = [error.status_code, error.args[0]]
print(json.dumps([made, edited, refusal]))
"""


def test_fal_client_makes_a_picture_and_edits_it(over_tls: Serving, tmp_path: Path) -> None:
    reference = tmp_path / "reference.png"
    Image.new("RGB", (300, 200), "teal").save(reference)
    host = over_tls.origin.removeprefix("https://")
    environment = {**os.environ, "FAL_KEY": KEY, "FAL_QUEUE_RUN_HOST": f"{host}/queue.fal.run"}
    run = subprocess.run(
        [sys.executable, "-c", FAL_SCRIPT, over_tls.origin, str(reference)],
        capture_output=True,
        text=True,
        timeout=50,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    made, edited, refusal = json.loads(run.stdout)

    assert [(each["width"], each["height"]) for each in made["images"]] == 2 * [(1376, 768)]
    assert all(each["url"].startswith(over_tls.origin) for each in made["images"])
    assert (edited["images"][0]["width"], edited["images"][0]["height"]) == (1264, 848)
    assert refusal[0] == 422
    assert "resolution" in str(refusal[1])
