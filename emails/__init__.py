"""The letters' templates: a folder each with `subject.txt`, `body.txt` and `body.html`, filled from `billing.emails`."""
