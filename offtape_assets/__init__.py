"""Offtape: a workflow-orchestrated warehouse for event-day information diffusion."""
