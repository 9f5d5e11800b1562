"""Reproducible measurements, each as a ratio to the plainest way of doing the same on the same machine."""
