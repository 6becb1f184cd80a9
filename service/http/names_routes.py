"""The route of the names: which things a prompt can ask for, in several languages."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from service.errors import ModelUnavailableError
from service.execution import Service
from service.http.documentation import problem_docs
from service.http.responses import NameOut, NamesResponse

router = APIRouter()

_MOST = 2000
_LONGEST = 100


@router.post(
    "/names",
    summary="Which things can a prompt name?",
    responses=problem_docs(422, 503),
)
async def names(
    request: Request,
    q: Annotated[
        str,
        Query(
            max_length=_LONGEST,
            description="A name, a part of one, or one with a typing error, in any language; empty "
            "lists everything.",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=_MOST, description="How many to list at most.")] = 20,
) -> NamesResponse:
    """The things of the vocabulary whose names match, best first.

    Any of their names may stand among the `words` of a prompt; an answer calls a thing by its `id`.
    A bundle's gallery has names of its own, which `/models` lists.
    """
    service: Service = request.app.state.service
    namer = service.registry.default.solver.parts.namer
    if namer is None:
        raise ModelUnavailableError("Naming things needs a names model, and none is installed.")
    found = namer.vocabulary.search(q, limit)
    return NamesResponse(
        names=[NameOut(id=thing.id, names=dict(thing.names)) for thing in found],
        total=len(namer.vocabulary),
    )
