"""``GET`` and ``HEAD`` of the statement resource."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from percipio_openedx import config
from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs import access, answers, audit, forms, more
from percipio_openedx.lrs.authentication import TokenAuthentication
from percipio_openedx.lrs.clock import consistent_through
from percipio_openedx.lrs.languages import preferences
from percipio_openedx.lrs.page import kept, page
from percipio_openedx.lrs.parameters import MORE, query_of, single_values
from percipio_openedx.lrs.query import Query
from percipio_openedx.lrs.streams import Window, single, streams
from percipio_openedx.lrs.timestamps import NEVER
from percipio_openedx.models.pull import PullClient
from percipio_openedx.statements.ids import actor_key_of

if TYPE_CHECKING:
    from rest_framework.request import Request

# Communication 3.3: 1.0 and every patch of it.
_VERSION: Final = re.compile(r"1\.0(?:\.[0-9]{1,9})?")


class AlwaysJson(BaseContentNegotiation):
    """JSON whatever a reader would rather have. ``format`` is a parameter of xAPI here, not of the framework."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Nothing is parsed: there are no bodies."""
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first."""
        return renderers[0], renderers[0].media_type


def refusal(exc: Exception, context: Any) -> Response | None:
    """The answer to a request that is refused; None for anything else that went wrong."""
    if not isinstance(exc, APIException):
        return None
    headers = {}
    if auth := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    detail = exc.detail if isinstance(exc.detail, dict) else {"problem": str(exc.detail)}
    return Response(detail, status=exc.status_code, headers=headers)


class StatementsView(APIView):
    """The statements that were reported for the site of whoever asks (xAPI 1.0.3, Communication 2.1.3).

    To be served outside a transaction: see ``clock.consistent_through``.
    """

    authentication_classes = (TokenAuthentication,)
    permission_classes = ()
    throttle_classes = (access.PullThrottle,)
    renderer_classes = (JSONRenderer,)
    parser_classes = ()
    content_negotiation_class = AlwaysJson
    http_method_names = ("get", "head")

    client: PullClient | None = None
    asked: tuple[str, ...] = ()
    given = 0

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks first, then how often, also whoever is refused; then everything else."""
        self.through, self.watch = NEVER, audit.Stopwatch()
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        grant = access.grant_of(request)
        self.check_throttles(request)
        self.client = access.client_of(grant)
        self.asked = audit.asked(request)
        access.demand(request, grant, self.client)
        self.through = consistent_through(self.client.site_id)
        if not _VERSION.fullmatch(request.headers.get(answers.VERSION, "")):
            raise QueryError(answers.VERSION, "is missing, or is no version 1.0 or 1.0.x")

    def get(self, request: Request) -> HttpResponse:
        """One statement, or a page of those that answer."""
        if self.client is None:
            raise NotAuthenticated
        site_id = self.client.site_id
        values = single_values(request.query_params.lists())
        if MORE in values:
            return self._page(more.read(values, site_id))
        query = query_of(values)
        if uuid := query.statement_id or query.voided_id:
            return self._single(site_id, uuid, query)
        ceiling = min(self.through, query.until or self.through)
        return self._page(more.Continuation(site_id, query, more.digest(values), ceiling))

    def _single(self, site_id: int, uuid: UUID, query: Query) -> HttpResponse:
        pk = single(site_id, uuid, voided=query.voided_id is not None)
        found = kept([pk]).get(pk) if pk is not None else None
        if found is None:
            raise NotFound("There is no such statement.")
        self.given = 1
        body = forms.shaped(found, query.form, self._authority(), self._languages())
        return answers.answer(body, attachments=query.attachments, last_modified=found.stored_at)

    def _page(self, at: more.Continuation) -> HttpResponse:
        by, languages, query = self._authority(), self._languages(), at.query
        window = Window(query.since, at.ceiling, query.ascending)
        if at.after is not None:
            window = window.behind(at.after)
        found = page(streams(at.site_id, query, actor_key_of(by)), window, query.limit)
        self.given = len(found.statements)
        rest = more.address(self.request.path, at, found.goes_on_after) if found.goes_on_after else ""
        shaped = (forms.shaped(each, query.form, by, languages) for each in found.statements)
        return answers.answer(answers.result_of(shaped, rest), attachments=query.attachments)

    def handle_exception(self, exc: Exception) -> Response:
        """A malformed question is answered as such; mistakes of our own are not hidden."""
        if isinstance(exc, QueryError):
            exc = ParseError({"parameter": exc.parameter, "problem": exc.problem})
        elif isinstance(exc, SuspiciousOperation):
            exc = ParseError("The request is malformed.")
        return super().handle_exception(exc)

    def get_exception_handler(self) -> Any:
        """Neither the LMS's nor the framework's, which would roll back a transaction that is not ours."""
        return refusal

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The headers that every answer has, and the audit; an answer that cannot be recorded is not given."""
        final = super().finalize_response(request, response, *args, **kwargs)
        answers.mark(final, self.through)
        if self.client is not None and final.status_code != 429:
            audit.record(request, self.client, self.asked, final.status_code, self.given, self.watch)
        return final

    def _authority(self) -> dict[str, Any]:
        return forms.authority(config.lms_root() or "https://openedx.invalid")

    def _languages(self) -> Any:
        return preferences(self.request.headers.get("Accept-Language", ""))
