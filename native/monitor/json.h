// JSON text as Go's encoder and Docker's logs write it, and times as Go's RFC3339Nano.
#pragma once
#include <stddef.h>
#include <time.h>

enum { JSON_MAX_GROWTH = 6, RFC3339_NANO_MAX = 32 };

// Writes `text` escaped, without quotes. `out` needs JSON_MAX_GROWTH bytes for each of text's. Returns the end.
char *json_escape(char *out, const char *text, size_t length);
// Writes e.g. 2026-01-02T03:04:05.6Z, at most RFC3339_NANO_MAX bytes. Returns the end.
char *rfc3339_nano(char *out, struct timespec time);
