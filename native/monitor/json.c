#include "json.h"

#include <stdbool.h>
#include <string.h>

static const char HEX[] = "0123456789abcdef";

// Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 when it is none.
static size_t utf8_length(const unsigned char *at, const unsigned char *end) {
  unsigned char first = at[0], low = 0x80, high = 0xbf;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || (size_t)(end - at) < length) return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

static char *unicode_escape(char *out, unsigned code) {
  *out++ = '\\';
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *out++ = HEX[code >> shift & 15];
  return out;
}

static bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' && byte != '&';
}

static char *escape_ascii(char *out, unsigned char byte) {
  char letter = byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte == '"' || byte == '\\' ? (char)byte : 0;
  if (!letter) return unicode_escape(out, byte);
  *out++ = '\\';
  *out++ = letter;
  return out;
}

char *json_escape(char *out, const char *text, size_t length) {
  const unsigned char *at = (const void *)text, *end = at + length;
  while (at < end) {
    if (is_plain(*at)) {
      *out++ = (char)*at++;
    } else if (*at < 0x80) {
      out = escape_ascii(out, *at++);
    } else {
      size_t sequence = utf8_length(at, end);
      // U+2028 and U+2029 end a line in JavaScript; each byte that is no UTF-8 becomes U+FFFD.
      if (sequence == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8) {
        out = unicode_escape(out, 0x2000u | (at[2] & 0x3f));
      } else if (sequence) {
        memcpy(out, at, sequence);
        out += sequence;
      } else {
        out = unicode_escape(out, 0xfffd);
      }
      at += sequence ? sequence : 1;
    }
  }
  return out;
}

static char *digits(char *out, unsigned value, int count) {
  for (int i = count - 1; i >= 0; i--, value /= 10) out[i] = (char)('0' + value % 10);
  return out + count;
}

char *rfc3339_nano(char *out, struct timespec time) {
  // Log lines come by the thousand in one second: its text is kept.
  static char second_text[19];
  static time_t second = -1;
  if (time.tv_sec != second) {
    struct tm tm;
    gmtime_r(&time.tv_sec, &tm);
    char *at = digits(second_text, (unsigned)tm.tm_year + 1900, 4);
    const unsigned fields[] = {(unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday, (unsigned)tm.tm_hour,
                               (unsigned)tm.tm_min, (unsigned)tm.tm_sec};
    for (int i = 0; i < 5; i++) {
      *at++ = "--T::"[i];
      at = digits(at, fields[i], 2);
    }
    second = time.tv_sec;
  }
  memcpy(out, second_text, sizeof second_text);
  out += sizeof second_text;
  if (time.tv_nsec) {
    *out = '.';
    out = digits(out + 1, (unsigned)time.tv_nsec, 9);
    while (out[-1] == '0') out--;
  }
  *out++ = 'Z';
  return out;
}
