"""For each place, what draws a tenth of its items and says how they are poisoned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.poison import coming_in, database, going_out, of_accounts
from tests.poison.model import Drawn, Place, Poison
from tests.poison.world import World

Draw = Callable[[World, Random, Drawn], Iterator[Poison]]
KINDS: dict[Place, Draw] = {
    Place.RECEIVER: coming_in.at_the_receiver,
    Place.COURSE: coming_in.at_a_course,
    Place.LEARNER: coming_in.at_a_learner,
    Place.OUTLINE: coming_in.at_an_outline,
    Place.PROGRESS: coming_in.at_the_progress,
    Place.NAME: coming_in.at_a_name,
    Place.STATEMENT: coming_in.at_a_statement,
    Place.ROW: database.at_a_row,
    Place.FAILURE_ROW: database.at_a_failure_row,
    Place.ANSWER: going_out.at_an_answer,
    Place.REQUEST: going_out.at_a_request,
    Place.DESTINATION: going_out.at_a_destination,
    Place.TOKEN: going_out.at_a_token,
    Place.VALUE: coming_in.at_a_value,
    Place.SECRET: of_accounts.at_a_secret,
    Place.RULE: of_accounts.at_a_rule,
    Place.LINK: of_accounts.at_a_link,
}
