"""Turn a milestone into an xAPI statement and a Track record. ``build.build`` is the entry point.

Importing this package imports nothing. ``build`` brings in event-routing-backends, which needs Django's app registry;
the other modules are plain Python.
"""
