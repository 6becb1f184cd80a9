"""What `/docs` shows beyond what FastAPI finds out by itself.

The POST routes read their bodies themselves, because a body has two media types and because
megabytes of base64 are parsed in a worker; so their request schemas are described here.
"""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.http.responses import (
    BatchLine,
    ClassifyResponse,
    CompareResponse,
    DetectResponse,
    ReadLine,
    ReadResponse,
    SolveResponse,
)
from service.http.schemas import (
    BatchRequest,
    ClassifyRequest,
    CompareRequest,
    DetectRequest,
    Part,
    ReadBatchRequest,
    ReadRequest,
    RequestModel,
    SolveRequest,
)
from service.problems import MEDIA_TYPE, Problem
from service.security.guard import is_open

_REF = "#/components/schemas/{model}"
_REQUESTS = (
    SolveRequest,
    DetectRequest,
    ClassifyRequest,
    CompareRequest,
    BatchRequest,
    ReadRequest,
    ReadBatchRequest,
)
# FastAPI finds these by itself, but drops what is null from their examples.
_ANSWERS = (
    SolveResponse,
    DetectResponse,
    ClassifyResponse,
    CompareResponse,
    Problem,
    BatchLine,
    ReadResponse,
    ReadLine,
)
_MEANINGS = {
    400: "The picture, the base64 or the body cannot be decoded.",
    408: "The body did not arrive in time.",
    409: "The models cannot be changed so; the old ones stay.",
    413: "The body has too many bytes, or a picture too many pixels.",
    415: "Neither JSON nor multipart/form-data.",
    422: "The request does not fit the schema, or asks for what no model can do.",
    500: "The service failed.",
    503: "The service is busy (with `Retry-After`), or a model is not installed.",
    504: "The answer was not ready in time.",
}


_KEY_MEANINGS = {
    401: "The API key is missing or not known.",
    403: "The API key is not an administrator's.",
    429: "The API key has had its requests for now, or runs as many as it may (`Retry-After`).",
}


class DocumentedAPI(FastAPI):
    """A FastAPI whose OpenAPI document also has the schemas that no signature names.

    Attributes:
        needs_keys: Whether a request must bring an API key; set before the document is made.
    """

    needs_keys = False

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = []
            models += [(model, "validation") for model in _REQUESTS]
            models += [(model, "serialization") for model in _ANSWERS]
            _, schemas = models_json_schema(models, ref_template=_REF)
            known = document.setdefault("components", {}).setdefault("schemas", {})
            known.update(schemas["$defs"])
            if self.needs_keys:
                _add_keys(document)
            self.openapi_schema = document
        return self.openapi_schema


def problem_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with these."""
    return {status: _problem(_MEANINGS[status]) for status in statuses}


def _problem(meaning: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=Problem.__name__)}
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": schema}}}


def _add_keys(document: dict[str, Any]) -> None:
    """Say how an API key is sent, which routes need one, and what they answer without."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    document["security"] = [{"bearer": []}, {"header": []}]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if is_open(path):
                operation["security"] = []
                continue
            answers = operation["responses"]
            for status, meaning in _KEY_MEANINGS.items():
                answers.setdefault(str(status), _problem(meaning))


POST_PROBLEMS = problem_docs(*(status for status in _MEANINGS if status != 409))


def request_docs(model: type[RequestModel], names: Sequence[str] = ("example",)) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes `model` as JSON or as multipart.

    Args:
        model: Its examples are shown.
        names: One for each example.
    """
    extra = model.model_config["json_schema_extra"]
    assert isinstance(extra, dict)  # noqa: S101 - written as one in service.schemas
    examples = extra["examples"]
    assert isinstance(examples, list)  # noqa: S101
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF.format(model=model.__name__)},
                    "examples": {
                        name: {"summary": name, "value": value}
                        for name, value in zip(names, examples, strict=True)
                    },
                },
                "multipart/form-data": {"schema": _multipart_schema(model)},
            },
        }
    }


def _multipart_schema(model: type[RequestModel]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _part_schema(part) for name, part in model.parts.items()},
        "required": [
            name
            for name, part in model.parts.items()
            if len(part.path) == 1 and model.model_fields[part.path[0]].is_required()
        ],
        "additionalProperties": False,
    }


def _part_schema(part: Part) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    match part.kind:
        case "file":
            return file
        case "files":
            return {"type": "array", "items": file, "description": "Repeated, in click order."}
        case "text":
            return {"type": "string"}
        case "words":
            return {
                "type": "array",
                "items": {"type": "string"},
                "description": "Repeated, in click order, or one JSON list.",
            }
        case "json":
            return {"type": "string", "description": "As in the JSON body, written as JSON."}
