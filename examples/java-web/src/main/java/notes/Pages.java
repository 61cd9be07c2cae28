package notes;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The pages, filled from templates in the archive. */
final class Pages {
  private final String list;
  private final String style;
  private final Version version;

  Pages(Version version) throws IOException {
    this.version = version;
    list = resource("/pages/list.html");
    style = resource("/pages/style.css");
  }

  String style() {
    return style;
  }

  String list(List<Note> notes) {
    StringBuilder items = new StringBuilder();
    for (Note note : notes) {
      items.append("<li><p>").append(escape(note.text())).append("</p><time>").append(note.createdAt()).append("</time></li>\n");
    }
    String shown = notes.isEmpty() ? "<li class=\"none\">No notes yet.</li>" : items.toString();
    return list.replace("{{notes}}", shown).replace("{{version}}", escape(version.number()));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }

  private static String resource(String path) throws IOException {
    try (InputStream file = Pages.class.getResourceAsStream(path)) {
      if (file == null) throw new IOException("the archive has no " + path);
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
