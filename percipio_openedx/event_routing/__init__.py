"""Keep event-routing-backends a library: it must not route events unless the site asks for it.

The plugin needs its transformers only. Being a plugin of LMS and CMS itself, it adds a tracking backend that publishes
a Celery task for many events in the learner's request, even if no router is configured. A separate app, since the CMS
loads only this part of the plugin.
"""
