"""What strangers met: a paid picture is saved, or kept and named, however oddly its service answers."""

from __future__ import annotations

import base64
import gzip
import json
import re
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import KEY, OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.testing.wire import Reply, WireServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cli.program.program import Ended
    from imgen_providers.base import Json


def drawn(format: str = "PNG") -> bytes:
    """A whole picture."""
    file = BytesIO()
    Image.new("RGB", (64, 48), "orange").save(file, format)
    return file.getvalue()


PICTURE = drawn()
BASE64 = base64.b64encode(PICTURE).decode()
SHOWN = Reply(200, PICTURE, {"Content-Type": "image/png"})
ID = "job-0123456789"


@contextmanager
def answering(imgen: Program, *script: Reply) -> Iterator[tuple[Program, WireServer]]:
    """imgen with its keys for services that give these answers one after the other, the last again and again.

    ORIGIN in an answer is where they are, HOST the same without its scheme.
    """
    with WireServer() as server:
        origin = server.origin.encode()
        host = origin.removeprefix(b"http://")
        server.script[:] = [
            replace(one, body=one.body.replace(b"ORIGIN", origin).replace(b"HOST", host)) for one in script
        ]
        yield imgen.at(server.origin), server


def ordered(imgen: Program, service: str, *options: str) -> Ended:
    return imgen.run("generate", "a red fox", "-p", service, "-o", "fox.png", *OFTEN, "--timeout", "15", *options)


def files(imgen: Program) -> list[str]:
    return sorted(path.name for path in imgen.cwd.iterdir())


def plain(ended: Ended) -> None:
    """No traceback, no bug, no key."""
    said = ended.stdout.decode() + ended.stderr
    assert not any(word in said for word in ("Traceback", "met a bug", KEY)), said


ACCEPTED: dict[str, Json] = {
    "3daistudio": {"task_id": ID},
    "gmicloud": {"request_id": ID, "status": "queued"},
    "reapi": {"id": ID, "status": "processing"},
    "gptproto": {"data": {"id": ID, "status": "created", "urls": {"get": "/api/v3/predictions/x/result"}}},
}


def finished(service: str, picture: Json) -> Json:
    """The service's answer to a poll, with something where its picture stands."""
    match service:
        case "3daistudio":
            return {"status": "FINISHED", "results": [{"asset": picture, "asset_type": "IMAGE"}]}
        case "gmicloud":
            media: Json = [{"id": "0", "url": picture}]
            return {"request_id": ID, "status": "success", "outcome": {"media_urls": media}}
        case "reapi":
            return {"id": ID, "status": "completed", "output": {"image_urls": [picture]}}
        case _:
            return {"data": {"id": ID, "status": "completed", "outputs": [picture]}}


LINK = "ORIGIN/fox.png"
FORMS: dict[str, Json] = {
    "a link": LINK,
    "white space around": f" \n{LINK}\t ",
    "a relative link": "/files/fox.png",
    "a link without its scheme": "//HOST/fox.png",
    "a data URI": f"data:image/png;base64,{BASE64}",
    "a data URI in capitals": f"DATA:image/PNG;BASE64,{BASE64}",
    "bare base64": BASE64,
    "base64 in lines": "\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76)),
    "base64 for URLs": BASE64.replace("+", "-").replace("/", "_").rstrip("="),
    "an object": {"url": LINK},
    "a list": [LINK],
    "a Markdown picture": f"![fox]({LINK})",
    "inline data": {"inlineData": {"mimeType": "image/png", "data": BASE64}},
    "inline_data": {"inline_data": {"mime_type": "image/png", "data": BASE64}},
    "a data URI in Markdown": f"![fox](data:image/png;base64,{BASE64})",
    "JSON in a text": json.dumps([{"url": LINK}]),
    "a name that no document has": {"download_url": LINK, "preview_url": "ORIGIN/small.png"},
}


@pytest.mark.parametrize("service", ACCEPTED)
@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_saved_in_whatever_form_it_comes(imgen: Program, service: str, form: str) -> None:
    with answering(imgen, reply(ACCEPTED[service]), reply(finished(service, FORMS[form])), SHOWN) as (here, _):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert (here.cwd / "fox.png").read_bytes() == PICTURE


def stateless(service: str) -> Json:
    """The service's answer to a poll that holds the picture, and no word on the state."""
    text = json.dumps(finished(service, LINK))
    answer: Json = json.loads(re.sub(r'"status": "[A-Za-z]+", ', "", text))
    assert "status" not in json.dumps(answer)
    return answer


