"""Step 3: a milestone of ``reporting`` becomes a frozen statement or Track record, which ``delivery`` sends.

``build.build`` is the door; the pure parts may be used alone. Importing this package imports nothing.
"""
