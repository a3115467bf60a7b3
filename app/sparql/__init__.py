"""SPARQL as text: its tokens, and the operations of an update. Nothing here evaluates anything."""
