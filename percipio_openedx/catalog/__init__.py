"""Step 5: course runs as the LMS knows them → items of Percipio's catalog, sent and kept in step, or as files.

``items`` is pure. ``compare`` reads the LMS and what operators decided, and finds what is to be sent; ``push`` says
when and where, ``send`` sends it.
"""