@pytest.mark.parametrize("service", ACCEPTED)
def test_a_picture_without_a_word_on_the_state_is_saved(imgen: Program, service: str) -> None:
    with answering(imgen, reply(ACCEPTED[service]), reply(stateless(service)), SHOWN) as (here, _):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert (here.cwd / "fox.png").read_bytes() == PICTURE


HOSTS: dict[str, Reply] = {
    **{
        f"Content-Encoding {coding!r}": replace(SHOWN, headers={"Content-Encoding": coding})
        for coding in (
            "none",
            "UTF-8",
            "identity",
            "binary",
            "identity, identity",
            "",
            "png",
            "gzip",
            "x-gzip",
            "br",
            "zstd",
            "deflate",
        )
    },
    **{
        f"packed as {coding!r}": replace(SHOWN, body=gzip.compress(PICTURE), headers={"Content-Encoding": coding})
        for coding in ("gzip", "x-gzip", "GZIP", "identity, gzip", "UTF-8, gzip", "aws-chunked,gzip", "gzip;q=1")
    },
    "206 with everything": replace(
        SHOWN, status=206, headers={"Content-Range": f"bytes 0-{len(PICTURE) - 1}/{len(PICTURE)}"}
    ),
    "206 without a range": replace(SHOWN, status=206),
    **{f"{status}": replace(SHOWN, status=status) for status in (201, 202, 203, 299)},
    "no media type": Reply(200, PICTURE, {"Content-Type": ""}),
    "another media type": Reply(200, PICTURE, {"Content-Type": "text/html; charset=utf-8"}),
    "bytes behind the end": replace(SHOWN, body=PICTURE + b"\n"),
    "packed without a word": replace(SHOWN, body=gzip.compress(PICTURE)),
    "base64 as text": Reply(200, BASE64.encode(), {"Content-Type": "text/plain"}),
    "a byte order mark before": replace(SHOWN, body=b"\xef\xbb\xbf\r\n" + PICTURE),
    "one part of several": replace(SHOWN, body=b"--b\r\nContent-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--b--\r\n"),
    "JSON around": reply({"data": {"b64_json": BASE64}}),
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_picture_is_saved_however_its_host_sends_it(imgen: Program, host: str) -> None:
    with answering(imgen, reply(ACCEPTED["reapi"]), reply(finished("reapi", LINK)), HOSTS[host]) as (here, _):
        ended = ordered(here, "reapi")

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert (here.cwd / "fox.png").read_bytes().startswith(PICTURE)


SUBMITS: dict[str, tuple[str, Json | bytes]] = {
    "id in urls.get": ("gptproto", {"data": {"urls": {"get": f"ORIGIN/api/v3/predictions/{ID}/result"}}}),
    "id in a list of urls": ("gptproto", {"data": {"urls": [{"get": f"/api/v3/predictions/{ID}/result"}]}}),
    "unwrapped": ("gptproto", {"id": ID, "status": "created"}),
    "unwrapped urls.get": ("gptproto", {"urls": {"get": f"/api/v3/predictions/{ID}/result"}}),
    "the 202 form": ("gptproto", {"id": ID, "polling_url": f"/api/v3/predictions/{ID}/result", "status": "pending"}),
    "only a polling_url": ("gptproto", {"polling_url": f"/api/v3/predictions/{ID}/result"}),
    "a number": ("3daistudio", {"task_id": 4711}),
    "a list around": ("reapi", [{"id": ID}]),
    "an object around": ("reapi", {"data": {"task": {"id": ID}}}),
    "another name": ("reapi", {"taskId": ID}),
    "BOM": ("reapi", b"\xef\xbb\xbf" + json.dumps({"id": ID}).encode()),
    "UTF-16": ("reapi", json.dumps({"id": ID}).encode("utf-16")),
    "a lone surrogate": ("gmicloud", b'{"request_id": "' + ID.encode() + b'", "payload": {"prompt": "\\ud83e"}}'),
    "Latin-1": ("gmicloud", b'{"request_id": "' + ID.encode() + b'", "payload": {"prompt": "K\xe4se"}}'),
    "NUL": ("gmicloud", b'{"request_id": "' + ID.encode() + b'", "payload": {"prompt": "a\0b"}}\0\n'),
    "deep nesting": ("3daistudio", b'{"task_id": "' + ID.encode() + b'", "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "deep objects first": (
        "reapi",
        b'{"x": ' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b', "id": "' + ID.encode() + b'"}',
    ),
    "null and wrong types": ("reapi", {"id": ID, "status": None, "output": 7, "error": [], "usage": "x"}),
    "NaN": ("reapi", b'{"id": "' + ID.encode() + b'", "eta": NaN, "cost": 1e999}'),
    "text behind": ("reapi", b'{"id": "' + ID.encode() + b'"}\n<!-- served by 7 -->'),
    "another spelling": ("gmicloud", {"data": {"requestId": ID}}),
    "JSON in a text": ("reapi", json.dumps(json.dumps({"id": ID})).encode()),
    "a number with a point": ("3daistudio", b'{"task_id": 4711.0}'),
    "a list of one": ("gptproto", {"data": {"id": [ID]}}),
    "several, of one": ("3daistudio", {"task_ids": [ID]}),
    "an object of one": ("reapi", {"_id": {"$oid": ID}}),
    "an envelope with a state": ("reapi", {"status": "success", "data": {"id": ID, "status": "processing"}}),
    "an event": ("reapi", b'event: created\ndata: {"id": "' + ID.encode() + b'"}\n\n'),
    "behind a guard": ("3daistudio", b")]}'\n" + json.dumps({"task_id": ID}).encode()),
    "twice": ("reapi", b'{"id": null, "id": "' + ID.encode() + b'"}'),
}


@pytest.mark.parametrize("form", SUBMITS)
def test_an_id_is_kept_wherever_it_stands_in_the_answer_to_a_submit(imgen: Program, form: str) -> None:
    service, answer = SUBMITS[form]
    first = Reply(202, answer) if isinstance(answer, bytes) else reply(answer, 202)
    with answering(imgen, first, reply(finished(service, LINK)), SHOWN) as (here, server):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert here.jobs()[0].remote_id in (ID, "4711")
    assert (here.cwd / "fox.png").read_bytes() == PICTURE
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    ("service", "place"), [("reapi", f"/api/v1/tasks/{ID}"), ("gptproto", f"/api/v3/predictions/{ID}/result")]
)
@pytest.mark.parametrize("status", [201, 202, 204])
def test_an_id_that_stands_in_the_headers_alone_is_kept(imgen: Program, service: str, place: str, status: int) -> None:
    with answering(imgen, Reply(status, b"", {"Location": place}), reply(finished(service, LINK)), SHOWN) as (here, _):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert here.jobs()[0].remote_id == ID


