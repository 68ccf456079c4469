"""Step 1: turn a signal of the LMS into a notice, in the learner's own transaction. ``reporting`` takes it up."""
