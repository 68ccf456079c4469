"""The token endpoint: OAuth2 client credentials with a JSON body, as Skillsoft documents it."""

from __future__ import annotations

from percipio_sandbox.messages import JSON_TYPE, Answer, Incoming, Refusal, json_answer
from percipio_sandbox.percipio import Percipio
from percipio_sandbox.routes import Route

_FIELDS = ("client_id", "client_secret", "grant_type", "scope")


def answer(incoming: Incoming, route: Route, percipio: Percipio) -> Answer:
    """Issue a token.

    Raises:
        Refusal: 405 for another method than POST, 415 for form encoding, 400 for a malformed request, 401
            for an account that is unknown.
    """
    if incoming.method != "POST":
        raise Refusal(405, "ask for a token with POST")
    if incoming.media_type() != JSON_TYPE:
        # RFC 6749 says form encoding, Percipio says JSON: the likeliest mistake deserves its own sentence.
        raise Refusal(415, f"Percipio takes the token request as {JSON_TYPE}, not form-encoded")
    content = incoming.content
    if not isinstance(content, dict):
        raise Refusal(400, "invalid_request", ("the body must be one object",))
    problems = [f"{name}: must be a string that says something" for name in _FIELDS if not _text(content.get(name))]
    problems += [f"{name}: unknown field" for name in content if name not in _FIELDS]
    if problems:
        raise Refusal(400, "invalid_request", tuple(problems))
    if content["grant_type"] != "client_credentials":
        raise Refusal(400, "unsupported_grant_type", ("grant_type must be client_credentials",))
    if "api" not in content["scope"].split():
        raise Refusal(400, "invalid_scope", ("scope must be api",))
    token = percipio.tokens.issue(content["client_id"], content["client_secret"])
    return token_answer(token, percipio.tokens.lifetime)


def token_answer(token: str, lifetime: object) -> Answer:
    """Return the answer that carries a token; without `expires_in` when `lifetime` is None."""
    content: dict[str, object] = {"access_token": token, "token_type": "Bearer", "scope": "api"}
    if lifetime is not None:
        content["expires_in"] = lifetime
    return json_answer(content, headers=(("Cache-Control", "no-store"),))


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
