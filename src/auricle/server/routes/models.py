"""`GET /v1/models` and `GET /v1/models/{id}`."""

from starlette.requests import Request
from starlette.responses import Response

from auricle.errors import NotFound
from auricle.server.service import TranscriptionService
from auricle.server.wire.models import ModelList, card_of


class Models:
    """The endpoints."""

    def __init__(self, service: TranscriptionService) -> None:
        self._service = service

    async def list(self, _request: Request) -> Response:
        """All cards."""
        cards = ModelList(data=[card_of(card) for card in self._service.models()])
        return Response(cards.model_dump_json(), media_type="application/json")

    async def retrieve(self, request: Request) -> Response:
        """One card, by id or alias.

        Raises:
            NotFound: there is no such model.
        """
        model_id: str = request.path_params["model_id"]
        card = self._service.resolve_model(model_id)
        if card is None:
            raise NotFound(f"Model not found: {model_id}")
        return Response(card_of(card).model_dump_json(), media_type="application/json")
