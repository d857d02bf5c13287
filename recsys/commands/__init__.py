"""The commands of ``alsatian``, and what they share: options and output."""
