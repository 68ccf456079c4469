"""The first room: what happens in the LMS becomes a hint, in the learner's own transaction."""
