"""The demo: twelve stories played on the real stack, each through the doors a customer or an operator would use."""

from sandbox.demo.programme import play

__all__ = ["play"]
