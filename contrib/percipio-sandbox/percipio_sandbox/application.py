"""The whole sandbox but for its sockets: takes a request, returns the answer."""

from __future__ import annotations

from collections.abc import Callable

from percipio_sandbox import control
from percipio_sandbox.calls import Call
from percipio_sandbox.journal import Journal, SeenRequest, ids_of, masked
from percipio_sandbox.messages import Answer, Incoming, Manner, Refusal
from percipio_sandbox.percipio import Percipio, Rules
from percipio_sandbox.routes import API_ROOT, TOKEN_PATH, Route, find_route
from percipio_sandbox.scenarios.plan import Plan

# No HTTP answer leaves the sandbox in these manners.
_UNANSWERED = (Manner.STALL, Manner.RESET)


class Application:
    """The pretend Percipio, its faults, its journal and its own pages.

    Arguments:
        scenario: what is in force at the start, as `scenarios.plan` reads it.
        seed: of everything that happens by chance.
        rules: see `Rules`.
        observer: is told each request that was seen, before its answer leaves.

    Raises:
        ScenarioError: when the scenario cannot be understood.
        OSError: when the record file cannot be opened.
    """

    def __init__(
        self, scenario: str, seed: int, rules: Rules, observer: Callable[[SeenRequest], None] | None = None
    ) -> None:
        self._seed = seed
        self._observer = observer
        self.plan = Plan(scenario, seed, rules.clock)
        self.percipio = Percipio(rules)
        self.journal = Journal()

    def set_scenario(self, text: str) -> None:
        """Put other scenarios in force, from their beginning.

        Raises:
            ScenarioError: when the text cannot be understood; what was in force stays so.
        """
        self.plan = Plan(text, self._seed, self.percipio.clock)

    def reset(self) -> None:
        """Forget all that arrived, and start the scenario in force anew."""
        self.percipio.reset()
        self.journal.clear()
        self.set_scenario(self.plan.text)

    def answer(self, incoming: Incoming) -> Answer:
        """Answer any request."""
        try:
            if control.concerns(incoming.path):
                return control.answer(incoming, self)
        except Refusal as refusal:
            return refusal.answer()
        route = find_route(incoming.path)
        answer, items = self._unknown() if route is None else self._call(incoming, route)
        self._note(incoming, route, answer, items)
        return answer

    def _unknown(self) -> tuple[Answer, list[object]]:
        root = f"{API_ROOT}/v1/partners/PARTNER"
        hint = f"{TOKEN_PATH}, {root}[/organizations/ID]/(statements|track), {root}/organizations/ID/content"
        return Refusal(404, "there is nothing at this address", (hint,)).answer(), []

    def _call(self, incoming: Incoming, route: Route) -> tuple[Answer, list[object]]:
        call = Call(incoming, route, self.percipio)
        try:
            answer = self.plan.answer(call)
        except Refusal as refusal:
            answer = refusal.answer()
        # A connection that is reset before its body was read must stay unread.
        return answer, call.items() if answer.manner is not Manner.RESET or incoming.was_read else []

    def _note(self, incoming: Incoming, route: Route | None, answer: Answer, items: list[object]) -> None:
        seen = SeenRequest(
            received=self.percipio.clock(),
            method=incoming.method,
            path=incoming.path,
            kind=None if route is None else route.kind,
            headers=masked(incoming.headers),
            status=None if answer.manner in _UNANSWERED else answer.status,
            items=len(items),
            ids=ids_of(items),
        )
        self.journal.note(seen)
        if self._observer is not None:
            self._observer(seen)
