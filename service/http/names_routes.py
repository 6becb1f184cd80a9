"""The route of the names: which things a prompt can ask for, in several languages."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from service import use_cases
from service.execution import Service, compute
from service.http.documentation import problem_docs
from service.http.responses import NameOut, NamesResponse
from service.http.schemas import NamesQuery

router = APIRouter()


@router.post(
    "/names",
    summary="Which things can a prompt name?",
    responses=problem_docs(422, 503, 504),
)
async def names(request: Request, query: Annotated[NamesQuery, Query()]) -> NamesResponse:
    """The things of the vocabulary whose names match, best first.

    Any of their names may stand among the `words` of a prompt; an answer calls a thing by its `id`.
    A bundle may have a vocabulary of its own: `model`, `site` and `type` choose as they do for a
    puzzle. The names of its gallery are listed by `/models`.
    """
    service: Service = request.app.state.service
    # Similar spellings are looked for among thousands of words: work for a worker.
    found = await compute(
        service,
        request.state.request_id,
        lambda job: use_cases.find_names(job, query.q, query.limit, query.route),
    )
    return NamesResponse(
        names=[NameOut(id=thing.id, names=dict(thing.names)) for thing in found.things],
        total=found.total,
    )
