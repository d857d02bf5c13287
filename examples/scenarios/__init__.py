"""Four businesses that hold conversations: a shop, a streaming service, courses, a health library.

Each folder is one of them: ``items.csv``, its catalogue (all of it invented), and ``talks.toml``,
conversations with what is expected of every reply. The policies are those of the packaged domain
of the same name. Run them with ``python -m examples.scenarios``.
"""
