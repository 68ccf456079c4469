"""Learner progress and completion from an Open edX LMS to Skillsoft Percipio."""

__version__ = "0.1.0"
