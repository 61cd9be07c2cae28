// The state as frames, for one connection or for all.
#pragma once
#include "connection.h"

void send_hello(struct connection *connection);
void send_started(struct connection *connection);
// How it ended: `exited` or `failed`.
void send_end(struct connection *connection);
// All that a new connection must hear.
void welcome(struct connection *connection);
void tell_all(void (*tell)(struct connection *));
