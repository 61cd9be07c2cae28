import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.Executors;

/** What is in stock: `schema` makes the table, `serve` answers over HTTP. */
public final class Inventory {
  private record Answer(int status, String body) {}

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("schema")) createTable();
    else serve();
  }

  private static Connection connect() throws SQLException, IOException {
    String password = Files.readString(Path.of("/run/secrets/db-password")).strip();
    return DriverManager.getConnection(System.getenv("JDBC_URL") + "&password=" + password);
  }

  private static void createTable() throws SQLException, IOException {
    try (Connection database = connect(); var statement = database.createStatement()) {
      statement.execute("CREATE TABLE IF NOT EXISTS items (name text PRIMARY KEY, count int NOT NULL)");
    }
    System.out.println("the table is there");
  }

  private static void serve() throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 128);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/", Inventory::handle);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      server.stop(2);
      System.out.println("stopped");
    }));
    server.start();
    System.out.println("listening on port 8080");
  }

  private static void handle(HttpExchange exchange) throws IOException {
    Answer answer;
    try {
      answer = answer(exchange);
    } catch (SQLException problem) {
      answer = new Answer(503, "{\"error\": \"the database does not answer\"}");
    } catch (NumberFormatException problem) {
      answer = new Answer(400, "{\"error\": \"count is no number\"}");
    }
    byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(answer.status(), bytes.length);
    try (var body = exchange.getResponseBody()) {
      body.write(bytes);
    }
  }

  private static Answer answer(HttpExchange exchange) throws SQLException, IOException {
    String route = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
    return switch (route) {
      case "GET /health" -> new Answer(200, "{\"status\": \"UP\"}");
      case "GET /items" -> new Answer(200, list());
      case "POST /items" -> add(form(exchange));
      default -> new Answer(404, "{\"error\": \"there is nothing here\"}");
    };
  }

  private static String list() throws SQLException, IOException {
    StringJoiner items = new StringJoiner(", ", "{\"shop\": " + quoted(System.getenv("SHOP")) + ", \"items\": {", "}}");
    try (Connection database = connect();
        var statement = database.createStatement();
        var rows = statement.executeQuery("SELECT name, count FROM items ORDER BY name")) {
      while (rows.next()) items.add(quoted(rows.getString(1)) + ": " + rows.getInt(2));
    }
    return items.toString();
  }

  private static Answer add(Map<String, String> form) throws SQLException, IOException {
    String name = form.getOrDefault("name", "");
    int count = Integer.parseInt(form.getOrDefault("count", "1"));
    if (name.isEmpty()) return new Answer(400, "{\"error\": \"name is wanted\"}");
    String sql = "INSERT INTO items VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = items.count + EXCLUDED.count";
    try (Connection database = connect(); var statement = database.prepareStatement(sql)) {
      statement.setString(1, name);
      statement.setInt(2, count);
      statement.executeUpdate();
    }
    return new Answer(201, "{\"name\": " + quoted(name) + "}");
  }

  private static Map<String, String> form(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    Map<String, String> values = new HashMap<>();
    for (String pair : body.split("&")) {
      String[] parts = pair.split("=", 2);
      if (parts.length == 2) values.put(decoded(parts[0]), decoded(parts[1]));
    }
    return values;
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }
}
