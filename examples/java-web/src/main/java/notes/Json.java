package notes;

/** As much JSON as this application speaks: strings to write, and one string member to read. */
final class Json {
  private Json() {}

  static String quote(String text) {
    StringBuilder result = new StringBuilder("\"");
    for (char next : text.toCharArray()) {
      switch (next) {
        case '"' -> result.append("\\\"");
        case '\\' -> result.append("\\\\");
        case '\n' -> result.append("\\n");
        case '\r' -> result.append("\\r");
        case '\t' -> result.append("\\t");
        default -> result.append(next < 0x20 ? String.format("\\u%04x", (int) next) : String.valueOf(next));
      }
    }
    return result.append('"').toString();
  }

  /** The value of a string member of an object without nesting. @throws IllegalArgumentException when it is not there */
  static String stringMember(String object, String name) {
    int at = object.indexOf(quote(name));
    if (at < 0) throw new IllegalArgumentException("the member " + quote(name) + " is missing");
    at = skipBlanks(object, at + name.length() + 2);
    if (at >= object.length() || object.charAt(at) != ':') throw new IllegalArgumentException("a colon is missing");
    at = skipBlanks(object, at + 1);
    if (at >= object.length() || object.charAt(at) != '"') {
      throw new IllegalArgumentException(quote(name) + " must be a string");
    }
    return unquote(object, at + 1);
  }

  private static int skipBlanks(String text, int at) {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) at++;
    return at;
  }

  private static String unquote(String text, int start) {
    StringBuilder result = new StringBuilder();
    for (int at = start; at < text.length(); at++) {
      char next = text.charAt(at);
      if (next == '"') return result.toString();
      if (next != '\\') {
        result.append(next);
        continue;
      }
      if (++at == text.length()) break;
      char code = text.charAt(at);
      switch (code) {
        case 'n' -> result.append('\n');
        case 'r' -> result.append('\r');
        case 't' -> result.append('\t');
        case 'b' -> result.append('\b');
        case 'f' -> result.append('\f');
        case 'u' -> {
          if (at + 4 >= text.length()) throw new IllegalArgumentException("an escape is cut off");
          result.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
          at += 4;
        }
        default -> result.append(code);
      }
    }
    throw new IllegalArgumentException("a string has no end");
  }
}
