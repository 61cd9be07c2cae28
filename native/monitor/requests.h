// What the daemon's frames ask for.
#pragma once
#include "connection.h"

extern const struct connection_handler REQUESTS;
