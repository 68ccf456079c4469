"""How much a turn takes on at once, by how far away its destination is.

Enough that the network never waits for the database; no more, since what one worker holds no other can send.
"""

from __future__ import annotations

# Requests that lie ready, at least and at most, and the seconds of posting that they are to last: time for a claim.
LEAST_READY, MOST_READY = 3, 10
SECONDS_READY = 0.3
# Requests' worth of rows that one claim takes, at least and at most. Small claims are more work for each statement, and
# one that lasts longer than a request is on its way disturbs the poster: so many seconds for each request's worth.
LEAST_CLAIM, MOST_CLAIM = 3, 10
SECONDS_TO_CLAIM = 0.005
# Seconds of posting that one claim takes on: what a slow destination lets wait for longer, others could send meanwhile.
LONGEST_HOLD = 3.0
# Rows in a claim, whatever the requests hold: it costs a search of the queue, and its rows' bodies are in memory.
LEAST_ROWS, MOST_ROWS = 100, 1500


def requests_ready(seconds: float) -> int:
    """How many requests are to lie ready for each poster.

    Arguments:
        seconds: that one request takes, infinite where that is not known yet.
    """
    return max(LEAST_READY, round(min(SECONDS_READY / max(seconds, SECONDS_TO_CLAIM), MOST_READY)))


def rows_in_a_claim(batch: int, seconds: float) -> int:
    """How many rows are claimed at once while requests are on their way.

    Arguments:
        batch: rows in one request.
        seconds: that one request takes, infinite where that is not known yet.
    """
    while_on_its_way = seconds / SECONDS_TO_CLAIM
    bearable = LONGEST_HOLD / max(seconds, SECONDS_TO_CLAIM)
    requests = max(LEAST_CLAIM, round(min(while_on_its_way, bearable, MOST_CLAIM)))
    return min(max(batch * requests, LEAST_ROWS), MOST_ROWS)
