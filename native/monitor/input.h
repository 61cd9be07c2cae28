// The process's stdin: what connections sent and it has not read yet.
#pragma once
#include "connection.h"

// A piece of a connection's stdin frame.
void take_input(struct connection *connection, const char *bytes, size_t length);
// Writes what waits; then closes the pipe if that was asked for.
void write_input(void);
// The process reads no more, or shall get no more: bytes that wait are thrown away.
void close_input(void);
// The process has closed its end.
void lose_input(void);
