"""Alsatian's language layer: conversation around recommendations, every claim checked."""
