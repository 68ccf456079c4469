"""Step 1: a signal of the LMS becomes a notice, in the learner's own transaction. ``reporting`` takes it up."""