@pytest.mark.parametrize("service", ACCEPTED)
@pytest.mark.parametrize("state", ["SUCCEEDED", "Succeed", "completed ", "Done", "FINISHED", "TASK_STATUS_SUCCEED"])
def test_a_state_in_another_services_word_is_understood(imgen: Program, service: str, state: str) -> None:
    text = re.sub(r'"status": "[A-Za-z]+"', f'"status": "{state}"', json.dumps(finished(service, LINK)))
    with answering(imgen, reply(ACCEPTED[service]), reply(text), SHOWN) as (here, server):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert len(server.requests) == 3


BARE: dict[str, Reply] = {
    "the picture": SHOWN,
    "its base64": reply(BASE64),
    "a data URI": reply(f"data:image/png;base64,{BASE64}"),
    "a link": reply(LINK),
    "a link in JSON": reply(json.dumps(LINK)),
    "a list of links": reply([LINK]),
    "a redirect": Reply(303, b"", {"Location": "/fox.png"}),
}


@pytest.mark.parametrize(("form", "service"), list(zip(BARE, cycle(ACCEPTED), strict=False)))
def test_a_poll_answered_with_the_picture_alone_is_an_end(imgen: Program, form: str, service: str) -> None:
    with answering(imgen, reply(ACCEPTED[service]), BARE[form], SHOWN) as (here, _):
        ended = ordered(here, service)

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert (here.cwd / "fox.png").read_bytes() == PICTURE


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_poll_is_followed_on_the_services_own_origin(imgen: Program, status: int) -> None:
    onward = Reply(status, b"", {"Location": "/api/v1/tasks/elsewhere/"})
    with answering(imgen, reply(ACCEPTED["reapi"]), onward, reply(finished("reapi", LINK)), SHOWN) as (here, server):
        ended = ordered(here, "reapi")

    assert ended.code == ExitCode.DONE, ended.stderr
    assert server.requests[2].path == "/api/v1/tasks/elsewhere/"
    assert server.requests[2].headers["authorization"] == f"Bearer {KEY}"


