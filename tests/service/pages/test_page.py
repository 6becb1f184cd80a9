"""The page at `/` over HTTP: its files, its headers, what is not served."""

import re
from urllib.parse import urljoin

import httpx
import pytest

from service.pages.page import FOLDER
from service.settings import Settings

FILES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("*")
    if path.is_file() and path.name != "index.html"
)
KINDS = {
    "css": "text/css; charset=utf-8",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}


def test_the_page_is_html_and_never_shown_without_asking_again(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.text == (FOLDER / "index.html").read_text()


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_what_it_is(client, name):
    response = client.get(f"/page/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"] == KINDS[name.rpartition(".")[2]]
    assert response.content == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/page/samples/text-words-00001.jpg"])
def test_the_browser_may_do_only_what_the_page_needs(client, path):
    headers = client.get(path).headers
    sent = headers["content-security-policy"]
    policy = dict(part.strip().split(" ", 1) for part in sent.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in sent
    assert "http" not in sent
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/page/page.css"])
@pytest.mark.parametrize(
    "known",
    ["{}", "W/{}", '"other", {}', "*"],
    ids=["same", "weak", "among-others", "any"],
)
def test_what_the_browser_has_is_not_sent_again(client, path, known):
    first = client.get(path)
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    again = client.get(path, headers={"If-None-Match": known.format(tag)})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == tag
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_files_have_different_tags(client):
    tags = [client.get(f"/page/{name}").headers["etag"] for name in FILES]
    assert len(set(tags)) == len(FILES)


def test_head_answers_as_get_without_the_content(client):
    for path in ("/", "/page/page.js"):
        got, head = client.get(path), client.head(path)
        assert head.status_code == 200
        assert head.content == b""
        for name in ("content-length", "content-type", "etag"):
            assert head.headers[name] == got.headers[name]


NOT_SERVED = {
    "unknown": "/page/nothing.js",
    "folder": "/page/samples",
    "itself": "/page/",
    "index": "/page/index.html",
    "outside": "/page/../page.py",
    "encoded": "/page/%2e%2e/page.py",
    "twice-encoded": "/page/%252e%252e/page.py",
    "backslash": "/page/..%5cpage.py",
    "absolute": "/page//etc/passwd",
}


@pytest.mark.parametrize("path", NOT_SERVED.values(), ids=NOT_SERVED)
def test_nothing_else_is_served(url, path):
    # httpx resolves dots, so the path goes as it is.
    with httpx.Client(timeout=600) as client:
        request = client.build_request("GET", url)
        request.url = request.url.copy_with(raw_path=path.encode())
        response = client.send(request)
    assert response.status_code == 404
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "not_found"
    assert problem["detail"].endswith(".")


def test_writing_is_refused(client):
    for path in ("/", "/page/page.js"):
        response = client.post(path)
        assert response.status_code == 405
        assert response.json()["code"] == "method_not_allowed"


def test_the_api_document_is_about_the_api(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert "/solve" in paths
    assert not [path for path in paths if path == "/" or path.startswith("/page")]


def test_the_page_can_be_switched_off(serve):
    with serve(Settings(page=False)) as url:
        assert httpx.get(url, timeout=600).status_code == 404
        assert httpx.get(f"{url}/page/page.js", timeout=600).status_code == 404
        assert httpx.get(f"{url}/healthz", timeout=600).status_code == 200


def test_all_addresses_are_relative_and_lead_somewhere(client):
    """So that the page also works behind a proxy that serves it below a folder."""
    found = re.findall(r'(?:src|href)="([^"]*)"', (FOLDER / "index.html").read_text())
    assert len(found) >= 4
    for address in found:
        assert not address.startswith(("/", "http"))
        assert client.get(f"/{address}").status_code == 200
    for module in FOLDER.glob("*.js"):
        for address in re.findall(r'from "([^"]*)"', module.read_text()):
            if address != "node:fs":  # of the lines to paste
                assert address.startswith("./"), module
                path = urljoin(f"/page/{module.name}", address)
                assert client.get(path).status_code == 200, (module, address)


def test_nothing_of_the_page_is_elsewhere():
    for file in [*FOLDER.glob("*.js"), *FOLDER.glob("*.html"), *FOLDER.glob("*.css")]:
        assert "://" not in file.read_text(), file


def test_both_languages_say_the_same_things():
    text = (FOLDER / "words.js").read_text()
    english, chinese = text.split("\n  zh: {")
    chinese = chinese.partition("\n  },")[0]

    def told(block):
        pairs = re.findall(r'(\w+): "((?:[^"\\]|\\.)*)"', block)
        return {name: sorted(re.findall(r"\{\d\}", sentence)) for name, sentence in pairs}

    assert told(english) == told(chinese)
    assert len(told(english)) > 60
    used = set(re.findall(r'data-(?:word|label)="(\w+)"', (FOLDER / "index.html").read_text()))
    for module in FOLDER.glob("*.js"):
        used |= set(re.findall(r'\bsay\("(\w+)"', module.read_text()))
    assert used <= set(told(english))


def test_the_samples_are_small():
    assert sum(path.stat().st_size for path in (FOLDER / "samples").iterdir()) < 150_000
