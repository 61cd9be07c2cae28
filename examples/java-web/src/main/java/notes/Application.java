package notes;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Starts the web server and ends it in order when the container is stopped. */
public final class Application {
  private static final int GRACE_SECONDS = 5;
  /** So long without a request, and the clients have left. */
  private static final long QUIET_MILLIS = 250;

  static {
    // Head and body of an answer are written one after the other: the second shall not wait for the first to be acknowledged.
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  private final HttpServer server;
  private final Router router;
  private final ExecutorService workers = Executors.newFixedThreadPool(16);
  private final NoteStore store;

  Application(int port, Path directory) throws IOException {
    store = NoteStore.open(directory.resolve("notes.tsv"));
    server = HttpServer.create(new InetSocketAddress(port), 128);
    server.setExecutor(workers);
    router = new Router(store, Version.read());
    server.createContext("/", router);
  }

  /** The port that it listens on; asked for when 0 was given. */
  int start() {
    server.start();
    return server.getAddress().getPort();
  }

  /**
   * Sends clients with a lasting connection elsewhere, lets requests under way finish, then closes the file. A connection that were closed
   * between two requests could lose the second: so each is closed by an answer that says so, while there are any.
   */
  void stop() throws IOException, InterruptedException {
    router.sayGoodbye();
    long last = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
    while (router.millisSinceRequest() < QUIET_MILLIS && System.nanoTime() < last) Thread.sleep(10);
    server.stop(GRACE_SECONDS);
    workers.shutdown();
    workers.awaitTermination(GRACE_SECONDS, TimeUnit.SECONDS);
    store.close();
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
    Path directory = Path.of(System.getenv().getOrDefault("DATA", "/data"));
    Application application = new Application(port, directory);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      System.out.println("stopping");
      try {
        application.stop();
        System.out.println("stopped");
      } catch (IOException | InterruptedException problem) {
        System.err.println("could not stop in order: " + problem);
      } finally {
        stopped.countDown();
      }
    }));
    System.out.println("listening on port " + application.start());
    stopped.await();
  }
}
