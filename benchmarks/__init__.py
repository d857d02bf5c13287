"""Measurements: speed beside peers, with the quality reached and the machine it was on."""
