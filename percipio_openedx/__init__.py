"""Report what learners do in an Open edX LMS to Skillsoft Percipio.

Step by step: ``capture`` (signal → notice), ``reporting`` (notice → observed state → new milestones), ``statements``
(milestone → frozen statement), ``delivery`` (statement → outcome). ``lrs`` serves the statements to Percipio,
``operations`` does the operator's work, and ``admin`` and ``management`` show it. Other plugins import ``api`` alone.
"""

__version__ = "1.0.0"
