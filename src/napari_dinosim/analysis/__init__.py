"""What a person does with maps and embeddings: answers that people take away. Each module stands for itself."""
