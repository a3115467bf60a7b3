import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import org.eclipse.rdf4j.federated.FedXConfig;
import org.eclipse.rdf4j.federated.FedXFactory;
import org.eclipse.rdf4j.federated.endpoint.Endpoint;
import org.eclipse.rdf4j.federated.endpoint.EndpointFactory;
import org.eclipse.rdf4j.federated.repository.FedXRepository;
import org.eclipse.rdf4j.query.resultio.sparqljson.SPARQLResultsJSONWriter;
import org.eclipse.rdf4j.repository.RepositoryConnection;
import org.eclipse.rdf4j.repository.sail.SailRepository;
import org.eclipse.rdf4j.sail.memory.MemoryStore;

/**
 * Asks a FedX federation. The arguments are its members: addresses of SPARQL endpoints, and RDF files that it holds
 * itself. Each line of standard input is a SELECT query as a JSON string; each line of standard output its solutions as
 * SPARQL JSON, or an object with the member "error".
 */
public class Ask {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] members) throws Exception {
        List<Endpoint> endpoints = new ArrayList<>();
        for (String member : members) {
            endpoints.add(member.startsWith("http") ? EndpointFactory.loadSPARQLEndpoint(member) : local(member));
        }
        // Its own limit of 30 seconds is off: who runs it has one.
        FedXConfig config = new FedXConfig().withEnforceMaxQueryTime(0);
        FedXRepository federation = FedXFactory.newFederation().withMembers(endpoints).withConfig(config).create();
        BufferedReader queries = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (RepositoryConnection connection = federation.getConnection()) {
            for (String line; (line = queries.readLine()) != null; ) {
                System.out.write(answer(connection, JSON.readValue(line, String.class)));
                System.out.println();
                System.out.flush();
            }
        }
        federation.shutDown();
        System.exit(0); // Its pools of threads would keep it for a minute.
    }

    private static Endpoint local(String file) throws Exception {
        SailRepository repository = new SailRepository(new MemoryStore());
        try (RepositoryConnection connection = repository.getConnection()) {
            connection.add(new File(file));
        }
        return EndpointFactory.loadEndpoint("file", repository);
    }

    private static byte[] answer(RepositoryConnection connection, String query) throws Exception {
        ByteArrayOutputStream solutions = new ByteArrayOutputStream();
        SPARQLResultsJSONWriter writer = new SPARQLResultsJSONWriter(solutions);
        writer.getWriterConfig().set(org.eclipse.rdf4j.rio.helpers.BasicWriterSettings.PRETTY_PRINT, false);
        try {
            connection.prepareTupleQuery(query).evaluate(writer);
        } catch (RuntimeException error) {
            return JSON.writeValueAsBytes(Map.of("error", String.valueOf(error.getMessage())));
        }
        return solutions.toByteArray();
    }
}
