"""The catalogue as the language layer sees it: titles, genres, people, columns, keywords."""
