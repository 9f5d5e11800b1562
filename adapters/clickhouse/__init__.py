"""ClickHouse as a store of usage events that roll-ups can be added up from."""
