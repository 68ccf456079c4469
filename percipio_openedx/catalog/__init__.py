"""Step 5: course runs as the LMS knows them → items of Percipio's catalog, as records and as files.

``items`` and ``record`` are pure; ``offered`` reads the LMS and what operators decided. Nothing is sent from here yet.
"""
