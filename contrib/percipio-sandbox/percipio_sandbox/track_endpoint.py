"""The Track API of the pretend Percipio: one record a request."""

from __future__ import annotations

from percipio_sandbox.messages import Answer, Incoming, Refusal, json_answer
from percipio_sandbox.percipio import Percipio
from percipio_sandbox.routes import Route
from percipio_sandbox.statement_endpoint import sender_of
from percipio_sandbox.validation.track import track_problems_of


def answer(incoming: Incoming, route: Route, percipio: Percipio) -> Answer:
    """Store a record.

    Raises:
        Refusal: 401 or 403 for the token, 405 for another method than POST, 415 or 400 for the body (also where
            its content is unknown, see `Percipio.check_known`), 409 for an event that is known already.
    """
    sender = sender_of(incoming, route, percipio)
    if incoming.method != "POST":
        raise Refusal(405, "records are sent with POST")
    record = incoming.content
    problems = track_problems_of(record, percipio.clock())
    if problems:
        raise Refusal(400, "the record is malformed", tuple(problems))
    percipio.check_known(sender, [record["content_id"]])
    percipio.store_track(sender, record)
    return json_answer({"status": "accepted"})
