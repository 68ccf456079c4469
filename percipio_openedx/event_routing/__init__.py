"""Nothing else is switched on: event-routing-backends stays a library where nobody has asked it to route events.

It comes along for its transformers, and is a plugin of LMS and CMS itself: by being installed it adds a tracking
backend that publishes a Celery task for each of many events, in the learner's request, also where nobody receives what
becomes of them. An app of its own, since the CMS loads this and nothing else of the plugin.
"""
