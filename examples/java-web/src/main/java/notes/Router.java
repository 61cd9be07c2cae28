package notes;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Pages for people, JSON for programs, and what a container's keeper asks for. */
final class Router implements HttpHandler {
  private static final int MAX_BODY = 64 * 1024;
  private static final String JSON = "application/json";

  private final NoteStore store;
  private final Version version;
  private final Pages pages;
  private volatile boolean leaving;
  private volatile long lastRequest = System.nanoTime();

  Router(NoteStore store, Version version) throws IOException {
    this.store = store;
    this.version = version;
    this.pages = new Pages(version);
  }

  /** From now on each answer ends its connection, so that its client makes the next one, to another replica. */
  void sayGoodbye() {
    leaving = true;
  }

  long millisSinceRequest() {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - lastRequest);
  }

  @Override
  public void handle(HttpExchange exchange) throws IOException {
    lastRequest = System.nanoTime();
    try (exchange) {
      if (leaving) exchange.getResponseHeaders().set("Connection", "close");
      Reply reply = replyTo(exchange);
      byte[] body = reply.body().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", reply.type() + "; charset=utf-8");
      if (reply.location() != null) exchange.getResponseHeaders().set("Location", reply.location());
      boolean isHead = exchange.getRequestMethod().equals("HEAD");
      exchange.sendResponseHeaders(reply.status(), isHead || body.length == 0 ? -1 : body.length);
      if (!isHead && body.length > 0) exchange.getResponseBody().write(body);
    }
  }

  private Reply replyTo(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod().equals("HEAD") ? "GET" : exchange.getRequestMethod();
    String path = exchange.getRequestURI().getPath();
    try {
      switch (method + " " + path) {
        case "GET /":
          return Reply.page(pages.list(store.list()));
        case "POST /":
          store.add(checked(formValue(read(exchange), "text")));
          return new Reply(303, "text/plain", "", "/");
        case "GET /style.css":
          return new Reply(200, "text/css", pages.style(), null);
        case "GET /health":
          return new Reply(200, JSON, "{\"status\":\"UP\",\"notes\":" + store.list().size() + "}", null);
        case "GET /version":
          return new Reply(200, JSON, version.toJson(), null);
        case "GET /api/notes":
          return new Reply(200, JSON, store.list().stream().map(Note::toJson).collect(Collectors.joining(",", "[", "]")), null);
        case "POST /api/notes":
          Note added = store.add(checked(Json.stringMember(read(exchange), "text")));
          return new Reply(201, JSON, added.toJson(), "/api/notes/" + added.id());
        default:
          return path.startsWith("/api/notes/") ? oneNote(method, path) : Reply.error(404, "there is nothing at " + path);
      }
    } catch (IllegalArgumentException problem) {
      return Reply.error(400, problem.getMessage());
    }
  }

  private Reply oneNote(String method, String path) throws IOException {
    long id = Long.parseLong(path.substring("/api/notes/".length()));
    Optional<Note> note = store.find(id);
    if (note.isEmpty()) return Reply.error(404, "there is no note " + id);
    return switch (method) {
      case "GET" -> new Reply(200, JSON, note.get().toJson(), null);
      case "DELETE" -> {
        store.remove(id);
        yield new Reply(204, JSON, "", null);
      }
      default -> Reply.error(405, method + " means nothing here");
    };
  }

  private static String read(HttpExchange exchange) throws IOException {
    try (InputStream body = exchange.getRequestBody()) {
      byte[] bytes = body.readNBytes(MAX_BODY + 1);
      if (bytes.length > MAX_BODY) throw new IllegalArgumentException("the body is longer than " + MAX_BODY + " bytes");
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  private static String checked(String text) {
    if (text.isBlank()) throw new IllegalArgumentException("a note needs a text");
    return text.strip();
  }

  private static String formValue(String form, String name) {
    for (String pair : form.split("&")) {
      String[] parts = pair.split("=", 2);
      if (parts[0].equals(name) && parts.length == 2) return URLDecoder.decode(parts[1], StandardCharsets.UTF_8);
    }
    throw new IllegalArgumentException("the field " + name + " is missing");
  }

  record Reply(int status, String type, String body, String location) {
    static Reply page(String html) {
      return new Reply(200, "text/html", html, null);
    }

    static Reply error(int status, String message) {
      return new Reply(status, JSON, "{\"error\":" + Json.quote(message) + "}", null);
    }
  }
}
