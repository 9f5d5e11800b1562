"""What the simulator knows: its objects, kept on disk when asked to, and the account as one request sees it."""