TROUBLES: Mapping[str, tuple[Reply, ExitCode]] = {
    "429": (reply({"error": "slow down"}, 429), ExitCode.UNFINISHED),
    "429 with Retry-After 0": (reply({"error": "slow down"}, 429, {"Retry-After": "0"}), ExitCode.UNFINISHED),
    "400": (reply({"error": "bad"}, 400), ExitCode.UNFINISHED),
    "402": (reply({"error": "no credit"}, 402), ExitCode.UNFINISHED),
    "404": (reply({"error": "no such task"}, 404), ExitCode.UNFINISHED),
    "410": (reply("", 410), ExitCode.UNFINISHED),
    "422": (reply({"detail": [{"msg": "bad"}]}, 422), ExitCode.UNFINISHED),
    "500": (reply("oops", 500), ExitCode.UNFINISHED),
    "503": (reply({"error": {"code": 60001, "message": "busy"}}, 503), ExitCode.UNFINISHED),
    "200 with an error": (reply({"error": {"message": "try later"}}), ExitCode.BUG),
    "a web page": (reply("<!doctype html><title>Wait</title>"), ExitCode.BUG),
    "401": (reply({"error": "who?"}, 401), ExitCode.KEY),
    "the page of a firewall": (reply("<!doctype html><title>Just a moment</title>", 403), ExitCode.UNFINISHED),
    "a redirect in a circle": (Reply(302, b"", {"Location": "/again"}), ExitCode.BUG),
}


@pytest.mark.parametrize(("trouble", "service"), list(zip(TROUBLES, cycle(ACCEPTED), strict=False)))
def test_trouble_at_a_question_leads_back_to_the_job(imgen: Program, trouble: str, service: str) -> None:
    answer, code = TROUBLES[trouble]
    with answering(imgen, reply(ACCEPTED[service]), answer) as (here, server):
        ended = here.run("generate", "a red fox", "-p", service, "--poll-every", "0.3", "--timeout", "1.5")
        (job,) = here.jobs()

        plain(ended)
        assert ended.code == code, ended.stderr
        assert f"imgen wait {job.id}" in ended.stderr
        for words in ("othing was charged", "Run the command again", "forget", "resubmit"):
            assert words not in ended.stderr
        assert len([one for one in server.requests if one.method == "POST"]) == 1

        server.script[:] = [reply(finished(service, f"{server.origin}/fox.png")), SHOWN]
        assert here.run("wait", job.id, *OFTEN, "--timeout", "15").code == ExitCode.DONE
    assert here.jobs()[0].state is State.SAVED


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (reply({"error": "timed out", "id": ID}, 504), True),
        (replace(reply(f'{{"id": "{ID}", "status": "pro'), missing=200), True),
        (reply(f"{{'id': '{ID}'}}"), True),
        (Reply(303, b"", {"Location": f"/api/v1/tasks/{ID}"}), True),
        (reply(json.dumps(ID)), True),
        (reply(f'{{"event": "ping"}}\n{{"id": "{ID}"}}'), True),
        (reply({"error": "timed out"}, 504), False),
    ],
    ids=["error", "broken off", "no JSON", "sent elsewhere", "nothing else", "the second line", "without"],
)
def test_an_uncertain_answer_that_names_the_job_leads_to_it(imgen: Program, answer: Reply, named: bool) -> None:
    with answering(imgen, answer) as (here, server):
        ended = ordered(here, "reapi")
        (job,) = here.jobs()

        plain(ended)
        assert ended.code == ExitCode.UNCERTAIN, ended.stderr
        assert (f"imgen wait {job.id} --remote {ID}" in ended.stderr) is named
        assert len(server.requests) == 1

        server.script[:] = [reply(finished("reapi", f"{server.origin}/fox.png"))] * 2 + [SHOWN]
        assert here.run("wait", job.id, "--remote", ID, *OFTEN).code == ExitCode.DONE
    assert (here.cwd / "fox.png").read_bytes() == PICTURE


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://[bad/fox.png", "cannot be read as a URL"),
        ("ftp://HOST/fox.png", "it is not http or https"),
        ("https:///fox.png", "it names no host"),
        ("https://10.0.0.1/fox.png", "in a private network"),
        ("https://user:word@cdn.example/fox.png", "a user name or password"),
    ],
)
def test_the_last_resort_prints_the_link(imgen: Program, link: str, words: str) -> None:
    with answering(imgen, reply(ACCEPTED["reapi"]), reply(finished("reapi", link))) as (here, server):
        ended = ordered(here, "reapi")
        link = link.replace("HOST", server.origin.removeprefix("http://"))

    plain(ended)
    assert ended.code == ExitCode.NOT_SAVED, ended.stderr
    assert words in ended.stderr
    assert link in ended.stderr


