"""The runbooks. Each is one durable workflow, and `workflows.registry` names them all."""
