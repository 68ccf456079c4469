"""``GET`` and ``HEAD`` of the statement resource."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import http_date
from django.utils.translation.trans_real import parse_accept_lang_header
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound, ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from percipio_openedx import config
from percipio_openedx.edx_platform.api_clients import Grant
from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs import access, find, forms
from percipio_openedx.lrs.find import NEVER, consistent_through, written
from percipio_openedx.lrs.query import MORE, Continuation, Form, more_address, query_of, read_more, single_values
from percipio_openedx.models.destination import Place, PullClient
from percipio_openedx.statements.ids import actor_key_of
from percipio_openedx.statements.vocabulary import XAPI_VERSION

if TYPE_CHECKING:
    from rest_framework.request import Request

CONSISTENT_THROUGH: Final = "X-Experience-API-Consistent-Through"
VERSION: Final = "X-Experience-API-Version"
JSON: Final = "application/json"
# Communication 3.3: 1.0 and every patch of it.
_VERSION: Final = re.compile(r"1\.0(?:\.[0-9]{1,9})?")


class StatementsView(APIView):
    """The statements reported for the client's site (xAPI 1.0.3, Communication 2.1.3).

    Serve outside a transaction: see ``find.consistent_through``.
    """

    authentication_classes = (access.TokenAuthentication,)
    permission_classes = ()
    throttle_classes = (access.PullThrottle,)
    renderer_classes = (JSONRenderer,)
    parser_classes = ()
    http_method_names = ("get", "head")

    client: PullClient | None = None
    asked = ""
    given = 0
    _root = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, then throttle (refused clients too), then check everything else."""
        self.through, self.began = NEVER, timezone.now()
        # Always JSON. ``format`` is xAPI's parameter here, not the framework's.
        self.format_kwarg = None
        renderer = self.perform_content_negotiation(request, force=True)
        request.accepted_renderer, request.accepted_media_type = renderer
        self.perform_authentication(request)
        grant: object = request.auth
        if not isinstance(grant, Grant):
            raise NotAuthenticated("An OAuth2 access token is needed.")
        self.check_throttles(request)
        self.client = access.client_of(grant)
        self.asked = access.asked(request)
        access.demand(request, grant, self.client)
        self.through = consistent_through(self.client.site_id)
        if not _VERSION.fullmatch(request.headers.get(VERSION, "")):
            raise QueryError(VERSION, "is missing, or is no version 1.0 or 1.0.x")

    def get(self, request: Request) -> HttpResponse:
        if self.client is None:
            raise NotAuthenticated
        place = self.client.place
        self._root = config.site_root(self.client.site_id)
        values = single_values(request.query_params.lists())
        if MORE in values:
            return self._page(place, read_more(values, place))
        query = query_of(values)
        if uuid := query.statement_id or query.voided_id:
            found = find.single(place, uuid, voided=query.voided_id is not None)
            if found is None:
                raise NotFound("There is no such statement.")
            (body,) = self._formatted([found], query.form)
            return self._answer(body, query.attachments, found.stored_at)
        return self._page(place, Continuation(query, min(self.through, query.until or self.through)))

    def _page(self, place: Place, at: Continuation) -> HttpResponse:
        query = at.query
        window = find.Window(query.since, at.ceiling, query.ascending)
        if at.after is not None:
            window = window.behind(at.after)
        found = find.page(place, query, window, actor_key_of(self._authority()))
        rest = ""
        if found.goes_on_after:
            rest = more_address(self.request.path, place, at._replace(after=found.goes_on_after))
        statements = b",".join(self._formatted(found.statements, query.form))
        result = b'{"statements":[' + statements + b'],"more":' + json.dumps(rest).encode() + b"}"  # Data 2.5
        return self._answer(result, query.attachments)

    def _authority(self) -> dict[str, Any]:
        return forms.authority(self._root or "https://openedx.invalid")

    def _formatted(self, statements: list[find.StoredStatement], form: Form) -> list[bytes]:
        self.given = len(statements)
        by, languages = self._authority(), parse_accept_lang_header(self.request.headers.get("Accept-Language", ""))
        return [forms.formatted(each, form, by, languages) for each in statements]

    def _answer(self, body: bytes, attachments: bool, last_modified: datetime | None = None) -> HttpResponse:
        """Return a successful answer, as multipart if attachments were requested.

        JSON is then its only part (Communication 1.5.2): statements here have none.
        """
        response = HttpResponse(body, content_type=JSON)
        if attachments:
            boundary = uuid4().hex
            start, end = f"--{boundary}\r\nContent-Type: {JSON}\r\n\r\n", f"\r\n--{boundary}--\r\n"
            whole = start.encode() + body + end.encode()
            response = HttpResponse(whole, content_type=f"multipart/mixed; boundary={boundary}")
        response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:40]}"'
        if last_modified is not None:
            response["Last-Modified"] = http_date(last_modified.timestamp())
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Answer refusals, not our own errors; other handlers would roll back a transaction that is not ours."""
        if isinstance(exc, QueryError):
            exc = ParseError({"parameter": exc.parameter, "problem": exc.problem})
        elif isinstance(exc, SuspiciousOperation):
            exc = ParseError("The request is malformed.")
        if not isinstance(exc, APIException):
            raise exc
        headers = {}
        if exc.status_code == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        elif wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(math.ceil(wait))
        detail = exc.detail if isinstance(exc.detail, dict) else {"problem": str(exc.detail)}
        return Response(detail, status=exc.status_code, headers=headers, exception=True)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the common headers, also to a refusal, and record the request; if that fails, withhold the answer."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final[CONSISTENT_THROUGH] = written(self.through)
        final[VERSION] = XAPI_VERSION
        final["Cache-Control"] = "no-store"
        if self.client is not None and final.status_code != 429:
            access.record(self.client, self.began, str(request.method), self.asked, final.status_code, self.given)
        return final
