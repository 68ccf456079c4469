"""A pretend Percipio on loopback: for tests, for demonstrations, and for a site that has no credentials yet.

Standard library only, and nothing of the plugin: what it checks is not what the plugin believes. From a
terminal `python -m percipio_openedx.sandbox`, from Python::

    from percipio_openedx.sandbox import Sandbox

    with Sandbox(scenario="server-500:2") as sandbox:
        ...  # send something to sandbox.url, with a token from sandbox.token_url
        assert sandbox.statements == [...]
"""

from __future__ import annotations

from percipio_openedx.sandbox.journal import SeenRequest
from percipio_openedx.sandbox.running import Sandbox
from percipio_openedx.sandbox.scenarios.model import ScenarioError

__all__ = ["Sandbox", "ScenarioError", "SeenRequest"]
