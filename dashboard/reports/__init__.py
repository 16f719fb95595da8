"""Documents about an evaluation for those who were not there: HTML and Markdown."""
