"""What every service promises, as one test class; a service's test file subclasses it with that service's facts.

Each promise is tried twice: behind respx, where the wire format is compared, and over a real socket, where
requests are counted.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import respx
import stamina

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Failed,
    InlineAsset,
    Job,
    ReadsAnswers,
    Request,
    Service,
    Succeeded,
    Unrecognised,
)
from imgen_providers.catalog import LEFT_OUT, SERVICES
from imgen_providers.client import Network
from imgen_providers.errors import (
    JobNotFound,
    NotSent,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.bodies import GARBAGE, Refusal, garbage_reply
from imgen_providers.testing.far_side import FarSide, RespxFarSide, SocketFarSide
from imgen_providers.testing.own_fields import written_fields
from imgen_providers.testing.wire import Fault, Reply, WireServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen_providers.base import Json, Status

KEY = "key-of-no-account-0123456789abcdef"
"""The key of every test; no text of ours may hold it."""

NOW = 1_800_000_000.0
"""The wall clock of every test, which stands still: seconds since 1970."""


class SubmitContract:
    """What holds for every submit. `accepted` is a documented answer to it, `job_id` the id of its job.

    `switches` are fields that are the same in every request, so that an option may change them.
    """

    name: ClassVar[str]
    request: ClassVar[Request]
    submit_path: ClassVar[str]
    submit_body: ClassVar[Json]
    accepted: ClassVar[Json]
    job_id: ClassVar[str]
    refusals: ClassVar[Sequence[Refusal]]
    key_header: ClassVar[tuple[str, str]] = ("authorization", f"Bearer {KEY}")
    switches: ClassVar[frozenset[str]] = frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each documented state and error body becomes a test of its own."""
        for fixture, facts in (("state", "states"), ("refusal", "refusals"), ("poll_refusal", "poll_refusals")):
            if fixture in metafunc.fixturenames:
                cases = getattr(self, facts)
                metafunc.parametrize(
                    fixture, cases, ids=[f"{number}-{_title(case)}" for number, case in enumerate(cases)]
                )
        if "garbage" in metafunc.fixturenames:
            metafunc.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())

    @pytest.fixture(autouse=True)
    def no_backoff(self) -> Iterator[None]:
        """Questions are asked again at once, so that no test sleeps."""
        stamina.set_testing(True, attempts=3)
        yield
        stamina.set_testing(False)

    @pytest.fixture
    def network(self) -> Iterator[Network]:
        """One process's HTTP, closed afterwards."""
        network = Network(user_agent="imgen-tests/1", connect_seconds=5.0, read_seconds=5.0, now=lambda: NOW)
        yield network
        network.close()

    @pytest.fixture(params=["respx", "sockets"])
    def far_side(self, request: pytest.FixtureRequest) -> Iterator[FarSide]:
        """The service's side, mocked or real."""
        if request.param == "sockets":
            with WireServer() as server:
                yield SocketFarSide(server)
        else:
            with respx.mock(assert_all_called=False) as router:
                yield RespxFarSide(router, "https://service.test")

    @pytest.fixture
    def account(self, far_side: FarSide) -> Account:
        """Whose money it is."""
        return Account(far_side.origin, KEY)

    @pytest.fixture
    def service(self, account: Account, network: Network) -> Service:
        """The service under test."""
        return connect(self.name, account, network)

    def test_the_catalogue_has_the_service(self) -> None:
        assert [left_out.sentence for left_out in LEFT_OUT if left_out.service == self.name] == []
        assert self.name in SERVICES, "the package that adds the service is not installed here"

    # Submitting

    def test_submit_sends_the_documented_request_once(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.accepted))

        job = service.submit(self.request)

        [(method, path, headers, body)] = far_side.sent()
        assert (method, path) == ("POST", self.submit_path)
        assert json.loads(body) == self.submit_body
        name, value = self.key_header
        assert headers[name] == value
        assert headers["content-length"] == str(len(body))
        assert "transfer-encoding" not in headers
        assert (job.service, job.remote_id) == (self.name, self.job_id)

    def test_preview_shows_what_submit_sends_and_sends_nothing(self, service: Service, far_side: FarSide) -> None:
        assert service.preview(self.request) == (self.submit_path, self.submit_body)
        assert far_side.sent() == []

    def test_extras_go_onto_the_wire_as_they_are(self, service: Service) -> None:
        request = dataclasses.replace(self.request, extras={"an_extra": [1, {"of": "ours"}]})

        _, body = service.preview(request)

        assert '"an_extra": [1, {"of": "ours"}]' in json.dumps(body)

    def test_no_option_can_override_what_is_priced_and_checked(self, service: Service) -> None:
        entry = SERVICES[self.name]

        assert written_fields(service, entry, self.request) - self.switches == entry.own_fields

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_broken_gateway_may_have_charged_and_is_not_asked_again(
        self, service: Service, far_side: FarSide, status: int
    ) -> None:
        far_side.script(reply("<html>Bad gateway</html>", status))

        with pytest.raises(Uncertain):
            service.submit(self.request)

        assert len(far_side.sent()) == 1

    @pytest.mark.parametrize("fault", [Fault.RESET_AFTER_READ, Fault.CLOSE_AFTER_READ, Fault.HANG])
    def test_a_lost_answer_may_have_charged_and_is_not_asked_again(
        self,
        account: Account,
        network: Network,
        far_side: FarSide,
        fault: Fault,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setitem(SERVICES, self.name, SERVICES[self.name]._replace(submit_seconds=0.3))
        far_side.script(fault)

        with pytest.raises(Uncertain):
            connect(self.name, account, network).submit(self.request)

        assert len(far_side.sent()) == 1

    def test_an_answer_cut_short_may_have_charged(self, network: Network) -> None:
        with WireServer(dataclasses.replace(reply(self.accepted), missing=10)) as server:
            service = connect(self.name, Account(server.origin, KEY), network)

            with pytest.raises(Uncertain):
                service.submit(self.request)

            assert len(server.requests) == 1

    @pytest.mark.parametrize("city", ["S\xe3o Paulo", "\u6771\u4eac"])
    def test_a_header_outside_ascii_costs_no_job(self, network: Network, city: str) -> None:
        """Gateways name the user's city in their headers; the answer is paid, whatever stands there."""
        with WireServer(reply(self.accepted, headers={"CF-IPCity": city})) as server:
            job = connect(self.name, Account(server.origin, KEY), network).submit(self.request)

        assert job.remote_id == self.job_id

    def test_nobody_listening_means_not_sent(self, network: Network) -> None:
        with WireServer() as server:
            origin = server.origin
        service = connect(self.name, Account(origin, KEY), network)

        with pytest.raises(NotSent):
            service.submit(self.request)

    def test_a_yes_that_is_not_understood_may_have_charged(
        self, service: Service, far_side: FarSide, garbage: Json | str
    ) -> None:
        far_side.script(garbage_reply(garbage))

        with pytest.raises(Uncertain):
            service.submit(self.request)

        assert len(far_side.sent()) == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_refused_and_the_other_host_hears_nothing(self, network: Network, status: int) -> None:
        with WireServer() as other:
            elsewhere = Reply(status, headers={"Location": f"{other.origin}{self.submit_path}"})
            with WireServer(elsewhere) as server:
                service = connect(self.name, Account(server.origin, KEY), network)

                with pytest.raises(Refused):
                    service.submit(self.request)

            assert other.connections == 0

    def test_a_documented_error_means_what_the_document_says(
        self, service: Service, far_side: FarSide, refusal: Refusal
    ) -> None:
        far_side.script(refusal.answer())

        with pytest.raises(ServiceError) as caught:
            service.submit(self.request)

        assert type(caught.value) is refusal.meaning
        assert (caught.value.code, caught.value.retry_after) == (refusal.code, refusal.again)
        assert caught.value.http_status is not None
        assert len(far_side.sent()) == 1

    # The key

    @pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
    def test_a_key_that_comes_back_in_an_error_goes_no_further(
        self, service: Service, far_side: FarSide, status: int
    ) -> None:
        echo = reply(
            {"error": {"message": f"bad key {KEY}", "code": KEY, "type": KEY}, "request_id": KEY},
            status,
            {"X-Request-Id": KEY},
        )
        far_side.script(echo)

        with pytest.raises(ServiceError) as caught:
            service.submit(self.request)
        assert KEY not in _everything(caught.value)

    @pytest.mark.parametrize("spelling", ["escaped", "utf-16", "unseen", "zero"])
    def test_no_spelling_of_a_key_in_an_error_is_shown(
        self, service: Service, far_side: FarSide, spelling: str
    ) -> None:
        far_side.script(Reply(400, spelled(spelling)))

        with pytest.raises(ServiceError) as caught:
            service.submit(self.request)

        assert KEY[5:] not in _everything(caught.value)

    def test_a_key_that_comes_back_in_an_accepted_job_goes_no_further(
        self, service: Service, far_side: FarSide
    ) -> None:
        text = json.dumps(self.accepted).replace(self.job_id, f"{self.job_id}-{KEY}")
        far_side.script(reply(text))

        assert KEY not in repr(service.submit(self.request))

    def test_the_key_stands_in_no_text_of_ours(self, service: Service, account: Account) -> None:
        assert KEY not in repr(account) + repr(service) + repr(service.preview(self.request))

    def test_a_key_that_no_header_can_hold_is_refused_unseen(self, network: Network) -> None:
        for key in ("", "two\nlines-0123456789", "naïve-0123456789"):
            with pytest.raises(ServiceError) as caught:
                connect(self.name, Account("http://127.0.0.1:9", key), network)
            assert key == "" or key not in _everything(caught.value)


class ServiceContract(SubmitContract):
    """What holds for a service whose jobs can be polled. Subclass it as `Test...` and fill in the facts.

    `finished` is the answer to a poll of a job that is done.
    """

    poll_path: ClassVar[str]
    finished: ClassVar[Json]
    states: ClassVar[Sequence[tuple[Json, Status]]]
    unknown_state: ClassVar[Json]
    poll_refusals: ClassVar[Sequence[Refusal]]

    def job(self) -> Job:
        """A job as the ledger would give it back."""
        return Job(self.name, self.job_id, Unrecognised("as recorded"))

    # Asking

    def test_refresh_asks_at_the_documented_path(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.finished))

        job = service.refresh(self.job())

        [(method, path, headers, _)] = far_side.sent()
        assert (method, path) == ("GET", self.poll_path)
        name, value = self.key_header
        assert headers[name] == value
        assert isinstance(job.status, Succeeded)
        assert job.status.assets != ()

    def test_a_documented_state_means_what_the_document_says(
        self, service: Service, far_side: FarSide, state: tuple[Json, Status]
    ) -> None:
        body, status = state
        far_side.script(reply(body))

        assert service.refresh(self.job()).status == status

    def test_an_unknown_state_is_neither_success_nor_failure(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.unknown_state))

        assert service.refresh(self.job()).status == Unrecognised("REHEARSING")

    def test_an_answer_not_understood_is_no_state(
        self, service: Service, far_side: FarSide, garbage: Json | str
    ) -> None:
        far_side.script(garbage_reply(garbage))

        with pytest.raises(NotUnderstood):
            service.refresh(self.job())

    def test_a_documented_error_to_a_question_means_what_the_document_says(
        self, service: Service, far_side: FarSide, poll_refusal: Refusal
    ) -> None:
        far_side.script(poll_refusal.answer())

        with pytest.raises(ServiceError) as caught:
            service.refresh(self.job())

        assert type(caught.value) is poll_refusal.meaning

    def test_a_blip_while_asking_is_asked_again(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply("", 503), Fault.CLOSE_AFTER_READ, reply(self.finished))

        assert isinstance(service.refresh(self.job()).status, Succeeded)
        assert len(far_side.sent()) == 3

    def test_a_lasting_outage_while_asking_is_unreachable(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply("", 502))

        with pytest.raises(Unreachable):
            service.refresh(self.job())

    def test_a_rate_limit_while_asking_is_left_to_the_schedule(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply("", 429, {"Retry-After": "17"}))

        with pytest.raises(RateLimited) as caught:
            service.refresh(self.job())

        assert caught.value.retry_after == 17.0
        assert len(far_side.sent()) == 1

    def test_an_unknown_job_is_said_to_be_unknown(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"message": "no such thing"}, 404))

        with pytest.raises(JobNotFound):
            service.refresh(self.job())

    def test_a_job_goes_on_in_another_process(
        self, service: Service, account: Account, network: Network, far_side: FarSide
    ) -> None:
        far_side.script(reply(self.accepted), reply(self.finished))
        job = service.submit(self.request)
        handle = json.loads(json.dumps(dict(job.handle)))

        remembered = Job(self.name, job.remote_id, Unrecognised("as recorded"), handle)
        job = connect(self.name, account, network).refresh(remembered)

        assert isinstance(job.status, Succeeded)
        assert dict(job.handle) == handle

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_of_a_poll_is_not_followed(self, network: Network, status: int) -> None:
        with WireServer() as other:
            elsewhere = Reply(status, headers={"Location": f"{other.origin}{self.poll_path}"})
            with WireServer(elsewhere) as server, pytest.raises(NotUnderstood):
                connect(self.name, Account(server.origin, KEY), network).refresh(self.job())

            assert other.connections == 0

    @pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
    def test_a_key_that_comes_back_in_the_error_of_a_poll_goes_no_further(
        self, service: Service, far_side: FarSide, status: int
    ) -> None:
        far_side.script(reply({"error": {"message": f"bad key {KEY}", "code": KEY}}, status))

        with pytest.raises(ServiceError) as caught:
            service.refresh(self.job())
        assert KEY not in _everything(caught.value)

    @pytest.mark.parametrize("spelling", ["escaped", "utf-16", "unseen", "zero"])
    def test_no_spelling_of_a_key_in_the_error_of_a_poll_is_shown(
        self, service: Service, far_side: FarSide, spelling: str
    ) -> None:
        far_side.script(Reply(400, spelled(spelling)))

        with pytest.raises(ServiceError) as caught:
            service.refresh(self.job())

        assert KEY[5:] not in _everything(caught.value)

    def test_a_key_that_comes_back_in_a_polled_job_goes_no_further(self, service: Service, far_side: FarSide) -> None:
        text = json.dumps(self.finished).replace(self.job_id, f"{self.job_id}-{KEY}")
        far_side.script(reply(text))

        assert KEY not in repr(service.refresh(self.job()))


