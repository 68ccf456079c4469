"""The annotated defaults of every setting."""
