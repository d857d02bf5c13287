"""Alsatian's recommender engine: ALS factors, exact and approximate retrieval, batch jobs."""
