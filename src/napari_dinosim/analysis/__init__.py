"""What a person does with embeddings and maps; each analysis is a module of its own."""