@pytest.mark.parametrize("service", ACCEPTED)
def test_finished_without_links_names_what_came_and_is_asked_once_more(imgen: Program, service: str) -> None:
    with answering(imgen, reply(ACCEPTED[service]), reply(finished(service, None))) as (here, server):
        ended = here.run("generate", "a red fox", "-p", service, *OFTEN, "--timeout", "2")
        (job,) = here.jobs()
        assert ended.code == ExitCode.UNFINISHED, ended.stderr
        assert len(server.requests) > 8

        server.script[:] = [reply(finished(service, f"{server.origin}/fox.png")), SHOWN]
        late = here.run("download", job.id)

    assert late.code == ExitCode.DONE, late.stderr
    assert here.jobs()[0].state is State.SAVED


@pytest.mark.parametrize(("format", "extension"), [("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tif"), ("AVIF", "avif")])
def test_a_format_that_was_not_ordered_is_kept_and_named(imgen: Program, format: str, extension: str) -> None:
    picture = Reply(200, drawn(format), {"Content-Type": f"image/{format.lower()}"})
    with answering(imgen, reply(ACCEPTED["reapi"]), reply(finished("reapi", LINK)), picture) as (here, _):
        ended = ordered(here, "reapi")

    assert ended.code == ExitCode.NOT_SAVED, ended.stderr
    (kept,) = files(here)
    assert kept.startswith("fox.unverified.")
    assert kept.removeprefix("fox.unverified.") in (extension, f"{extension}f")
    assert str(here.cwd / kept) in ended.stderr
    assert (here.cwd / kept).read_bytes() == picture.body


def test_an_svg_is_kept_and_named(imgen: Program) -> None:
    drawing = Reply(200, b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    with answering(imgen, reply(ACCEPTED["reapi"]), reply(finished("reapi", LINK)), drawing) as (here, _):
        ended = ordered(here, "reapi")

    assert ended.code == ExitCode.NOT_SAVED, ended.stderr
    assert files(here) == ["fox.unverified.svg"]


def test_a_picture_that_only_the_service_can_fetch_is_given_unchecked(imgen: Program) -> None:
    link = "https://only-there.invalid/fox.png"
    script = (reply(ACCEPTED["reapi"]), reply(finished("reapi", LINK)), SHOWN)
    with answering(imgen, *script) as (here, server):
        edit = ("edit", "at night", "-p", "reapi", "-i", link, "-o", "fox.png", *OFTEN)
        refused = here.run(*edit)
        assert refused.code == ExitCode.UNREACHABLE
        assert "--unchecked" in refused.stderr
        assert server.requests == []

        given = here.run(*edit, "--unchecked")

        assert given.code == ExitCode.DONE, given.stderr
        assert "the picture at only-there.invalid goes to reAPI unchecked" in given.stderr
        assert json.loads(server.requests[0].body)["image_urls"] == [link]


INLINE: dict[str, Json] = {
    "3daistudio": {"status": "FINISHED", "results": [{"asset": BASE64}]},
    "gmicloud": {
        "status": "success",
        "outcome": {
            "candidates": [{"content": {"parts": [{"inlineData": {"data": BASE64, "mimeType": "image/png"}}]}}]
        },
    },
    "reapi": {"status": "completed", "output": {"image_urls": [f"data:image/png;base64,{BASE64}"]}},
    "gptproto": {"data": {"outputs": [BASE64]}},
}


@pytest.mark.parametrize("service", INLINE)
def test_a_picture_that_came_with_the_answer_is_saved_and_never_asked_for(imgen: Program, service: str) -> None:
    with answering(imgen, reply(INLINE[service])) as (here, server):
        ended = ordered(here, service)
        (job,) = here.jobs()
        assert ended.code == ExitCode.DONE, ended.stderr
        assert (here.cwd / "fox.png").read_bytes() == PICTURE

        (here.cwd / "fox.png").unlink()
        gone = here.run("download", job.id)

        assert gone.code == ExitCode.EXPIRED
        assert "it came with the answer itself" in gone.stderr
        assert len(server.requests) == 1