class SynchronousContract(SubmitContract):
    """What holds where the answer to the submit is all there is; `accepted` is one with pictures.

    `ends` are answers of status 200 without a picture, and what each means.
    """

    ends: ClassVar[Sequence[tuple[Json, Failed]]]

    def test_the_answer_is_the_finished_job(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.accepted))

        status = service.submit(self.request).status

        assert isinstance(status, Succeeded)
        assert status.assets != ()
        assert all(isinstance(asset, InlineAsset) for asset in status.assets)

    def test_an_answer_without_a_picture_is_a_failure_in_the_services_own_words(
        self, service: Service, far_side: FarSide
    ) -> None:
        for body, failed in self.ends:
            far_side.script(reply(body))

            assert service.submit(self.request).status == failed

    def test_a_kept_answer_is_read_as_one_that_just_came(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.accepted))
        job = service.submit(self.request)
        assert isinstance(service, ReadsAnswers)

        kept = service.read_answer(self.request, json.dumps(self.accepted).encode(), {})

        assert kept == job
        assert len(far_side.sent()) == 1

    def test_half_an_answer_is_no_job(self, service: Service) -> None:
        assert isinstance(service, ReadsAnswers)
        half = json.dumps(self.accepted).encode()[: len(json.dumps(self.accepted)) // 2]

        with pytest.raises(Uncertain):
            service.read_answer(self.request, half, {})

    def test_it_says_at_once_that_nothing_can_be_polled(self, service: Service, far_side: FarSide) -> None:
        with pytest.raises(JobNotFound):
            service.refresh(Job(self.name, self.job_id, Unrecognised("as recorded")))

        assert far_side.sent() == []


def spelled(spelling: str) -> bytes:
    """The body of an error that echoes the key, in a spelling that a plain search misses."""
    text = json.dumps({"error": {"message": f"bad key {KEY}"}})
    return {
        "escaped": text.replace(KEY, "".join(f"\\u{ord(c):04x}" for c in KEY)).encode(),
        "utf-16": text.encode("utf-16"),
        "unseen": text.replace(KEY, f"{KEY[:5]}\u200b{KEY[5:]}").encode(),
        "zero": text.replace(KEY, f"{KEY[:5]}\\u0000{KEY[5:]}").encode(),
    }[spelling]


def _title(case: Any) -> str:
    if isinstance(case, Refusal):
        return f"{case.status}-{case.code}-{case.meaning.__name__}"
    return type(case[1]).__name__


def _everything(error: ServiceError) -> str:
    """Every text an error carries, with those of the exceptions it says it came from."""
    texts = [str(error), repr(error), repr(vars(error))]
    cause = error.__cause__
    while cause is not None:
        texts.append(repr(cause))
        cause = cause.__cause__
    return " ".join(texts)
