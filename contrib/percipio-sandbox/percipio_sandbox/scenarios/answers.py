"""Answers that several scenarios give."""

from __future__ import annotations

from percipio_sandbox.messages import HTML_TYPE, Answer, json_answer


def html_page(status: int, title: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return an HTML page as a proxy or a portal would put it in the way."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, page.encode("utf-8"), HTML_TYPE, headers)


def error(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return a short JSON error."""
    return json_answer({"error": message}, status, headers)
