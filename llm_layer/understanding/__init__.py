"""Understanding: what a message asks for, by rules and the catalogue, or by a language model."""
