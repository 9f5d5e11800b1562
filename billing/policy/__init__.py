"""Versioned, typed, self-checking policy data: every business number lives here and nowhere else."""
