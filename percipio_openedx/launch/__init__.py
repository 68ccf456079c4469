"""The launch address: from an item of Percipio's catalog to the course run that is right for this learner."""
