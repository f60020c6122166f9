"""Templates to candidates: who in the gallery is most like a face."""
