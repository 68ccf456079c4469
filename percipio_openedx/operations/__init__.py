"""What operators do: status, doctor, back-fill, reconcile, requeue, prune. ``admin`` and ``management`` show it."""
