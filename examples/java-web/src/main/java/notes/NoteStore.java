package notes;

import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/** Notes in memory, with every change appended to a file, so that they outlive the container that wrote them. */
final class NoteStore implements Closeable {
  private final TreeMap<Long, Note> notes = new TreeMap<>();
  private final BufferedWriter journal;
  private long lastId;

  private NoteStore(Path file) throws IOException {
    Files.createDirectories(file.getParent());
    if (Files.exists(file)) {
      for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) replay(line.split("\t", 4));
    }
    journal = Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  static NoteStore open(Path file) throws IOException {
    return new NoteStore(file);
  }

  private void replay(String[] fields) {
    long id = Long.parseLong(fields[1]);
    lastId = Math.max(lastId, id);
    if (fields[0].equals("-")) notes.remove(id);
    else notes.put(id, new Note(id, unescape(fields[3]), Instant.parse(fields[2])));
  }

  synchronized Note add(String text) throws IOException {
    Note note = new Note(++lastId, text, Instant.now());
    write("+\t" + note.id() + "\t" + note.createdAt() + "\t" + escape(text));
    notes.put(note.id(), note);
    return note;
  }

  synchronized boolean remove(long id) throws IOException {
    if (notes.remove(id) == null) return false;
    write("-\t" + id);
    return true;
  }

  synchronized Optional<Note> find(long id) {
    return Optional.ofNullable(notes.get(id));
  }

  /** Newest first. */
  synchronized List<Note> list() {
    return new ArrayList<>(notes.descendingMap().values());
  }

  private void write(String line) throws IOException {
    journal.write(line);
    journal.newLine();
    journal.flush();
  }

  @Override
  public synchronized void close() throws IOException {
    journal.close();
  }

  private static String escape(String text) {
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r");
  }

  private static String unescape(String text) {
    StringBuilder result = new StringBuilder();
    for (int at = 0; at < text.length(); at++) {
      char next = text.charAt(at);
      if (next != '\\' || at + 1 == text.length()) {
        result.append(next);
        continue;
      }
      char code = text.charAt(++at);
      result.append(code == 'n' ? '\n' : code == 't' ? '\t' : code == 'r' ? '\r' : code);
    }
    return result.toString();
  }
}
