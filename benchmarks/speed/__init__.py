"""How fast the plugin is beside the peer's way and the limit, measured in one run: ``python -m benchmarks``."""
