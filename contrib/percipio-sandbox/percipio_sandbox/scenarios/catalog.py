"""The table of all scenarios."""

from __future__ import annotations

from percipio_sandbox.scenarios import broken, imports, mixtures, partial, refusals, strangers, tokens
from percipio_sandbox.scenarios.model import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        *mixtures.SCENARIOS,
        *tokens.SCENARIOS,
        *refusals.SCENARIOS,
        *partial.SCENARIOS,
        *strangers.SCENARIOS,
        *imports.SCENARIOS,
        *broken.SCENARIOS,
    )
}


def describe_all() -> str:
    """Return one paragraph for each scenario, for a terminal."""
    width = max(map(len, SCENARIOS))
    lines = []
    for scenario in SCENARIOS.values():
        lines.append(f"{scenario.name:<{width}}  {scenario.description} ({scenario.stage.value})")
        if scenario.meaning:
            default = f" (default {scenario.argument})" if scenario.argument else ""
            lines.append(f"{'':<{width}}  =ARGUMENT{default}: {scenario.meaning}")
    return "\n".join(lines)
