"""Speech probabilities, and the state machine that turns them into spans."""
