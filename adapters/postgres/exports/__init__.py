"""COPY out of Postgres into files: streamed, hashed, harmless in a spreadsheet; for evidence and for whoever exports."""
