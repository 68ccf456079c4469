"""A pretend Percipio on loopback: for tests, for demonstrations, and for a site that has no credentials yet.

Standard library only, and nothing of the plugin: what it checks is not what the plugin believes. From a
terminal `percipio-sandbox`, from Python::

    from percipio_sandbox import Sandbox

    with Sandbox(scenario="server-500:2") as sandbox:
        ...  # send something to sandbox.url, with a token from sandbox.token_url
        assert sandbox.statements == [...]
"""

from __future__ import annotations

from percipio_sandbox.journal import SeenRequest
from percipio_sandbox.running import Sandbox
from percipio_sandbox.scenarios.model import ScenarioError

__version__ = "1.0.0"

__all__ = ["Sandbox", "ScenarioError", "SeenRequest"]
