"""Checking: what a reply claims, kind by kind; :mod:`llm_layer.grounding` puts them together."""
