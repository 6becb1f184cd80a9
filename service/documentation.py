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

from service.problems import MEDIA_TYPE
from service.responses import (
    ClassifyResponse,
    CompareResponse,
    DetectResponse,
    Problem,
    SolveResponse,
)
from service.schemas import (
    ClassifyRequest,
    CompareRequest,
    DetectRequest,
    Part,
    RequestModel,
    SolveRequest,
)

_REF = "#/components/schemas/{model}"
_REQUESTS = (SolveRequest, DetectRequest, ClassifyRequest, CompareRequest)
# FastAPI finds these by itself, but drops what is null from their examples.
_ANSWERS = (SolveResponse, DetectResponse, ClassifyResponse, CompareResponse, Problem)
_MEANINGS = {
    400: "The picture, the base64 or the body cannot be decoded.",
    413: "The body has too many bytes, or a picture too many pixels.",
    415: "Neither JSON nor multipart/form-data.",
    422: "The request does not fit the schema, or asks for what no model can do.",
    500: "The service failed.",
    503: "The service is busy (with `Retry-After`), or a model is not installed.",
}


class DocumentedAPI(FastAPI):
    """A FastAPI whose OpenAPI document also has the schemas that no signature names."""

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
            self.openapi_schema = document
        return self.openapi_schema


def problem_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail with these."""
    schema = {"$ref": _REF.format(model=Problem.__name__)}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


POST_PROBLEMS = problem_docs(*_MEANINGS)


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
        case "words":
            return {
                "type": "array",
                "items": {"type": "string"},
                "description": "Repeated, in click order, or one JSON list.",
            }
        case "json":
            return {"type": "string", "description": "As in the JSON body, written as JSON."}
