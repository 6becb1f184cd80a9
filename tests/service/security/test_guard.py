"""Who is let in, over real HTTP: keys, foreign pages, and the headers of every answer."""

import asyncio
import base64
import io
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import structlog
from PIL import Image
from starlette.responses import Response

from clickorder.key_file import KeyFile
from service.app import create_app
from service.security.guard import SecurityHeaders, is_open, needs_admin
from service.security.keys import hash_of
from service.settings import KeyDefaults, KeyEntry, Settings
from service.settings_file import KeysRequiredError

FILE = io.BytesIO()
Image.new("RGB", (40, 40), "white").save(FILE, "PNG")
BODY = {"image": base64.b64encode(FILE.getvalue()).decode()}

USER, ADMIN = "co_user-key", "co_admin-key"
KEYS = (
    KeyEntry(name="user", hash=hash_of(USER)),
    KeyEntry(name="operator", hash=hash_of(ADMIN), admin=True),
)
ROUTES = {
    "open": [
        ("GET", "/"),
        ("HEAD", "/healthz"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/page/nothing.js"),
    ],
    "key": [
        ("POST", "/solve"),
        ("POST", "/solve/batch"),
        ("POST", "/detect"),
        ("POST", "/classify"),
        ("POST", "/compare"),
        ("GET", "/models"),
        ("GET", "/metrics"),
        ("GET", "/models/a"),
        ("GET", "/page"),
        ("GET", "/nothing"),
        ("GET", "/healthz/"),
        ("POST", "/models"),
        ("OPTIONS", "/solve"),
    ],
    "admin": [
        ("POST", "/models/default/reload"),
        ("POST", "/models/default/rollback"),
        ("POST", "/models%2Fdefault%2Freload"),
        ("DELETE", "/models/default"),
    ],
}
SENT = {
    "none": ({}, None),
    "bearer": ({"Authorization": f"Bearer {USER}"}, "user"),
    "bearer-small": ({"authorization": f"bearer  {USER}"}, "user"),
    "header": ({"X-API-Key": USER}, "user"),
    "beside-a-proxy's": ({"Authorization": "Basic YTpi", "X-API-Key": USER}, "user"),
    "admin": ({"Authorization": f"Bearer {ADMIN}"}, "operator"),
    "unknown": ({"Authorization": "Bearer co_nobody"}, "unknown"),
    "unknown-goes-first": ({"Authorization": "Bearer x", "X-API-Key": USER}, "unknown"),
    "hash": ({"X-API-Key": hash_of(USER)}, "unknown"),
    "latin": ({b"X-API-Key": b"co_\xe4\xff"}, "unknown"),
    "no-bearer": ({"Authorization": "Bearer"}, None),
    "basic": ({"Authorization": f"Basic {USER}"}, None),
    "query": ({}, None),
}


def assert_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"].endswith(".")
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def wait_for(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def guarded(serve):
    with (
        serve(Settings(host="0.0.0.0", keys=KEYS)) as url,
        httpx.Client(base_url=url, timeout=600) as http,
    ):
        yield http


@pytest.fixture(scope="module")
def keyless(serve):
    with serve(Settings()) as url, httpx.Client(base_url=url, timeout=600) as http:
        yield http


@pytest.mark.parametrize(("headers", "who"), SENT.values(), ids=SENT)
@pytest.mark.parametrize(
    ("level", "method", "path"),
    [(level, *route) for level, routes in ROUTES.items() for route in routes],
    ids=lambda value: value,
)
def test_every_route_with_every_kind_of_key(guarded, level, method, path, headers, who):
    answer = guarded.request(method, path, headers=headers, params={"api_key": USER})
    if level == "open" or who == "operator" or (level == "key" and who == "user"):
        assert answer.status_code not in (401, 403, 429)
    elif who == "user":
        assert_problem(answer, 403, "admin_only")
    else:
        code = "missing_key" if who is None else "unknown_key"
        assert "API key" in assert_problem(answer, 401, code)["detail"]
        assert answer.headers["www-authenticate"] == "Bearer"


def test_every_route_of_the_app_is_open_or_needs_a_key():
    """A new route must not be open by an oversight."""
    paths = create_app(Settings(), lambda _: None).openapi()["paths"]
    assert {path for path in paths if is_open(path)} == {"/healthz", "/readyz"}
    changing = {
        path for path, methods in paths.items() for m in methods if needs_admin(m.upper(), path)
    }
    assert changing == {"/models/{name}/reload", "/models/{name}/rollback"}


def test_a_key_is_asked_for_before_the_body_is_read(guarded):
    port = guarded.base_url.port
    with socket.create_connection(("127.0.0.1", port), timeout=600) as caller:
        caller.sendall(
            b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9000000\r\n\r\n"
        )
        assert caller.recv(12) == b"HTTP/1.1 401"


def test_the_name_of_the_key_is_logged_and_never_the_key(guarded):
    def requests():
        # By their paths, as the line of an earlier test's request may come late.
        return [line for line in lines if line.get("path", "").startswith("/logged/")]

    with structlog.testing.capture_logs() as lines:
        guarded.get("/logged/1", headers=bearer(USER))
        guarded.get("/logged/2", headers={"X-API-Key": ADMIN})
        guarded.get("/logged/3", headers=bearer("co_nobody"))
        guarded.get("/logged/4")
        wait_for(lambda: len(requests()) == 4)
        told = [(line["status"], line.get("key"), line.get("code")) for line in requests()]
    assert told == [
        (404, "user", "not_found"),
        (404, "operator", "not_found"),
        (401, None, "unknown_key"),
        (401, None, "missing_key"),
    ]
    assert not any(key in str(lines) for key in (USER, ADMIN, "nobody", hash_of(USER)))


@pytest.mark.usefixtures("still_rates")
def test_a_key_has_its_rate_and_another_key_is_not_touched(serve):
    settings = Settings(keys=KEYS, key_defaults=KeyDefaults(rate_per_minute=3))
    with serve(settings) as url, httpx.Client(base_url=url, timeout=600) as http:
        answers = [http.get("/models", headers=bearer(USER)) for _ in range(5)]
        assert [a.status_code for a in answers] == [200] * 3 + [429] * 2
        problem = assert_problem(answers[-1], 429, "rate_limited")
        assert "The key user may send 3 requests" in problem["detail"]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert http.get("/models", headers=bearer(ADMIN)).status_code == 200
        assert http.get("/healthz", headers=bearer(USER)).status_code == 200


def test_a_key_has_so_many_requests_at_once(serve, gated):
    settings = Settings(
        keys=KEYS, workers=4, retry_after_s=7, key_defaults=KeyDefaults(concurrency=2)
    )
    with (
        serve(settings, lambda _: gated) as url,
        ThreadPoolExecutor(8) as callers,
        httpx.Client(base_url=url, timeout=600) as http,
    ):

        def ask(key):
            return callers.submit(
                httpx.post, f"{url}/detect", json=BODY, headers=bearer(key), timeout=600
            )

        try:
            running = [ask(USER) for _ in range(2)]
            wait_for(lambda: gated.running == 2)
            refused = http.post("/detect", json=BODY, headers=bearer(USER))
            problem = assert_problem(refused, 429, "too_many_at_once")
            assert "The key user has 2 requests running" in problem["detail"]
            assert refused.headers["retry-after"] == "7"
            running.append(ask(ADMIN))
            wait_for(lambda: gated.running == 3)
        finally:
            gated.gate.set()
        assert [r.result().status_code for r in running] == [200] * 3
        assert http.post("/detect", json=BODY, headers=bearer(USER)).status_code == 200


def test_a_caller_that_leaves_gives_its_place_back(serve, gated):
    settings = Settings(keys=KEYS, key_defaults=KeyDefaults(concurrency=1))
    with serve(settings, lambda _: gated) as url, httpx.Client(base_url=url, timeout=600) as http:
        try:
            with pytest.raises(httpx.ReadTimeout):
                http.post("/detect", json=BODY, headers=bearer(USER), timeout=0.3)
            wait_for(lambda: http.get("/models", headers=bearer(USER)).status_code == 200)
        finally:
            gated.gate.set()


def test_the_document_says_how_a_key_is_sent():
    document = create_app(Settings(keys=KEYS), lambda _: None).openapi()
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    assert document["security"] == [{"bearer": []}, {"header": []}]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            problems = {"401", "403", "429"} & set(operation["responses"])
            if path in ("/healthz", "/readyz"):
                assert operation["security"] == []
                assert not problems
            else:
                assert "security" not in operation
                assert len(problems) == 3
    without = create_app(Settings(), lambda _: None).openapi()
    assert "security" not in without
    assert "securitySchemes" not in without["components"]
    assert "401" not in without["paths"]["/solve"]["post"]["responses"]


# Without keys, on loopback.

HOSTS = {
    "localhost": True,
    "LOCALHOST:9999": True,
    "127.0.0.1:1": True,
    "[::1]:8000": True,
    "evil.example": False,
    "127.0.0.1.evil.example:80": False,
    "localhost.evil.example": False,
    "192.168.1.7:8000": False,
    "a@evil.example": False,
    "[::1": False,
    "": False,
}


@pytest.mark.parametrize(("host", "known"), HOSTS.items(), ids=HOSTS)
@pytest.mark.parametrize("path", ["/", "/models", "/healthz"])
def test_a_name_that_is_pointed_at_this_machine_is_refused(keyless, host, known, path):
    answer = keyless.get(path, headers={"Host": host})
    if known:
        assert answer.status_code != 403
    else:
        assert "is not this machine" in assert_problem(answer, 403, "foreign_request")["detail"]


def test_another_name_is_taken_if_the_settings_say_so(serve):
    with serve(Settings(allowed_hosts=("Captcha.Example",))) as url:
        for host, status in (("captcha.example:443", 200), ("localhost", 200), ("a.example", 403)):
            assert (
                httpx.get(f"{url}/models", headers={"Host": host}, timeout=600).status_code
                == status
            )
        own = {"Host": "captcha.example", "Origin": "https://captcha.example"}
        assert httpx.post(f"{url}/detect", json=BODY, headers=own, timeout=600).status_code == 200


ORIGINS = {
    "none": ({}, True),
    "own": ({"Host": "localhost:80", "Origin": "http://localhost:80"}, True),
    "same-site-header": ({"Sec-Fetch-Site": "same-origin"}, True),
    "typed": ({"Sec-Fetch-Site": "none"}, True),
    "foreign": ({"Origin": "https://evil.example"}, False),
    "another-port": ({"Host": "localhost:80", "Origin": "http://localhost:81"}, False),
    "null": ({"Origin": "null"}, False),
    "empty": ({"Origin": ""}, False),
    "bad": ({"Origin": "http://[::1"}, False),
    "cross-site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "same-site": ({"Sec-Fetch-Site": "same-site"}, False),
}


@pytest.mark.parametrize(("headers", "own"), ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("path", ["/detect", "/models/default/reload", "/models/default/rollback"])
def test_a_page_from_elsewhere_can_ask_for_nothing(keyless, headers, own, path):
    answer = keyless.post(path, json=BODY, headers=headers)
    if own:
        assert answer.status_code not in (401, 403)
    else:
        assert_problem(answer, 403, "foreign_request")


def test_a_link_from_elsewhere_is_followed(keyless):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert keyless.get("/docs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(host="0.0.0.0", keys_required=False)],
    ids=["loopback", "anywhere"],
)
def test_without_keys_only_this_machine_changes_models(serve, settings):
    with serve(settings) as url:
        # What a proxy on this machine says of its caller; uvicorn believes it from here only.
        afar = {"X-Forwarded-For": "10.0.0.9"}
        answer = httpx.post(f"{url}/models/default/reload", headers=afar, timeout=600)
        assert "--admin" in assert_problem(answer, 403, "admin_only")["detail"]
        assert httpx.post(f"{url}/detect", json=BODY, headers=afar, timeout=600).status_code == 200
        assert httpx.post(f"{url}/models/default/reload", timeout=600).status_code not in (401, 403)
        foreign = {"Host": "evil.example", "Origin": "http://evil.example"}
        answer = httpx.post(f"{url}/models/default/reload", headers=foreign, timeout=600)
        assert_problem(answer, 403, "foreign_request")


def test_anywhere_without_keys_any_name_does(serve):
    with serve(Settings(host="0.0.0.0", keys_required=False)) as url:
        headers = {"Host": "captcha.example", "Origin": "https://other.example"}
        assert (
            httpx.post(f"{url}/detect", json=BODY, headers=headers, timeout=600).status_code == 200
        )


def test_an_app_that_needs_keys_and_has_none_is_not_made():
    with pytest.raises(KeysRequiredError, match=r"0\.0\.0\.0 needs API keys"):
        create_app(Settings(host="0.0.0.0"))


# The headers of every answer.


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/models", 200),
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/solve", 405),
        ("POST", "/solve", 415),
    ],
)
def test_every_answer_has_the_headers(keyless, method, path, status):
    answer = keyless.request(method, path)
    assert answer.status_code == status
    assert_headers(answer)


def assert_headers(answer):
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; base-uri")
    assert "access-control-allow-origin" not in answer.headers


def test_refusals_and_faults_have_them_too(guarded, serve, gated):
    assert_headers(guarded.get("/models"))
    assert_headers(guarded.post("/solve", content=b" " * 11_000_000, headers=bearer(USER)))
    gated.detect = lambda image: 1 / 0
    with serve(factory=lambda _: gated) as url:
        answer = httpx.post(f"{url}/detect", json=BODY, timeout=600)
        assert answer.status_code == 500
        assert_headers(answer)


def test_the_documentation_may_load_what_it_is_made_of(keyless):
    answer = keyless.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy
    assert "http" not in answer.text
    assert "script-src 'self';" in policy
    for name in ("start.js", "swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"docs/{name}" in answer.text
        file = keyless.get(f"/docs/{name}")
        assert file.status_code == 200
        assert (
            keyless.get(
                f"/docs/{name}", headers={"If-None-Match": file.headers["etag"]}
            ).status_code
            == 304
        )
    assert keyless.get("/docs/nothing").status_code == 404
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_with_its_own_policy_keeps_it():
    page = SecurityHeaders(Response("hi", headers={"Content-Security-Policy": "mine"}))

    async def ask():
        transport = httpx.ASGITransport(page)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            return await http.get("/")

    answer = asyncio.run(ask())
    assert answer.headers.get_list("content-security-policy") == ["mine"]
    assert answer.headers["x-content-type-options"] == "nosniff"


# CORS.

ORIGIN = "https://qa.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-api-key, x-request-id",
}


@pytest.mark.parametrize("keys", [(), KEYS], ids=["keyless", "keys"])
@pytest.mark.parametrize("named", [ORIGIN, "*"])
def test_a_page_of_a_named_origin_may_use_the_service(serve, keys, named):
    with (
        serve(Settings(keys=keys, cors_origins=(named,))) as url,
        httpx.Client(base_url=url, timeout=600) as http,
    ):
        preflight = http.options("/detect", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == named
        assert "x-request-id" in preflight.headers
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"} | (bearer(USER) if keys else {})
        answer = http.post("/detect", json=BODY, headers=sent)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == named
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert {"retry-after", "x-request-id"} <= set(exposed.split(", "))
        if keys:
            refused = http.post("/detect", json=BODY, headers={"Origin": ORIGIN})
            assert_problem(refused, 401, "missing_key")
            assert refused.headers["access-control-allow-origin"] == named
        else:
            answer = http.post("/models/default/reload", headers=sent)
            assert_problem(answer, 403, "foreign_request")


def test_no_other_page_may(serve, keyless):
    with serve(Settings(cors_origins=(ORIGIN,))) as url:
        other = PREFLIGHT | {"Origin": "https://other.example"}
        assert (
            "access-control-allow-origin"
            not in httpx.options(f"{url}/detect", headers=other).headers
        )
        answer = httpx.post(
            f"{url}/detect", json=BODY, headers={"Origin": other["Origin"]}, timeout=600
        )
        assert_problem(answer, 403, "foreign_request")
    answer = keyless.options("/detect", headers=PREFLIGHT)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


# A process.

SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import colour_solver
from service.serve import run_server
from service.settings import load_settings

run_server(load_settings(), colour_solver)
"""


def test_a_running_service_reads_its_keys_again_on_sighup(tmp_path, python):
    file = tmp_path / "clickorder.toml"
    keys = KeyFile(file)
    keys.add("first", "co_first")
    environment = os.environ | {"CLICKORDER_SETTINGS": str(file), "CLICKORDER_PORT": "0"}
    with python.start(SERVER, Path(__file__).parents[1], environment=environment) as server:
        try:
            url = server.stdout.readline().split()[3]

            def status(key):
                return httpx.get(f"{url}/models", headers=bearer(key), timeout=600).status_code

            assert [status("co_first"), status("co_second")] == [200, 401]
            keys.add("second", "co_second")
            keys.remove("first")
            assert [status("co_first"), status("co_second")] == [200, 401], "not before SIGHUP"
            server.send_signal(signal.SIGHUP)
            wait_for(lambda: status("co_second") == 200)
            assert status("co_first") == 401

            good = file.read_text()
            file.write_text(good + "oops\n")
            server.send_signal(signal.SIGHUP)
            line = ""
            while "keys stay as they were" not in line:
                line = server.stderr.readline()
                assert line, "it never happened"
            assert str(file) in json.loads(line)["reason"]
            assert status("co_second") == 200

            file.write_text(good)
            keys.remove("second")
            server.send_signal(signal.SIGHUP)
            wait_for(lambda: status("co_second") == 401)
            assert httpx.get(f"{url}/models", timeout=600).status_code == 401, "no keys, but open"
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=600)


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ({"CLICKORDER_HOST": "0.0.0.0"}, True),
        ({"CLICKORDER_HOST": "0.0.0.0", "CLICKORDER_KEYS_REQUIRED": "false"}, False),
        ({"CLICKORDER_KEYS_REQUIRED": "true"}, True),
    ],
    ids=str,
)
def test_another_address_than_loopback_needs_keys_before_anything_is_loaded(
    environment, refused, python
):
    code = (
        "from service import serve\n"
        "import clickorder.cli, sys\n"
        "serve.run_server.__kwdefaults__ = None\n"
        "serve.run_server.__defaults__ = (lambda settings: sys.exit(9),)\n"
        "clickorder.cli.app(['serve', '--port', '0'])\n"
    )
    ended = python.run(code, environment=os.environ | environment)
    if refused:
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert "clickorder keys new NAME" in line
        assert "keys_required = false" in line
    else:
        assert ended.returncode == 9
        assert "anybody who reaches this address" in ended.stderr
