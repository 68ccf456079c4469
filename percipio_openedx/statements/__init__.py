"""Milestone → xAPI statement and Track record. ``build.build`` is the door; the pure parts may be used alone.

Importing this package imports nothing: ``ids``, ``iri``, ``content``, ``text`` and ``checker`` are plain
Python, while ``build`` brings in event-routing-backends, which needs Django's app registry to be ready.
"""
