"""Letters as people receive them: rendered in plain text and HTML, and handed to a mail server exactly as they are."""
