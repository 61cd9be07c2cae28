package notes;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

/** Runs against the real server on a free port; the build fails when something here is not as it should be. */
public final class ApplicationTest {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static String base;

  public static void main(String[] arguments) throws Exception {
    Path directory = Files.createTempDirectory("notes");
    Application first = new Application(0, directory);
    base = "http://127.0.0.1:" + first.start();
    expect(200, "\"status\":\"UP\"", ask("GET", "/health", null));
    expect(200, "\"version\":", ask("GET", "/version", null));
    expect(200, "No notes yet", ask("GET", "/", null));
    expect(201, "\"id\":1", ask("POST", "/api/notes", "{\"text\": \"buy <b>milk</b>\\n\\u00e4\"}"));
    expect(200, "buy &lt;b&gt;milk", ask("GET", "/", null));
    expect(303, "", ask("POST", "/", "text=from+a+form"));
    expect(200, "from a form", ask("GET", "/api/notes/2", null));
    expect(400, "needs a text", ask("POST", "/api/notes", "{\"text\": \" \"}"));
    expect(400, "is missing", ask("POST", "/api/notes", "{}"));
    expect(404, "no note 9", ask("GET", "/api/notes/9", null));
    expect(204, "", ask("DELETE", "/api/notes/2", null));
    expect(404, "nothing at", ask("GET", "/nowhere", null));
    first.stop();
    Application second = new Application(0, directory);
    base = "http://127.0.0.1:" + second.start();
    expect(200, "[{\"id\":1,\"text\":\"buy <b>milk</b>\\nä\"", ask("GET", "/api/notes", null));
    second.stop();
    System.out.println("14 replies were as they should be");
  }

  private static HttpResponse<String> ask(String method, String path, String body) throws Exception {
    HttpRequest.BodyPublisher publisher =
        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
    HttpRequest request = HttpRequest.newBuilder(URI.create(base + path)).method(method, publisher).build();
    return CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private static void expect(int status, String part, HttpResponse<String> reply) {
    if (reply.statusCode() == status && reply.body().contains(part)) return;
    throw new AssertionError(reply.request() + ": " + reply.statusCode() + " " + reply.body() + " instead of " + status + " " + part);
  }
}
