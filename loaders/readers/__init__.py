"""One module a source: a document goes in, a `loaders.record.Study` comes out. Readers know nothing of RDF."""
