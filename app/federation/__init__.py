"""SERVICE: the clauses of a query that other endpoints answer (W3C SPARQL 1.1 Federated Query)."""
