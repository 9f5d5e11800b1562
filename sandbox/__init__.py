"""Everything that makes the product run on one laptop: a database, a Temporal server, imitated vendors, a mailbox.

Nothing in production imports this package. It composes the same worker, activities and adapters as production does and
only supplies the services around them, so that a story played here is the story that would play there.
"""
