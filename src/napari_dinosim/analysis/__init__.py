"""What people do with maps and embeddings; each module stands alone and is imported where it is used."""
