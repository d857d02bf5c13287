"""Wording: from a plan to sentences, by templates or by a language model under the check."""
