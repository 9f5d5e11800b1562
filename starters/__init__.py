"""How people and machines reach the runbooks: start a case, tell it something, ask what it has come to."""
