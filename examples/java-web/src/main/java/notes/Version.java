package notes;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** What was built, from what: written into the archive by the Dockerfile. */
record Version(String number, String revision) {
  static Version read() throws IOException {
    Properties properties = new Properties();
    try (InputStream file = Version.class.getResourceAsStream("/version.properties")) {
      if (file != null) properties.load(file);
    }
    return new Version(properties.getProperty("version", "unknown"), properties.getProperty("revision", "unknown"));
  }

  String toJson() {
    String java = Json.quote(Runtime.version().toString());
    return "{\"version\":" + Json.quote(number) + ",\"revision\":" + Json.quote(revision) + ",\"java\":" + java + "}";
  }
}
