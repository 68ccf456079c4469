"""Keep event-routing-backends, whose transformers alone are needed, a library (``backend``).

A separate app, since that one is a plugin of LMS and CMS, and the CMS loads only this part of ours.
"""
