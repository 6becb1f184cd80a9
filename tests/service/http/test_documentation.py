"""The OpenAPI document: complete, and its examples are true."""

import base64
import io
import re

import pytest
from PIL import Image

from service.app import create_app
from service.examples import EXAMPLE_BACKGROUND, EXAMPLE_BOXES
from service.http import responses, schemas
from service.http.fields import PROMPT_FIELDS
from service.settings import Settings

DOCUMENT = create_app(Settings(), lambda _: None).openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
POSTS = ["/solve", "/detect", "/classify", "/compare", "/read"]
GETS = ["/healthz", "/readyz", "/models"]
BATCHES = ["/solve/batch", "/read/batch"]
NAMES = ["/names"]
ADMIN = ["/models/{name}/reload", "/models/{name}/rollback"]


def name_of(reference):
    return reference["$ref"].rpartition("/")[2]


def test_every_route_is_documented():
    assert sorted(DOCUMENT["paths"]) == sorted(
        [*POSTS, *BATCHES, *GETS, *NAMES, "/metrics", *ADMIN]
    )


def test_every_reference_leads_somewhere():
    names = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert names
    assert names <= set(SCHEMAS)
    assert "$defs" not in str(DOCUMENT)


@pytest.mark.parametrize("path", POSTS)
def test_request_examples_fit_their_schema(path):
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    model = getattr(schemas, name_of(content["schema"]))
    assert content["examples"]
    for example in content["examples"].values():
        model.model_validate(example["value"])


def test_solve_has_an_example_of_every_prompt():
    content = DOCUMENT["paths"]["/solve"]["post"]["requestBody"]["content"]
    for kind, example in content["application/json"]["examples"].items():
        assert list(example["value"]["prompt"]) == [kind]
    assert set(content["application/json"]["examples"]) == set(PROMPT_FIELDS)
    parts = content["multipart/form-data"]["schema"]
    assert list(parts["properties"]) == [
        "model",
        "site",
        "type",
        "background",
        "words",
        "text",
        "icons",
        "image",
        "region",
        "count",
        "options",
    ]
    assert parts["required"] == ["background"]


@pytest.mark.parametrize(
    ("path", "method"), [(p, "post") for p in POSTS] + [(p, "get") for p in GETS]
)
def test_response_examples_fit_their_schema(path, method):
    answers = DOCUMENT["paths"][path][method]["responses"]
    name = name_of(answers["200"]["content"]["application/json"]["schema"])
    examples = SCHEMAS[name]["examples"]
    assert examples
    for example in examples:
        getattr(responses, name).model_validate(example)


@pytest.mark.parametrize("path", POSTS)
def test_failures_are_documented_as_problems(path):
    answers = DOCUMENT["paths"][path]["post"]["responses"]
    assert set(answers) == {"200", "400", "408", "413", "415", "422", "500", "503", "504"}
    for status, answer in answers.items():
        if status != "200":
            assert list(answer["content"]) == ["application/problem+json"]
            assert name_of(answer["content"]["application/problem+json"]["schema"]) == "Problem"
    for example in SCHEMAS["Problem"]["examples"]:
        responses.Problem.model_validate(example)


def test_the_example_picture_is_as_its_answer_says():
    picture = Image.open(io.BytesIO(base64.b64decode(EXAMPLE_BACKGROUND))).convert("L")
    example = responses.SolveResponse.model_config["json_schema_extra"]["examples"][0]
    assert example["image"] == {"width": picture.width, "height": picture.height}
    for box in EXAMPLE_BOXES:
        assert picture.crop(box).getextrema()[0] < 128, "nothing is drawn there"
    for click in example["clicks"]:
        x1, y1, x2, y2 = click["box"]
        assert (click["x"], click["y"]) == ((x1 + x2) // 2, (y1 + y2) // 2)
    assert len(EXAMPLE_BACKGROUND) < 1000
