"""Sessions and queries as files: what was searched, for what and how, so that it can be done again."""
