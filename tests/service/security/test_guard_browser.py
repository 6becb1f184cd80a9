"""A browser on the service's machine, with a page from elsewhere open in it."""

import http.server
import threading

import pytest
import structlog

from service.settings import Settings

ELSEWHERE = "evil.example"
ASK = """async ([url, method, mode]) => {
    try {
        const headers = {"Content-Type": "text/plain"};
        const answer = await fetch(url, {method, mode, headers});
        return [answer.type, answer.status, answer.headers.get("X-Request-ID")];
    } catch (error) {
        return ["error", error.name, null];
    }
}"""


@pytest.fixture(scope="module")
def chromium(open_chromium):
    """In it another name leads to this machine, as in an attack on name servers."""
    with open_chromium(f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def elsewhere():
    """A page of another origin."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{ELSEWHERE}:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def tab(chromium):
    page = chromium.new_page()
    page.set_default_timeout(600_000)
    yield page
    page.close()


@pytest.mark.parametrize("path", ["/models/default/reload", "/models/default/rollback", "/detect"])
@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_a_page_from_elsewhere_changes_nothing_and_reads_nothing(tab, elsewhere, serve, path, mode):
    with structlog.testing.capture_logs() as lines, serve(Settings()) as url:
        tab.goto(elsewhere)
        kind, _, request_id = tab.evaluate(ASK, [url + path, "POST", mode])
    assert kind in ("error", "opaque")
    assert request_id is None
    statuses = [line["status"] for line in lines if line.get("path") == path]
    # With `cors` it is the preflight that is refused, so the browser never sends the request.
    assert set(statuses) == {403}, "it was let in, or never came"


def test_a_name_that_leads_here_is_refused(tab, serve):
    with serve(Settings()) as url:
        port = url.rpartition(":")[2]
        assert tab.goto(f"http://{ELSEWHERE}:{port}/models").status == 403
        assert tab.goto(f"{url}/models").status == 200


def test_a_page_of_a_named_origin_reads_the_answer(tab, elsewhere, serve):
    with serve(Settings(cors_origins=(elsewhere,))) as url:
        tab.goto(elsewhere)
        kind, status, request_id = tab.evaluate(ASK, [f"{url}/models", "GET", "cors"])
    assert (kind, status) == ("cors", 200)
    assert request_id


def test_the_documentation_is_shown_without_the_internet(tab, serve):
    faults = []
    tab.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    elsewhere = []
    tab.route("https://**", lambda route: (elsewhere.append(route.request.url), route.abort()))
    with serve(Settings()) as url:
        tab.goto(f"{url}/docs")
        tab.get_by_text("Solve a puzzle").first.wait_for()
        tab.get_by_text("Solve a puzzle").first.click()
        tab.get_by_text("Request body").first.wait_for()
    assert not faults
    assert not elsewhere
